"""Live sessions: the owner of each, and the hash it lives in.

Law: the key's name is the fence. A session is live when ``owner:{player}`` names its epoch; opening moves the hash to
the new epoch's name in one step, so whoever still writes under the old name changes nothing that is read. Live state
is deleted only by ``remove``, after its seq is committed in SQL.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

import structlog

from gameserver.failpoints import Failpoint, Guard, is_off, reach
from gameserver.live import keys
from gameserver.live.key_types import command_on
from gameserver.live.keys import SCRIPTS
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.pipeline import is_of_another_type
from gameserver.store.script import Script

log = structlog.get_logger(__name__)

_OPEN = Script(SCRIPTS / "open.lua")
_RESTORE = Script(SCRIPTS / "restore.lua")
_REMOVE = Script(SCRIPTS / "remove.lua")
_DISCARD = Script(SCRIPTS / "discard.lua")
log = structlog.get_logger(__name__)
NO_EPOCH = Epoch(0)
OPEN_TRIES_MAX = 5  # each further one means that somebody else opened or removed the session in between


class Owner(NamedTuple):
    """Content of the key ``owner:{player}``."""

    epoch: Epoch
    node: NodeId
    zone: str
    history: str = ""  # of SQL, in which the epoch was issued; empty where a release without histories wrote it
    is_foreign: bool = False  # the session is of another history than ours: it is given to nobody


class StaleEpoch(Exception):  # noqa: N818  an answer, not a malfunction
    """The player's session was opened under this epoch or a newer one."""


class Removal(StrEnum):
    """Result of ``LiveSessions.remove``."""

    REMOVED = "removed"
    NEWER = "newer"  # the hash holds a higher seq than was saved: save again
    NOT_OURS = "not_ours"  # another epoch is live; only our own dead hash was deleted
    GONE = "gone"  # there was nothing


class _Older(StrEnum):
    """The fate of the older epoch's hash when a session is opened, as the script spells it."""

    MOVED = "1"
    SET_ASIDE = "0"
    DELETED = "-"


