"""Profiles: claimed by a node, saved by the node that claimed them, and the log of their stays.

Laws: a claim raises the epoch, and only saves of the newest epoch change anything; saved_seq and inventory_seq only
rise, each guarding its own part, so a save may be repeated, come late or out of order without harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import structlog
from msgspec import structs
from sqlalchemy import bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver import failpoints
from gameserver.observability.metrics import PROFILES_EDITED
from gameserver.profiles.edits import PLACE, edited_fields, edited_items
from gameserver.profiles.inventory_rows import read_inventories, upsert, write_inventories
from gameserver.profiles.records import Profile, Save, SaveOutcome, SessionLogEntry
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.sql.database import Database
from gameserver.sql.standing import COLUMN, Standing
from gameserver.sql.tables import account, inventory, profile, session_log
from gameserver.world.inventory import Holding

NO_EPOCH = Epoch(0)
log = structlog.get_logger(__name__)


class UnknownPlayer(LookupError):  # noqa: N818
    """There is no profile with this id."""


class SaveGuard(NamedTuple):
    """The columns that decide whether a write may happen, read under the row's lock."""

    epoch: int
    saved_seq: int
    inventory_seq: int


_PROFILE = select(
    profile.c.player_id, account.c.name, profile.c.epoch, profile.c.saved_seq, profile.c.inventory_seq,
    profile.c.zone, profile.c.x, profile.c.y, profile.c.facing, profile.c.state, profile.c.saved_epoch,
).join_from(profile, account)  # fmt: skip
_PROFILE_FIELDS = _PROFILE.selected_columns.keys()
_HOLDING = (inventory.c.item, inventory.c.quantity, inventory.c.minted, inventory.c.burned)

_SAVE = (
    update(profile)
    .where(profile.c.player_id == bindparam("of"), profile.c.epoch == bindparam("mine"))
    .where(profile.c.saved_seq < bindparam("seq"))
    .values({name: bindparam(name) for name in ("zone", "x", "y", "facing", "state")})
    .values(saved_seq=bindparam("seq"), saved_epoch=bindparam("mine"))
)
_RAISE_INVENTORY = (
    update(profile)
    .where(profile.c.player_id == bindparam("of"), profile.c.epoch == bindparam("mine"))
    .where(profile.c.inventory_seq < bindparam("seq"))
    .values(inventory_seq=bindparam("seq"), saved_epoch=bindparam("mine"))
)
_STAY_FIELDS = ("node", "opened_ms", "ended_ms", "reason", "last_seq")
_NOTE_STAY = (
    update(session_log)
    .where(session_log.c.player_id == bindparam("of"), session_log.c.epoch == bindparam("at"))
    .values({name: func.coalesce(session_log.c[name], bindparam(f"new_{name}")) for name in _STAY_FIELDS})
)


