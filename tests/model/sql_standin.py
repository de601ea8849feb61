"""SQL in memory: the rows of profiles and the guards over them, behind a server that fails on purpose.

``Database.settle``, group commit and what follows from unknown outcomes are the server's own code. Law: a transaction
is one instant; while a COMMIT is on its way nobody else writes (it holds its locks), so a late one is never undone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec import structs

from gameserver import failpoints
from gameserver.profiles.exchange import Exchanges, NotConserved
from gameserver.profiles.records import (
    Exchange,
    ExchangeOutcome,
    Party,
    Profile,
    Save,
    SaveOutcome,
    SessionLogEntry,
)
from gameserver.profiles.repository import NO_EPOCH, Profiles, UnknownPlayer
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.sql.database import Database, OutcomeUnknown, ProfilesUnavailable
from gameserver.sql.standing import Standing
from gameserver.world.inventory import Holding
from tests.model.server import Call, Lost, Server
from tests.model.weather import Loss, Weather

PROMPT_S = 0.8


@dataclass
class Rows:
    """The content of SQL. ``saved(save, row before)`` is called for each save that changes something, and
    ``committed(players)`` after each transaction that wrote their inventories."""

    profiles: dict[PlayerId, Profile] = field(default_factory=dict)
    exchanges: dict[str, Exchange] = field(default_factory=dict)
    stays: dict[tuple[PlayerId, Epoch], SessionLogEntry] = field(default_factory=dict)
    saved: Callable[[Save, Profile], None] = lambda save, before: None
    committed: Callable[[list[PlayerId]], None] = lambda players: None

    def add(self, player_id: PlayerId, name: str, **holdings: int) -> Profile:
        """A new account."""
        kept = {kind: Holding(quantity, quantity, 0) for kind, quantity in holdings.items()}
        self.profiles[player_id] = Profile(player_id, name, Epoch(0), 0, 0, None, 0.0, 0.0, 0, b"{}", kept)
        return self.profiles[player_id]

    def claim(self, player_id: PlayerId, above: Epoch) -> Profile:
        if (row := self.profiles.get(player_id)) is None:
            raise UnknownPlayer(player_id)
        claimed = self._change(player_id, epoch=Epoch(max(row.epoch, above) + 1))
        return structs.replace(claimed, is_behind=row.epoch < above)

    def save(self, save: Save) -> SaveOutcome:
        before = self.profiles.get(save.player_id)
        if before is not None and failpoints.is_off(failpoints.Guard.SAVE_GUARD):
            self.saved(save, before)
            save = structs.replace(save, epoch=before.epoch, seq=max(save.seq, before.saved_seq + 1))
        elif before is None or before.epoch != save.epoch:
            return SaveOutcome.FENCED
        elif before.saved_seq < save.seq:
            self.saved(save, before)
        outcome = SaveOutcome.ALREADY
        if before.saved_seq < save.seq:
            outcome = SaveOutcome.SAVED
            place = {name: getattr(save, name) for name in ("zone", "x", "y", "facing", "state")}
            self._change(save.player_id, saved_seq=save.seq, saved_epoch=save.epoch, **place)
        if before.inventory_seq < save.inventory_seq:
            self._hold(save)
        return outcome

    def exchange(self, exchange: Exchange) -> ExchangeOutcome:
        if exchange.op_id in self.exchanges:
            return ExchangeOutcome.ALREADY
        rows = [self.profiles.get(party.player_id) for party in exchange.parties]
        pairs = list(zip(exchange.parties, rows, strict=True))
        if any(row is None or row.epoch != party.epoch for party, row in pairs):
            return ExchangeOutcome.FENCED
        if any(row is not None and row.inventory_seq >= party.inventory_seq for party, row in pairs):
            return ExchangeOutcome.STALE
        self._check_conserved(exchange)
        self.exchanges[exchange.op_id] = exchange
        for party in exchange.parties:
            self._hold(party)
        return ExchangeOutcome.DONE

    def note_stay(self, stay: SessionLogEntry) -> None:
        kept = self.stays.get((stay.player_id, stay.epoch), stay)
        told = {name: getattr(kept, name) for name in stay.__struct_fields__ if getattr(kept, name) is not None}
        self.stays[stay.player_id, stay.epoch] = structs.replace(stay, **told)

    def _hold(self, after: Save | Party) -> None:
        kept = self.profiles[after.player_id].inventory | after.inventory
        self._change(after.player_id, inventory_seq=after.inventory_seq, inventory=kept, saved_epoch=after.epoch)

    def _change(self, player_id: PlayerId, **columns: Any) -> Profile:
        self.profiles[player_id] = row = structs.replace(self.profiles[player_id], **columns)
        return row

    def _check_conserved(self, exchange: Exchange) -> None:
        kinds = {kind for party in exchange.parties for kind in party.inventory}
        before = [self.profiles[party.player_id].inventory for party in exchange.parties]
        after = [party.inventory for party in exchange.parties]
        if any(_received(before, kind) != _received(after, kind) for kind in kinds):
            raise NotConserved(exchange.op_id)


def _received(inventories: Sequence[dict[str, Holding]], kind: str) -> int:
    found = [inventory.get(kind, Holding()) for inventory in inventories]
    return sum(holding.quantity - holding.minted + holding.burned for holding in found)


class SqlServer(Server):
    """The server and its rows. Writers wait while a COMMIT that its caller gave up on is still on its way."""

    def __init__(self, weather: Weather, rows: Rows):
        super().__init__(weather)
        self.rows = rows
        self.locked_until_s = 0.0

    def execute(self, call: Call) -> None:
        """A write waits for the locks of a COMMIT that is still on its way."""
        loop = asyncio.get_running_loop()
        is_write = getattr(call.effect, "writes", False)
        if is_write and call.loss is not Loss.LATE and loop.time() < self.locked_until_s:
            loop.call_at(self.locked_until_s + 1e-6, self.execute, call)
        else:
            super().execute(call)

    def send(self, effect: Callable[[], Any], patience_s: float) -> Call:
        call = super().send(effect, patience_s)
        if call.loss is Loss.LATE and getattr(effect, "writes", False):
            # The instant it arrives, with the locks it took when it was sent.
            self.locked_until_s = max(self.locked_until_s, self._arrives_s(call))
        return call

    def _arrives_s(self, call: Call) -> float:
        return asyncio.get_running_loop().time() + call.patience_s + call.late_s


class _Transaction:
    """``work`` runs at one instant: it must not wait."""

    def __init__(self, rows: Rows, work: Callable[[Any], Awaitable[Any]], *, writes: bool):
        self._rows = rows
        self._work = work
        self.writes = writes

    def __call__(self) -> Any:
        coroutine: Any = self._work(self._rows)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a transaction waited for something that is not SQL")


READS = {"current", "exchanges_applied", "stays", "last_chat"}


class SqlStandIn(Database):
    """One process's way to the server. ``work`` is given the rows instead of a connection."""

    def __init__(self, server: SqlServer, timeout_s: float = 2.0):
        self.server = server
        self.timeout_s = timeout_s
        self.sign_in_slots = asyncio.Semaphore(4)
        self.standing = Standing()

    async def transact(self, operation: str, work: Any, *, interactive: bool = False) -> Any:
        transaction = _Transaction(self.server.rows, work, writes=operation not in READS)
        try:
            return await self.server.ask(transaction, PROMPT_S if interactive else self.timeout_s)
        except Lost as lost:
            is_unknown = lost.may_happen and transaction.writes
            raise (OutcomeUnknown if is_unknown else ProfilesUnavailable)(f"{operation}: {lost}") from None


