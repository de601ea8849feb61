"""The outcome of an exchange is told once, and never guessed."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import Exchange as StoredExchange
from gameserver.profiles.records import ExchangeOutcome
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.retrying import Pauses
from gameserver.session import exchanges as module
from gameserver.session.exchanges import ExchangeCarrier
from gameserver.sql.database import OutcomeUnknown, ProfilesUnavailable
from gameserver.tasks import Tasks
from gameserver.world.entity import Player
from gameserver.world.exchange import ExchangeOp, ExchangeResult, propose
from tests.simulation.tiny import Stage


class Sql:
    """Answers as scripted, one by one."""

    def __init__(self, *answers: ExchangeOutcome | Exception, late: int = 0):
        self.answers = list(answers)
        self.in_redis: set[PlayerId] = set()
        self.asked = 0
        self._late = late  # Redis does not have this player in time

    async def redis_has(self, player: Player) -> bool:
        await asyncio.sleep(0)
        if player.player_id != self._late:
            self.in_redis.add(player.player_id)
        return player.player_id in self.in_redis

    async def apply(self, exchange: StoredExchange) -> ExchangeOutcome:
        self.asked += 1
        assert self.in_redis == {party.player_id for party in exchange.parties}, "SQL would be ahead of Redis"
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


UNKNOWN, AWAY, BUG = OutcomeUnknown("cut"), ProfilesUnavailable("away"), AssertionError("our bug")
DONE, ALREADY, FENCED = ExchangeOutcome.DONE, ExchangeOutcome.ALREADY, ExchangeOutcome.FENCED


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((DONE,), "done"),
        ((ALREADY,), "already"),
        ((FENCED,), "refused"),
        ((AWAY,), "refused"),
        ((BUG,), "refused"),
        ((UNKNOWN, AWAY, BUG, ALREADY), "done"),
        ((UNKNOWN, FENCED), "refused"),
    ],
)
async def test_each_answer_of_sql(
    answers: tuple[ExchangeOutcome | Exception, ...], told: ExchangeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEADY", Pauses(0, 0))
    assert await carried(Sql(*answers), owned={1, 2}) == [told]


async def test_who_is_not_ours_any_more_exchanges_nothing() -> None:
    assert await carried(Sql(), owned={1}) == ["refused"]


@pytest.mark.parametrize("late", [1, 2])
async def test_what_redis_does_not_have_in_time_is_not_exchanged(late: int) -> None:
    sql = Sql(late=late)
    assert await carried(sql, owned={1, 2}) == ["refused"]
    assert sql.asked == 0


async def carried(sql: Sql, owned: set[int]) -> list[ExchangeResult]:
    tasks, stage = Tasks(), Stage()
    giver, receiver = stage.player(1, coins=1), stage.player(2)
    exchange = propose(ExchangeOp.of_action(giver, 1), giver, receiver, "coin", 1)
    applies: Exchanges = sql  # type: ignore[assignment]
    told: list[ExchangeResult] = []

    def epoch_of(player: PlayerId) -> Epoch | None:
        return Epoch(1) if player in owned else None

    ExchangeCarrier(applies, tasks, epoch_of, sql.redis_has).carry(exchange, lambda _, result: told.append(result))
    assert await tasks.drain(5)
    assert sql.answers == []
    return told