class Profiles:
    """Every method raises ProfilesUnavailable when SQL is away."""

    def __init__(self, database: Database):
        self._database = database

    async def claim(self, player_id: PlayerId, node: NodeId, above: Epoch = NO_EPOCH) -> Profile:
        """Raise the epoch, note the owner and read the profile. From the commit on no older epoch can save. ``above``
        is the epoch that Redis has: the new one is above that, too. If the outcome is unknown, claim again: a skipped
        epoch does no harm. Raises UnknownPlayer and HistoryLost."""

        async def work(connection: AsyncConnection) -> Profile:
            found = await _lock(connection, player_id, self._database.standing)
            epoch = Epoch(max(found.epoch, above) + 1)
            row = update(profile).where(profile.c.player_id == player_id)
            await connection.execute(row.values(epoch=epoch, owner=node))
            return structs.replace(found, epoch=epoch, is_behind=found.epoch < above)

        async with self._database.sign_in_slots:
            return await self._database.transact("claim", work, interactive=True)

    async def current(self, player_id: PlayerId) -> Profile | None:
        """The profile as of now, read only. One statement, so that both its parts are of the same commit."""

        async def work(connection: AsyncConnection) -> Profile | None:
            both = _PROFILE.add_columns(*_HOLDING).outerjoin_from(
                profile, inventory, inventory.c.player_id == profile.c.player_id
            )
            rows = (await connection.execute(both.where(profile.c.player_id == player_id))).all()
            if not rows:
                return None
            kept = {row.item: Holding(row.quantity, row.minted, row.burned) for row in rows if row.item is not None}
            return _profile(rows[0], kept)

        return await self._database.transact("current", work)

    async def states(self, count: int) -> list[tuple[PlayerId, str, bytes]]:
        """Return player, name and state of ``count`` of the oldest profiles, and of as many of the newest."""

        async def work(connection: AsyncConnection) -> list[tuple[PlayerId, str, bytes]]:
            found: dict[PlayerId, tuple[PlayerId, str, bytes]] = {}
            for order in (profile.c.player_id.asc(), profile.c.player_id.desc()):
                for row in await connection.execute(_PROFILE.order_by(order).limit(count)):
                    found[row.player_id] = (PlayerId(row.player_id), row.name, row.state)
            return list(found.values())

        return await self._database.transact("states", work)

    async def save(self, save: Save) -> SaveOutcome:
        """Write the session if this epoch still has the player and nothing newer was written. Raises OutcomeUnknown
        when the COMMIT was cut and SQL stayed away; repeating the save is the cure."""
        return (await self.save_many([save]))[0]

    async def save_many(self, saves: Sequence[Save]) -> list[SaveOutcome]:
        """One transaction for all; outcomes in the order given. At most one save per player."""
        assert len({save.player_id for save in saves}) == len(saves), "two saves of one player in a batch"
        if not saves:
            return []

        async def work(connection: AsyncConnection) -> list[SaveOutcome]:
            return await _save_all(connection, saves, self._database.standing)

        outcomes, _ = await self._database.transact_idempotent("save", work)
        return outcomes

    async def append_session_log(self, stays: Sequence[SessionLogEntry]) -> None:
        """Note that sessions opened or ended. What is told twice stays as told first; order does not matter."""
        if not stays:
            return

        async def work(connection: AsyncConnection) -> None:
            await self._database.standing.check_in(connection)
            keys = [{"player_id": stay.player_id, "epoch": stay.epoch} for stay in stays]
            await connection.execute(upsert(connection, session_log, ["player_id"]), keys)  # there are rows now
            await connection.execute(_NOTE_STAY, [_noted(stay) for stay in stays])

        await self._database.transact_idempotent("append_session_log", work)

    async def stays(self, player_id: PlayerId, count: int = 20) -> list[SessionLogEntry]:
        """The last sessions of a player, newest first."""

        async def work(connection: AsyncConnection) -> list[SessionLogEntry]:
            of_player = select(session_log).where(session_log.c.player_id == player_id)
            rows = await connection.execute(of_player.order_by(session_log.c.epoch.desc()).limit(count))
            return [SessionLogEntry(**row) for row in rows.mappings()]

        return await self._database.transact("stays", work)


async def lock_profiles(
    connection: AsyncConnection, player_ids: Iterable[PlayerId], standing: Standing
) -> dict[PlayerId, SaveGuard]:
    """Take the row locks, in id order so that rivals queue instead of deadlocking, and read the guards. Raises
    HistoryLost."""
    guards = select(profile.c.player_id, profile.c.epoch, profile.c.saved_seq, profile.c.inventory_seq)
    locked = guards.where(profile.c.player_id.in_(sorted(player_ids))).order_by(profile.c.player_id).with_for_update()
    found: dict[PlayerId, SaveGuard] = {}
    for player_id, *numbers, is_same in await connection.execute(standing.watched(locked)):
        standing.check(is_same)
        found[player_id] = SaveGuard(*numbers)
    if not found:  # without a row there was no further column either
        await standing.check_in(connection)
    return found


async def raise_inventory_seqs(connection: AsyncConnection, rises: Sequence[tuple[PlayerId, Epoch, int]]) -> None:
    """Raise each inventory_seq under its guard; the caller holds the locks and has judged, so every one must match."""
    raised = await connection.execute(
        _RAISE_INVENTORY, [{"of": of, "mine": mine, "seq": seq} for of, mine, seq in rises]
    )
    assert raised.rowcount == len(rises), "an inventory changed under its lock"


async def _lock(connection: AsyncConnection, player_id: PlayerId, standing: Standing) -> Profile:
    """Take the row's lock and read the profile. Raises UnknownPlayer, HistoryLost."""
    watched = standing.watched(_PROFILE).where(profile.c.player_id == player_id).with_for_update()
    row = (await connection.execute(watched)).one_or_none()
    if row is None:
        await standing.check_in(connection)
        raise UnknownPlayer(player_id)
    standing.check(row[-1])
    inventories = await read_inventories(connection, [player_id])
    return _profile(row, inventories[player_id])