class LiveSessions:
    """The session hashes of all players. Every method raises StoreUnavailable and may then be called again."""

    def __init__(self, store: Store):
        self._store = store
        self._opening: set[str] = set()  # entries of sessions whose open is under way
        self._history = ""  # of SQL; empty: none is kept
        self._adopts_unnamed = True

    def enter(self, history: str, *, adopts_unnamed: bool) -> None:
        """Use the sessions of this history only from now on, and those of no history if ``adopts_unnamed``."""
        self._history = history
        self._adopts_unnamed = adopts_unnamed

    def _is_foreign(self, history: str) -> bool:
        if not self._history or is_off(Guard.HISTORY):
            return False
        return history != self._history and not (history == "" and self._adopts_unnamed)

    async def owner(self, player: PlayerId) -> Owner | None:
        """Return the player's live session; None when there is none."""
        owner = _owner(await self._hash("owner", keys.owner(player)))
        return owner and owner._replace(is_foreign=self._is_foreign(owner.history))

    async def read(self, player: PlayerId, epoch: Epoch) -> dict[str, str] | None:
        """The fields under this epoch's name; None when there is no such hash."""
        fields = await self._hash("read", keys.session(player, epoch))
        return fields or None

    async def open(
        self,
        player: PlayerId,
        epoch: Epoch,
        node: NodeId,
        zone: str,
        initial: Mapping[str, str],
        *,
        take_over: bool = True,
        saved_epoch: Epoch = NO_EPOCH,
    ) -> dict[str, str]:
        """Make this epoch's session the live one and return its fields: those of the older epoch's session if one is
        live, else ``initial``. A session of another history is set aside, and so is any if not ``take_over``. One of an
        epoch before ``saved_epoch``, the one under which SQL was last saved, is deleted: its player has played on
        since, without it. Raises StaleEpoch when this epoch or a newer one is live already.

        The session is on the node's list before it is live, so a node that dies in between leaves an entry too many
        and never one too few.
        """
        entry = keys.node_session(player, epoch)
        self._opening.add(entry)
        try:
            await self.enlist({player: epoch}, node)
            reach(Failpoint.OPEN_ENLISTED)
            return await self._open_enlisted(player, epoch, node, zone, initial, take_over, saved_epoch)
        finally:
            self._opening.discard(entry)

    async def restore(
        self, player: PlayerId, epoch: Epoch, node: NodeId, zone: str, fields: Mapping[str, str], before: Owner | None
    ) -> None:
        """Make our session, of which the server has lost the pointer (``before`` is what it has instead), the live one
        again. ``fields`` are all of it; those that ticks have written meanwhile are kept. Raises StaleEpoch when a
        newer epoch is live, and StoreUnavailable also when the pointer is not ``before`` any more."""
        await self.enlist({player: epoch}, node)
        old_epoch = epoch if before is None or before.is_foreign else before.epoch
        where = [keys.owner(player), keys.session(player, epoch), keys.session(player, old_epoch)]
        believed = "" if before is None else before.epoch
        args: list[str | int] = [epoch, node, zone, believed, self._history, *chain.from_iterable(fields.items())]
        outcome = await self._run(_RESTORE, where, args)
        if outcome == "stale":
            await self._strike(player, epoch, node)
            raise StaleEpoch(f"player {player}: a newer epoch than {epoch} is live")
        if outcome == "moved":
            raise StoreUnavailable(f"restore: the owner of player {player} changed")
        if before is not None and before.node == node and before.epoch != epoch:
            await self._strike(player, before.epoch, node)

    async def remove(self, player: PlayerId, epoch: Epoch, node: NodeId, saved_seq: int) -> Removal:
        """Delete the session after ``saved_seq`` was committed. No write of it may be under way or follow."""
        where = [keys.owner(player), keys.session(player, epoch)]
        removal = Removal(await self._run(_REMOVE, where, [epoch, saved_seq]))
        if removal is not Removal.NEWER:
            await self._strike(player, epoch, node)
        return removal

    async def discard(self, player: PlayerId, epoch: Epoch, node: NodeId) -> None:
        """After being fenced: delete what we wrote under our dead epoch's name and take it off the node's list. The
        pointer and the session it names are never touched."""
        where = [keys.owner(player), keys.session(player, epoch)]
        if await self._run(_DISCARD, where, [epoch]):
            await self._strike(player, epoch, node)

    async def sessions_of(self, node: NodeId) -> set[PlayerId]:
        """Players on the node's list. Some may have moved on: ``owner`` tells."""
        members = await self._members(node)
        return {keys.player_of(member) for member in members}

    async def enlist(self, sessions: Mapping[PlayerId, Epoch], node: NodeId) -> None:
        """Put them on the node's list, where they were already unless the server has lost it."""
        members = [keys.node_session(player, epoch) for player, epoch in sessions.items()]
        await command_on(self._store, "enlist", "SADD", keys.node_sessions(node), *members)

    async def ignore(self, player: PlayerId, node: NodeId) -> None:
        """Take the player, whose session is of another history, off the node's list. The session stays where it is
        until the player's next session sets it aside."""
        key = keys.node_sessions(node)
        members = await self._members(node)
        for member in members:
            if keys.player_of(member) == player and member not in self._opening:
                await command_on(self._store, "strike", "SREM", key, member)

    async def strike_stale(self, player: PlayerId, node: NodeId) -> None:
        """Take every entry of the player off the node's list, except one whose session is live on that node, and delete
        what was written under the dead epochs' names.

        The list is read before the owner, and what is being opened meanwhile is left alone: an entry is there before
        its session is live, and would look stale.
        """
        members = await self._members(node)
        keep = set(self._opening)
        owner = await self.owner(player)
        if owner is not None and owner.node == node:
            keep.add(keys.node_session(player, owner.epoch))
        for member in members:
            if keys.player_of(member) == player and member not in keep:
                await self.discard(player, keys.epoch_of(member), node)

    async def _open_enlisted(
        self,
        player: PlayerId,
        epoch: Epoch,
        node: NodeId,
        zone: str,
        initial: Mapping[str, str],
        take_over: bool,
        saved_epoch: Epoch,
    ) -> dict[str, str]:
        for _ in range(OPEN_TRIES_MAX):
            before = await self.owner(player)
            older = _Older.SET_ASIDE if not take_over else _fate_of(before, saved_epoch)
            outcome, fields = await self._try_open(player, epoch, node, zone, initial, before, older)
            if outcome == "stale":
                await self._strike(player, epoch, node)
                raise StaleEpoch(f"player {player}: epoch {epoch} is not newer than {fields[0]}")
            if outcome == "opened":
                if before is not None:
                    _log_fate(player, before, older)
                    await self._strike_older(player, before, node)
                return dict(zip(fields[::2], fields[1::2], strict=True))
        raise StoreUnavailable(f"open: the owner of player {player} changed {OPEN_TRIES_MAX} times")

    async def _strike_older(self, player: PlayerId, before: Owner, node: NodeId) -> None:
        """Take the older session off this node's list. Another node's entry leads to what that node may yet write."""
        if before.node == node:
            with suppress(StoreUnavailable):  # the session is open; an entry too many does no harm
                await self._strike(player, before.epoch, node)

    async def _try_open(
        self,
        player: PlayerId,
        epoch: Epoch,
        node: NodeId,
        zone: str,
        initial: Mapping[str, str],
        before: Owner | None,
        older: _Older,
    ) -> tuple[str, list[str]]:
        believed = before or Owner(Epoch(epoch - 1), node, zone)
        where = [keys.owner(player), keys.session(player, epoch), keys.session(player, believed.epoch)]
        where.append(_set_aside(player, believed))
        args: list[str | int] = [epoch, node, zone, "" if before is None else before.epoch, believed.history]
        args += [self._history, older, *chain.from_iterable(initial.items())]
        outcome, *fields = await self._run(_OPEN, where, args)
        return outcome, fields

    async def _run(self, script: Script, where: list[str], args: list[str | int]) -> Any:
        """Run the script. If one of its keys holds no hash, clear that key and run the script again."""
        try:
            return await script.run(self._store, where, args)
        except StoreUnavailable as error:
            if not is_of_another_type(error.__cause__):
                raise
        for key in where:
            await self._hash("clear", key)
        return await script.run(self._store, where, args)

    async def _hash(self, operation: str, key: str) -> dict[str, str]:
        """Return the fields."""
        fields: dict[str, str] = await command_on(self._store, operation, "HGETALL", key)
        return fields

    async def _members(self, node: NodeId) -> list[str]:
        """Return the node's list. What is no session is taken off it."""
        key = keys.node_sessions(node)
        members: set[str] = set(await command_on(self._store, "sessions_of", "SMEMBERS", key))
        ours = [member for member in members if keys.is_node_session(member)]
        if others := members.difference(ours):
            log.error("members_of_no_session", key=key, sessions=len(others))
            await command_on(self._store, "strike", "SREM", key, *others)
        return ours

    async def _strike(self, player: PlayerId, epoch: Epoch, node: NodeId) -> None:
        key, member = keys.node_sessions(node), keys.node_session(player, epoch)
        await command_on(self._store, "strike", "SREM", key, member)


def _fate_of(before: Owner | None, saved_epoch: Epoch) -> _Older:
    """Return the fate of the session that the pointer names."""
    if before is not None and before.is_foreign:
        return _Older.SET_ASIDE
    if before is not None and before.epoch < saved_epoch:
        return _Older.DELETED
    return _Older.MOVED


def _log_fate(player: PlayerId, before: Owner, older: _Older) -> None:
    if older is _Older.SET_ASIDE:
        log.warning("session_of_another_history", player_id=player, set_aside=_set_aside(player, before))
    elif older is _Older.DELETED:
        log.warning("outdated_session_deleted", player_id=player)


def _owner(fields: Mapping[str, str]) -> Owner | None:
    """Return None for a pointer that has lost its epoch, because it points nowhere. The scripts see the same."""
    epoch = keys.number(fields.get("epoch", ""))
    if epoch is None:
        return None
    return Owner(Epoch(epoch), NodeId(fields.get("node", "")), fields.get("zone", ""), fields.get("history", ""))


def _set_aside(player: PlayerId, owner: Owner) -> str:
    return keys.foreign(player, owner.history, owner.epoch)
