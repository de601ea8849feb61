"""A session as the fields of its Redis hash, and as the row SQL saves; and back, taking the newer part of each.

Laws: position and state go with ``seq``, the inventory with ``inventory_seq``; of Redis and SQL the higher one wins,
for each by itself. Fields that a hash has lost are taken from SQL. Only Redis knows which actions were applied: where
SQL was ahead of it, or the hash has lost anything, nobody may go on numbering.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from gameserver.failpoints import Guard, is_off
from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.profiles.records import Profile, Save
from gameserver.protocol.ids import PlayerId
from gameserver.session.lifecycle import SessionState
from gameserver.session.live_hash import BURNED, ITEM, KINDS, MINTED, NAMES, LiveHash, read
from gameserver.session.session import Dirty, Session
from gameserver.store.resp import hset_template, pack_hset
from gameserver.world.entity import Player
from gameserver.world.inventory import Holding, Inventory
from gameserver.world.scratch import Scratch, new_scratch
from gameserver.world.state import PlayerState, encode_state
from gameserver.world.stored_state import read_state

FIELDS: Final = len(NAMES)  # of a whole hash, without FIELDS_A_KIND for each kind of item
FIELDS_A_KIND: Final = 3
_PLACE: Final = hset_template(b"seq", b"tick", b"x", b"y", b"facing")


def write_changes(session: Session, batch: Batch) -> None:
    """Add the session's changes to ``batch``, under the next seq; they count as written from now on. Where this
    raises, nothing is added."""
    if not session.key:
        session.key = keys.session(session.player_id, session.epoch).encode()
    if session.dirty == Dirty.PLACE:
        _write_place(session, batch)
    else:
        batch.add(session.player_id, pack_hset(session.key, changed_fields(session)))


def changed_fields(session: Session) -> list[bytes]:
    """The fields that are behind, name and value in turn."""
    dirty, session.dirty = session.dirty, Dirty.NOTHING
    session.seq += 1
    fields = [b"seq", b"%d" % session.seq, b"tick", b"%d" % session.tick]
    for part, write in _PARTS:
        if dirty & part:
            write(session, fields)
    if dirty & Dirty.ITEMS:
        session.kinds_written = len(session.player.inventory._holdings)
    return fields


def fields_of(session: Session) -> int:
    """Return how many fields the session's hash has at least, if it is whole and has all that was written."""
    return FIELDS + FIELDS_A_KIND * session.kinds_written + session.foreign_fields


def _write_place(session: Session, batch: Batch) -> None:
    """Do the same for a player who only moved, as most do on most ticks."""
    session.dirty = Dirty.NOTHING
    session.seq += 1
    player = session.player
    batch.add_rendered(
        player.player_id, _PLACE, session.key, session.seq, session.tick, player.x, player.y, player.facing
    )


def first_fields(session: Session) -> dict[str, str]:
    """Return all fields, for a session that has no live state yet."""
    session.dirty = Dirty.ALL
    session.dirty_kinds.clear()  # none named: all
    fields = [field.decode() for field in changed_fields(session)]
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _place(session: Session, fields: list[bytes]) -> None:
    player = session.player
    fields += (b"x", b"%.4f" % player.x, b"y", b"%.4f" % player.y, b"facing", b"%d" % player.facing)


def _items(session: Session, fields: list[bytes]) -> None:
    inventory = session.player.inventory
    kinds = session.dirty_kinds or inventory._holdings.keys()
    for kind in kinds:
        quantity, minted, burned = inventory._holdings[kind]
        for prefix, value in ((ITEM, quantity), (MINTED, minted), (BURNED, burned)):
            fields += ((prefix + kind).encode(), b"%d" % value)
    fields += (b"inventory_seq", b"%d" % inventory._seq, b"kinds", b"%d" % len(inventory._holdings))
    session.dirty_kinds.clear()


def _state(session: Session, fields: list[bytes]) -> None:
    fields += (b"state", encode_state(session.player.state))


def _actions(session: Session, fields: list[bytes]) -> None:
    fields += (b"actions", session.player._internals.actions.encode().encode())


def _speech(session: Session, fields: list[bytes]) -> None:
    fields += (b"chat", msgspec.json.encode(session.player._internals.speech.record))


def _status(session: Session, fields: list[bytes]) -> None:
    fields += (
        b"name",
        session.player.name.encode(),
        b"zone",
        _kept_zone(session).encode(),
        b"status",
        session.state.encode(),
    )
    fields += (b"resume", " ".join(session.resume_hashes).encode())


