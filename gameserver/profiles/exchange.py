"""Exchanges: what passes between players, applied once, to everyone or to no one.

Laws: one transaction over all parties, locked in id order; the row named by op_id says that it happened; what all
parties hold together, less what was minted and plus what was burned, is the same after as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import structlog
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.clock import Clock, SystemClock
from gameserver.profiles.group_commit import GroupCommit
from gameserver.profiles.inventory_rows import read_inventories, write_inventories
from gameserver.profiles.records import Exchange, ExchangeOutcome
from gameserver.profiles.repository import SaveGuard, lock_profiles, raise_inventory_seqs
from gameserver.protocol.ids import PlayerId
from gameserver.sql.database import Database, StatementRefused
from gameserver.sql.standing import Standing
from gameserver.sql.tables import exchange as exchange_table
from gameserver.world.inventory import Holding

WHAT_LENGTH_MAX = 255

log = structlog.get_logger(__name__)


class NotConserved(AssertionError):  # noqa: N818
    """An exchange would have made or destroyed something: our bug. Nothing was changed."""


class Exchanges:
    def __init__(self, database: Database, clock: Clock | None = None):
        self._database = database
        self._clock = clock or SystemClock()
        self._group = GroupCommit(self._commit)

    async def apply(self, exchange: Exchange) -> ExchangeOutcome:
        """Apply it, once per op_id however often and from wherever it is asked for.

        A cut COMMIT is resolved by applying again under the parties' locks: a transaction that is still ending holds
        them, so the op_id is then either there or will never be. Raises ProfilesUnavailable (nothing happened) or
        OutcomeUnknown (SQL stayed away; ask again with the same op_id).
        """
        assert 1 <= len({party.player_id for party in exchange.parties}) == len(exchange.parties) <= 2, "parties"
        return await self._group.apply(exchange)

    async def _commit(self, exchanges: Sequence[Exchange]) -> list[ExchangeOutcome]:
        """One transaction for all; no player is in two of them."""

        standing, mark = self._database.standing, 0

        async def work(connection: AsyncConnection) -> list[ExchangeOutcome]:
            nonlocal mark
            outcomes = await self._apply_in(connection, exchanges)
            if ExchangeOutcome.DONE in outcomes:
                mark = await standing.raise_in(connection)
            return outcomes

        try:
            outcomes, is_repeat = await self._database.transact_idempotent("exchange", work, interactive=True)
        except NotConserved as error:
            log.exception("exchange_not_conserved", op_ids=[exchange.op_id for exchange in exchanges])
            raise StatementRefused(str(error)) from error  # refused like anything SQL refuses; nobody is stuck
        standing.note_commit(mark)
        if is_repeat:  # what is already there was put there by the attempt whose answer was lost
            return [ExchangeOutcome.DONE if each is ExchangeOutcome.ALREADY else each for each in outcomes]
        return outcomes

    async def _apply_in(self, connection: AsyncConnection, exchanges: Sequence[Exchange]) -> list[ExchangeOutcome]:
        return await _apply_all(connection, exchanges, self._clock.wall_ms(), self._database.standing)

    async def applied(self, prefix: str) -> list[str]:
        """The op_ids that begin with ``prefix``: what a session had applied when its process died."""

        async def work(connection: AsyncConnection) -> list[str]:
            op_id = exchange_table.c.op_id
            rows = await connection.scalars(select(op_id).where(op_id.startswith(prefix, autoescape=True)))
            return list(rows)

        return await self._database.transact("exchanges_applied", work)


async def _apply_all(
    connection: AsyncConnection, exchanges: Sequence[Exchange], at_ms: int, standing: Standing
) -> list[ExchangeOutcome]:
    players = [party.player_id for each in exchanges for party in each.parties]
    guards = await lock_profiles(connection, players, standing)
    known = await _known(connection, exchanges)
    outcomes = [_judge(exchange, exchange.op_id in known, guards) for exchange in exchanges]
    due = [each for each, outcome in zip(exchanges, outcomes, strict=True) if outcome is ExchangeOutcome.DONE]
    if due:
        parties = [party for exchange in due for party in exchange.parties]
        await _check_conserved(connection, due)
        await connection.execute(insert(exchange_table), [_row(exchange, at_ms) for exchange in due])
        await raise_inventory_seqs(connection, [(each.player_id, each.epoch, each.inventory_seq) for each in parties])
        await write_inventories(connection, [(party.player_id, party.inventory) for party in parties])
    return outcomes


async def _known(connection: AsyncConnection, exchanges: Sequence[Exchange]) -> set[str]:
    """The op_ids that were applied before."""
    op_id = exchange_table.c.op_id
    asked = [exchange.op_id for exchange in exchanges]
    return set(await connection.scalars(select(op_id).where(op_id.in_(asked))))


def _judge(exchange: Exchange, is_known: bool, guards: Mapping[PlayerId, SaveGuard]) -> ExchangeOutcome:
    """Already before fenced and stale: an exchange that was applied has made itself stale."""
    if is_known:
        return ExchangeOutcome.ALREADY
    for party in exchange.parties:
        guard = guards.get(party.player_id)
        if guard is None or guard.epoch != party.epoch:
            return ExchangeOutcome.FENCED
    if any(party.inventory_seq <= guards[party.player_id].inventory_seq for party in exchange.parties):
        return ExchangeOutcome.STALE
    return ExchangeOutcome.DONE


async def _check_conserved(connection: AsyncConnection, exchanges: Sequence[Exchange]) -> None:
    before = await read_inventories(connection, [party.player_id for each in exchanges for party in each.parties])
    for exchange in exchanges:
        kept = _received(before[party.player_id] for party in exchange.parties)
        after = _received(party.inventory for party in exchange.parties)
        if kept != after:
            raise NotConserved(f"exchange {exchange.op_id} ({exchange.what}): {dict(kept)} would become {dict(after)}")


def _received(inventories: Iterable[Mapping[str, Holding]]) -> Counter[str]:
    """Kind -> what all of them together got from players outside, less what they gave: no save changes it."""
    total: Counter[str] = Counter()
    for holdings in inventories:
        for kind, (quantity, minted, burned) in holdings.items():
            total[kind] += quantity - minted + burned
    return total  # two Counters are equal if they differ only by zeros


def _row(exchange: Exchange, at_ms: int) -> dict[str, object]:
    ids = [party.player_id for party in exchange.parties]
    return {
        "op_id": exchange.op_id,
        "player_id": ids[0],
        "other_id": ids[1] if len(ids) > 1 else None,
        "what": exchange.what[:WHAT_LENGTH_MAX],
        "at_ms": at_ms,
    }
