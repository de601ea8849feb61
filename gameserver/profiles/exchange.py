"""Exchanges: what passes between players, applied once, to everyone or to no one.

Laws: one transaction over all parties, locked in id order; the row named by op_id says that it happened; what all
parties hold together, less what was minted and plus what was burned, is the same after as before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import structlog
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.clock import Clock, SystemClock
from gameserver.profiles.database import Database, ProfilesUnavailable
from gameserver.profiles.inventory_rows import read_inventories, write_inventories
from gameserver.profiles.records import Exchange, ExchangeOutcome
from gameserver.profiles.repository import Guard, lock_profiles, raise_inventory_seqs
from gameserver.profiles.tables import exchange as exchange_table
from gameserver.protocol.ids import PlayerId
from gameserver.world.inventory import Holding

WHAT_LENGTH_MAX = 255

_log = structlog.get_logger(__name__)


class NotConserved(AssertionError):  # noqa: N818
    """An exchange would have made or destroyed something: our bug. Nothing was changed."""


class Exchanges:
    def __init__(self, database: Database, clock: Clock | None = None):
        self._database = database
        self._clock = clock or SystemClock()

    async def apply(self, exchange: Exchange) -> ExchangeOutcome:
        """Apply it, once per op_id however often and from wherever it is asked for.

        A cut COMMIT is resolved by applying again under the parties' locks: a transaction that is still ending holds
        them, so the op_id is then either there or will never be. Raises ProfilesUnavailable (nothing happened) or
        OutcomeUnknown (SQL stayed away; ask again with the same op_id).
        """
        assert 1 <= len({party.player_id for party in exchange.parties}) == len(exchange.parties) <= 2, "parties"

        async def work(connection: AsyncConnection) -> ExchangeOutcome:
            return await _apply(connection, exchange, self._clock.wall_ms())

        try:
            outcome, is_repeat = await self._database.settle("exchange", work)
        except NotConserved as error:
            _log.exception("exchange_not_conserved", op_id=exchange.op_id)
            raise ProfilesUnavailable(str(error)) from error  # refused like anything SQL refuses; nobody is stuck
        if is_repeat and outcome is ExchangeOutcome.ALREADY:
            return ExchangeOutcome.DONE  # by the attempt whose answer was lost
        return outcome

    async def applied(self, prefix: str) -> list[str]:
        """The op_ids that begin with ``prefix``: what a session had applied when its process died."""

        async def work(connection: AsyncConnection) -> list[str]:
            op_id = exchange_table.c.op_id
            rows = await connection.scalars(select(op_id).where(op_id.startswith(prefix, autoescape=True)))
            return list(rows)

        return await self._database.transact("exchanges_applied", work)


async def _apply(connection: AsyncConnection, exchange: Exchange, at_ms: int) -> ExchangeOutcome:
    guards = await lock_profiles(connection, [party.player_id for party in exchange.parties])
    refusal = await _refusal(connection, exchange, guards)
    if refusal is not None:
        return refusal
    await _check_conserved(connection, exchange)
    rises = [(party.player_id, party.epoch, party.inventory_seq) for party in exchange.parties]
    if not await _note(connection, exchange, at_ms):
        return ExchangeOutcome.ALREADY
    await raise_inventory_seqs(connection, rises)
    await write_inventories(connection, [(party.player_id, party.inventory) for party in exchange.parties])
    return ExchangeOutcome.DONE


async def _refusal(
    connection: AsyncConnection, exchange: Exchange, guards: Mapping[PlayerId, Guard]
) -> ExchangeOutcome | None:
    """Already before fenced and stale: an exchange that was applied has made itself stale."""
    known = select(exchange_table.c.op_id).where(exchange_table.c.op_id == exchange.op_id)
    if await connection.scalar(known) is not None:
        return ExchangeOutcome.ALREADY
    for party in exchange.parties:
        guard = guards.get(party.player_id)
        if guard is None or guard.epoch != party.epoch:
            return ExchangeOutcome.FENCED
    if any(party.inventory_seq <= guards[party.player_id].inventory_seq for party in exchange.parties):
        return ExchangeOutcome.STALE
    return None


async def _check_conserved(connection: AsyncConnection, exchange: Exchange) -> None:
    before = await read_inventories(connection, [party.player_id for party in exchange.parties])
    kept = _received(before.values())
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


async def _note(connection: AsyncConnection, exchange: Exchange, at_ms: int) -> bool:
    """Take the op_id; False if it is taken (then by an exchange of other players: ours would wait for our locks)."""
    ids = [party.player_id for party in exchange.parties]
    row = {
        "op_id": exchange.op_id,
        "player_id": ids[0],
        "other_id": ids[1] if len(ids) > 1 else None,
        "what": exchange.what[:WHAT_LENGTH_MAX],
        "at_ms": at_ms,
    }
    try:
        await connection.execute(insert(exchange_table), row)
    except IntegrityError:
        return False
    return True