_PARTS: tuple[tuple[int, Callable[[Session, list[bytes]], None]], ...] = (
    (Dirty.PLACE, _place),
    (Dirty.ITEMS, _items),
    (Dirty.STATE, _state),
    (Dirty.ACTIONS, _actions),
    (Dirty.SPEECH, _speech),
    (Dirty.STATUS, _status),
)


def waits_for_client_of(session: Session, live: Mapping[str, str]) -> bool:
    """Whether the live session of a newer epoch is this one, taken over by no client: it has none, and no new token."""
    newest = live.get("resume", "").split()[:1]
    return live.get("status") == SessionState.DISCONNECTED and newest in ([], list(session.resume_hashes[:1]))


def to_save(session: Session) -> Save:
    """Return the save of the session as it is now. If Redis was not sent all of it, the save has a seq of its own."""
    if session.dirty:
        session.seq += 1
    player = session.player
    return Save(
        player_id=session.player_id,
        epoch=session.epoch,
        seq=session.seq,
        zone=None if player.is_new else _kept_zone(session),
        x=player.x,
        y=player.y,
        facing=player.facing,
        state=encode_state(player.state),
        inventory_seq=player.inventory._seq,
        inventory=dict(player.inventory._holdings),
        seen=session.seen,
    )


def _kept_zone(session: Session) -> str:
    """Return the zone to keep: one that is gone, until the game has been told."""
    return session.player.lost_zone or session.zone


def player_of(
    profile: Profile, kind: int, state_type: type[PlayerState], scratch_type: type[Scratch] = Scratch
) -> Player:
    """Return the player as SQL has it. Raises StateUnreadable."""
    state = read_state(state_type, profile.state, _shown(profile.player_id, profile.name))
    player = Player(profile.player_id, profile.name, kind, profile.x, profile.y, state, new_scratch(scratch_type))
    player.facing = profile.facing
    player._internals.inventory = Inventory(profile.inventory, profile.inventory_seq)
    player._internals.is_new = profile.zone is None
    return player


def _shown(player_id: PlayerId, name: str) -> str:
    return f"player {player_id} ({name})"


def merge_newer(session: Session, fields: Mapping[str, str], state_type: type[PlayerState]) -> None:
    """Bring into ``session``, which is as SQL has it, what the live hash has that is newer. What the hash lacks stays
    as SQL has it. Raises StateUnreadable."""
    player = session.player
    live = read(fields, lambda stored: read_state(state_type, stored, _shown(player.player_id, player.name)))
    if live.applied is not None and _knows_what_was_applied(live, session.saved_seq, player.inventory._seq):
        player._internals.actions, session.resume_hashes = live.applied
    player._internals.speech = live.speech
    has_all = live.is_whole and KINDS in fields and live.seq > session.saved_seq
    if live.seq > session.saved_seq:
        _take_place_and_state(session, live)
    if live.inventory is not None and (live.inventory_seq > player.inventory._seq or is_off(Guard.INVENTORY_SEQUENCE)):
        player._internals.inventory = live.inventory
    elif live.inventory_seq != player.inventory._seq or live.inventory is None:
        has_all = False
        for kind in live.kinds.difference(player.inventory._holdings):
            player.inventory._holdings[kind] = Holding()  # to be written over Redis' fields of it
    session.kinds_written, session.foreign_fields = len(live.kinds), live.foreign_fields
    if not has_all:  # the next write brings the hash whole, lest old fields hide under a new seq
        session.dirty = Dirty.ALL
        session.dirty_kinds.update(player.inventory._holdings)


def _take_place_and_state(session: Session, live: LiveHash) -> None:
    player = session.player
    session.seq = live.seq
    if live.place is not None:
        session.zone, player.x, player.y, player.facing = live.place
        player._internals.lost_zone = None
    if live.state is not None:
        player.state = live.state
    # Before its first tick it was not let in yet: that a game does when a new player comes is still to be done. The
    # tick is taken over, too: a player who dies with us before our first tick is not new to the next node.
    session.tick = live.tick
    player._internals.is_new = player.is_new and session.tick == 0


def _knows_what_was_applied(live: LiveHash, saved_seq: int, saved_inventory_seq: int) -> bool:
    """Whether Redis's log of actions is as new as the session's other parts.

    A save may have reached SQL although the write of the same changes never reached Redis. An action of that write
    would be applied again when it is sent again. So such a session is not resumed: a new sign-in numbers anew, and the
    outcome of unanswered actions stays unknown. One exchange may be ahead: its action is answered from SQL. If the hash
    has lost fields, the effects of some actions are lost, too, so the same holds.
    """
    is_ahead = saved_seq > live.seq or saved_inventory_seq > live.inventory_seq + 1
    return live.is_whole and not is_ahead