class ProfilesStandIn(Profiles):
    _database: SqlStandIn

    def __init__(self, database: SqlStandIn):
        self._database = database

    async def claim(self, player_id: PlayerId, node: NodeId, above: Epoch = NO_EPOCH) -> Profile:
        async def work(rows: Rows) -> Profile:
            return rows.claim(player_id, above)

        async with self._database.sign_in_slots:
            claimed: Profile = await self._database.transact("claim", work, interactive=True)
        return claimed

    async def current(self, player_id: PlayerId) -> Profile | None:
        async def work(rows: Rows) -> Profile | None:
            return rows.profiles.get(player_id)

        found: Profile | None = await self._database.transact("current", work)
        return found

    async def save_many(self, saves: Sequence[Save]) -> list[SaveOutcome]:
        assert len({save.player_id for save in saves}) == len(saves), "two saves of one player in a batch"

        async def work(rows: Rows) -> list[SaveOutcome]:
            outcomes = [rows.save(save) for save in saves]
            rows.committed([save.player_id for save in saves])
            return outcomes

        outcomes, _ = await self._database.transact_idempotent("save", work)  # type: ignore[arg-type]
        return outcomes

    async def append_session_log(self, stays: Sequence[SessionLogEntry]) -> None:
        async def work(rows: Rows) -> None:
            for stay in stays:
                rows.note_stay(stay)

        await self._database.transact_idempotent("append_session_log", work)  # type: ignore[arg-type]


class ExchangesStandIn(Exchanges):
    """Grouping, and what is made of unknown outcomes, are the server's."""

    _database: SqlStandIn

    async def _apply_in(self, connection: Any, exchanges: Sequence[Exchange]) -> list[ExchangeOutcome]:
        rows: Rows = connection
        outcomes = [rows.exchange(exchange) for exchange in exchanges]
        rows.committed([party.player_id for exchange in exchanges for party in exchange.parties])
        return outcomes

    async def applied(self, prefix: str) -> list[str]:
        async def work(rows: Rows) -> list[str]:
            return [op_id for op_id in rows.exchanges if op_id.startswith(prefix)]

        found: list[str] = await self._database.transact("exchanges_applied", work)
        return found


def sql(weather: Weather) -> SqlServer:
    return SqlServer(weather, Rows())
