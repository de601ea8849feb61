"""Carries exchanges from the tick that asked to SQL and back to a later tick.

Law: an outcome that is not known is never guessed. The exchange is applied again under the same operation id until SQL
answers; until then both inventories stay frozen. An exchange goes to SQL only when Redis has the parties as they were
before. Otherwise SQL would hold effects of actions that Redis does not know, and after the death of this process its
players could not resume. If Redis does not have them in time, the exchange is refused. Bound: one exchange a player,
because both are frozen.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from gameserver.failpoints import Failpoint, reach
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import Exchange as StoredExchange
from gameserver.profiles.records import ExchangeOutcome, Party
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.retrying import STEADY, retry
from gameserver.sql.database import HistoryLost, OutcomeUnknown, ProfilesUnavailable
from gameserver.tasks import Tasks
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange, ExchangeResult

log = structlog.get_logger(__name__)


class ExchangeCarrier:
    """``epoch_of`` tells under which epoch this host owns a player. ``caught_up(player)`` waits until Redis has all of
    the player's session, but not for long."""

    def __init__(
        self,
        exchanges: Exchanges,
        tasks: Tasks,
        epoch_of: Callable[[PlayerId], Epoch | None],
        caught_up: Callable[[Player], Awaitable[bool]],
    ):
        self._exchanges = exchanges
        self._tasks = tasks
        self._epoch_of = epoch_of
        self._caught_up = caught_up

    def carry(self, exchange: Exchange, settle: Callable[[Exchange, ExchangeResult], None]) -> None:
        """``settle`` is called once, with the outcome."""
        self._tasks.start(self._carry(exchange, settle), "exchange")

    async def _carry(self, exchange: Exchange, settle: Callable[[Exchange, ExchangeResult], None]) -> None:
        stored = self._stored(exchange)
        is_in_redis = await self._redis_has_parties(exchange)
        settle(exchange, await self._apply(stored) if stored is not None and is_in_redis else "refused")
        reach(Failpoint.EXCHANGE_AFTER_SETTLE)

    async def _redis_has_parties(self, exchange: Exchange) -> bool:
        """Wait until Redis has the parties as they were before; return False if it does not have them in time."""
        if all(await asyncio.gather(*(self._caught_up(player) for player, _, _ in exchange._outcomes))):
            return True
        log.info("exchange_refused", op_id=exchange._op.op_id, reason="redis does not have the players in time")
        return False

    async def _apply(self, stored: StoredExchange) -> ExchangeResult:
        try:
            return _result(await self._try(stored), was_unknown=False)
        except HistoryLost:
            return "refused"
        except OutcomeUnknown:
            return await retry(lambda: self._ask_again(stored), after=Exception, pauses=STEADY)
        except ProfilesUnavailable as error:
            log.info("exchange_refused", op_id=stored.op_id, reason=str(error))
            return "refused"
        except Exception:  # a bug of ours, and rolled back; nobody is to stay frozen for it
            log.exception("exchange_failed", op_id=stored.op_id)
            return "refused"

    async def _ask_again(self, stored: StoredExchange) -> ExchangeResult:
        """Apply an exchange whose outcome is unknown. Raises whatever keeps the outcome unknown."""
        try:
            return _result(await self._try(stored), was_unknown=True)
        except HistoryLost:
            return "refused"
        except ProfilesUnavailable:
            raise
        except Exception:
            log.exception("exchange_failed", op_id=stored.op_id)
            raise

    async def _try(self, stored: StoredExchange) -> ExchangeOutcome:
        reach(Failpoint.EXCHANGE_BEFORE_SQL)
        outcome = await self._exchanges.apply(stored)
        reach(Failpoint.EXCHANGE_AFTER_SQL)
        return outcome

    def _stored(self, exchange: Exchange) -> StoredExchange | None:
        parties = []
        for player, holdings, seq in exchange._outcomes:
            epoch = self._epoch_of(player.player_id)
            if epoch is None:
                return None
            parties.append(Party(player_id=player.player_id, epoch=epoch, inventory_seq=seq, inventory=holdings))
        receiver = exchange.receiver.player_id if exchange.receiver else "the ground"
        what = f"{exchange.giver.player_id} -> {receiver}: {exchange.quantity} {exchange.kind}"
        return StoredExchange(op_id=exchange._op.op_id, parties=tuple(parties), what=what)


def _result(outcome: ExchangeOutcome, was_unknown: bool) -> ExchangeResult:
    match outcome:
        case ExchangeOutcome.DONE:
            return "done"
        case ExchangeOutcome.ALREADY:
            # Ours, when an earlier try of this very call may have been committed; else one from before a node died,
            # which the inventory as it was recovered already shows.
            return "done" if was_unknown else "already"
        case _:
            return "refused"
