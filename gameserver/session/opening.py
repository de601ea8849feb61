"""Opening a session: claim in SQL (the epoch rises), open in Redis (one script), take the newer part of each."""

from __future__ import annotations

import structlog

from gameserver.clock import Clock
from gameserver.failpoints import Failpoint, Guard, is_off, reach
from gameserver.live.sessions import LiveSessions
from gameserver.profiles.edits import seen_in
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import Profile, SessionLogEntry
from gameserver.profiles.repository import NO_EPOCH, Profiles
from gameserver.protocol.ids import NodeId, PlayerId
from gameserver.session import tokens
from gameserver.session.record import first_fields, merge_newer, player_of
from gameserver.session.session import Dirty, Session
from gameserver.simulation.declared import wrong_zone
from gameserver.simulation.game import Game
from gameserver.sql.backlog import Backlog
from gameserver.store.connection import StoreUnavailable
from gameserver.world.entity import Player, note_kept_in, note_kept_nowhere
from gameserver.world.journal import Journal, undo_since
from gameserver.world.zone import ZoneSpec

LOOKS_MAX = 3

log = structlog.get_logger(__name__)


class Opener:
    """Makes this node the owner of a player."""

    def __init__(
        self,
        *,
        profiles: Profiles,
        exchanges: Exchanges,
        live: LiveSessions,
        session_log: Backlog[SessionLogEntry],
        node: NodeId,
        game: Game,
        clock: Clock,
    ):
        self._profiles = profiles
        self._exchanges = exchanges
        self._live = live
        self._session_log = session_log
        self._node = node
        self._game = game
        self._clock = clock

    async def open(self, player_id: PlayerId) -> Session:
        """The player's session under a new epoch.

        Raises ProfilesUnavailable, StoreUnavailable or StaleEpoch, with nothing to undo: an epoch that was issued and
        not used leaves a gap, and the reaper takes live or listed sessions without a session here.
        """
        # Ask first: a claim that Redis then makes useless would fence a player who plays elsewhere.
        owner = await self._live.owner(player_id)
        reach(Failpoint.OPEN_BEFORE_CLAIM)
        above = NO_EPOCH if owner is None else owner.epoch
        profile = await self._profiles.claim(player_id, self._node, above)
        reach(Failpoint.OPEN_AFTER_CLAIM)
        session = self._as_saved(profile)
        first = first_fields(session)
        is_of_now = not profile.is_behind or is_off(Guard.HISTORY)
        fields = await self._live.open(
            player_id,
            profile.epoch,
            self._node,
            session.zone,
            first,
            take_over=is_of_now,
            saved_epoch=profile.saved_epoch,
        )
        reach(Failpoint.OPEN_AFTER_REDIS)
        session.dirty = Dirty.NOTHING
        if fields != first:
            merge_newer(session, fields, self._game.state_type)
            await self._answer_committed(session)
            self._find_zone(session, session.player.lost_zone or session.zone)
        self._session_log.add(
            SessionLogEntry(player_id, session.epoch, node=self._node, opened_ms=session.opened_at_ms)
        )
        return session

    async def _answer_committed(self, session: Session) -> None:
        """Exchanges that SQL committed before Redis heard of them are answered, should they be asked for again."""
        actions = session.player._internals.actions
        prefix = f"{session.player_id}:{actions.lineage}:"
        for op_id in sorted(await self._exchanges.applied(prefix), key=_seq_of):
            if (seq := _seq_of(op_id)) and actions.status_of(seq) == "new":
                actions.finish(seq, "durable")

    async def token_is_good(self, player_id: PlayerId, token: str) -> bool:
        """Whether the token is of the live session in Redis, whoever owns it."""
        for _ in range(LOOKS_MAX):
            owner = await self._live.owner(player_id)
            is_ours = owner is not None and not owner.is_foreign
            fields = await self._live.read(player_id, owner.epoch) if owner and is_ours else None
            if not is_ours or fields is not None:
                break  # else it was moved between the two looks
        return fields is not None and tokens.fits(token, tuple(fields.get("resume", "").split()))

    async def is_taken_over(self, session: Session) -> bool:
        """Return whether another node has opened the player's session since; False while Redis is away. If Redis names
        no owner, the session may have been opened and have ended there: SQL knows. Raises ProfilesUnavailable then.
        """
        try:
            owner = await self._live.owner(session.player_id)
        except StoreUnavailable:
            return False
        if owner is not None:
            return owner.epoch > session.epoch
        profile = await self._profiles.current(session.player_id)
        return profile is not None and profile.epoch > session.epoch

    def _as_saved(self, profile: Profile) -> Session:
        kind = self._game.kinds.index(self._game.player_kind)
        player = player_of(profile, kind, self._game.state_type, self._game.scratch_type)
        session = Session(
            player=player,
            epoch=profile.epoch,
            zone="",
            seen=seen_in(profile, profile.saved_seq),
            seq=profile.saved_seq,
            saved_seq=profile.saved_seq,
            opened_at_ms=self._clock.wall_ms(),
            last_input_s=self._clock.monotonic_s(),
        )
        self._find_zone(session, profile.zone)
        return session

    def _find_zone(self, session: Session, name: str | None) -> None:
        """Put the session into the zone of that name. If the game has no such zone, it chooses another one, and the
        player stands in its middle: coordinates of one zone mean nothing in another."""
        player = session.player
        if name is not None and self._spec_of(name) is not None:
            session.zone = name
            return
        player._internals.lost_zone = name
        session.zone = self._first_zone_of(player)
        if name is not None and (spec := self._spec_of(session.zone)) is not None:
            player.x, player.y = spec.width / 2, spec.height / 2
            log.info("zone_lost", player_id=player.player_id, lost_zone=name, zone=session.zone)

    def _first_zone_of(self, player: Player) -> str:
        """Return the zone that the game chooses; the first one where it fails to name one of its zones."""
        first = self._game.zones[0].name
        journal: Journal = []
        note_kept_in(player, {}, journal)
        try:
            chosen = self._game.choose_zone(player)
        except BaseException:  # it awaits nothing, so any error is the game's own
            undo_since(journal, 0)
            log.exception("choose_zone_failed", player_id=player.player_id, zone=first)
            return first
        finally:
            note_kept_nowhere(player)
        if self._spec_of(chosen) is None:
            error = str(wrong_zone(type(self._game), chosen))
            log.error("zone_unknown", error=error, player_id=player.player_id, zone=first)
            return first
        return chosen

    def _spec_of(self, name: str) -> ZoneSpec | None:
        """Return the zone of that name, if the game has it."""
        return next((zone for zone in self._game.zones if zone.name == name), None)


def _seq_of(op_id: str) -> int:
    """The action's seq at the end of an op_id; 0 for an exchange the game itself asked for."""
    seq = op_id.rpartition(":")[2]
    return int(seq) if seq.isdigit() else 0