def _profile(row: Any, holdings: dict[str, Holding]) -> Profile:
    return Profile(**{name: getattr(row, name) for name in _PROFILE_FIELDS}, inventory=holdings)


async def _save_all(connection: AsyncConnection, saves: Sequence[Save], standing: Standing) -> list[SaveOutcome]:
    rows = await _lock_rows(connection, [save.player_id for save in saves], standing)
    guards = {of: SaveGuard(row["epoch"], row["saved_seq"], row["inventory_seq"]) for of, row in rows.items()}
    if failpoints.is_off(failpoints.Guard.SAVE_GUARD):
        saves = [_unguarded(save, guards[save.player_id]) for save in saves]
    for save in saves:
        _check_epoch(save, guards.get(save.player_id), standing)
    outcomes = [_judge(save, guards.get(save.player_id)) for save in saves]
    due = [save for save, outcome in zip(saves, outcomes, strict=True) if outcome is SaveOutcome.SAVED]
    if due:
        written = await connection.execute(_SAVE, [_columns(save) for save in due])
        assert written.rowcount == len(due), "a profile changed under its lock"
    unfenced = [save for save, outcome in zip(saves, outcomes, strict=True) if outcome is not SaveOutcome.FENCED]
    newer = [save for save in unfenced if save.inventory_seq > guards[save.player_id].inventory_seq]
    edited = {save.player_id: edited_fields(save.seen, rows[save.player_id]) for save in due if save.seen}
    if newer:
        kept = await read_inventories(connection, [save.player_id for save in newer if save.seen])
        for save in newer:
            if save.seen:
                items = edited_items(save.seen, guards[save.player_id].inventory_seq, kept[save.player_id])
                edited.setdefault(save.player_id, []).extend(items)
        await raise_inventory_seqs(connection, [(save.player_id, save.epoch, save.inventory_seq) for save in newer])
        await write_inventories(connection, [(save.player_id, save.inventory) for save in newer])
    for player_id, fields in edited.items():
        if fields:
            PROFILES_EDITED.inc()
            log.warning("profile_edited_elsewhere", player_id=player_id, fields=fields)
    return outcomes


async def _lock_rows(
    connection: AsyncConnection, player_ids: Iterable[PlayerId], standing: Standing
) -> dict[PlayerId, dict[str, Any]]:
    """``lock_profiles`` with what is about to be overwritten; of the state, where the server can, only its checksum."""
    state = profile.c.state if connection.dialect.name == "sqlite" else func.crc32(profile.c.state)
    columns = [profile.c[name] for name in ("player_id", "epoch", "saved_seq", "inventory_seq", *PLACE)]
    locked = select(*columns, state.label("state_crc")).where(profile.c.player_id.in_(sorted(player_ids)))
    locked = locked.order_by(profile.c.player_id).with_for_update()
    found: dict[PlayerId, dict[str, Any]] = {}
    for row in (await connection.execute(standing.watched(locked))).mappings():
        standing.check(row[COLUMN])
        found[row["player_id"]] = dict(row)
    if not found:  # without a row there was no further column either
        await standing.check_in(connection)
    return found


def _check_epoch(save: Save, guard: SaveGuard | None, standing: Standing) -> None:
    """Raise HistoryLost if SQL has a lower epoch than the session. Epochs only rise, so SQL is being set back, and the
    marks are yet to come."""
    if guard is not None and guard.epoch < save.epoch and standing.history_id:
        standing.check(is_same=False)


def _judge(save: Save, guard: SaveGuard | None) -> SaveOutcome:
    if guard is None or guard.epoch != save.epoch:
        return SaveOutcome.FENCED
    return SaveOutcome.SAVED if guard.saved_seq < save.seq else SaveOutcome.ALREADY


def _unguarded(save: Save, guard: SaveGuard) -> Save:
    """Only for the test that takes the guard away: the save as one that passes it."""
    return structs.replace(save, epoch=guard.epoch, seq=max(save.seq, guard.saved_seq + 1))


def _noted(stay: SessionLogEntry) -> dict[str, Any]:
    noted = {f"new_{name}": getattr(stay, name) for name in _STAY_FIELDS}
    return {"of": stay.player_id, "at": stay.epoch, **noted}


def _columns(save: Save) -> dict[str, Any]:
    return {
        "of": save.player_id,
        "mine": save.epoch,
        "seq": save.seq,
        "zone": save.zone,
        "x": save.x,
        "y": save.y,
        "facing": save.facing,
        "state": save.state,
    }
