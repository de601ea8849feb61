"""Whether a running session was taken over: Redis is asked first, and SQL where Redis names no owner."""

from __future__ import annotations

from random import Random

import pytest

from gameserver.live.sessions import LiveSessions
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import SessionLogEntry
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.session.opening import Opener
from gameserver.sql.backlog import Backlog
from gameserver.sql.database import ProfilesUnavailable
from tests.model.redis_standin import RedisServer, StoreStandIn, redis
from tests.model.sql_standin import ProfilesStandIn, SqlServer, SqlStandIn, sql
from tests.model.weather import Weather
from tests.session.standins import StillClock, session
from tests.simulation.tiny import Tiny

ONE = PlayerId(1)


class Bench:
    """The stores' own code on the model's stand-ins, and a session of epoch 1, which is the player's newest."""

    def __init__(self) -> None:
        self.redis: RedisServer = redis(Weather(Random(1)))
        self.sql: SqlServer = sql(Weather(Random(1)))
        self.sql.rows.add(ONE, "P1")
        self.sql.rows.claim(ONE, Epoch(0))
        database = SqlStandIn(self.sql)
        profiles = ProfilesStandIn(database)
        exchanges: Exchanges = self  # type: ignore[assignment]  # is not asked
        self.opener = Opener(
            profiles=profiles,
            exchanges=exchanges,
            live=LiveSessions(StoreStandIn(self.redis)),
            session_log=Backlog[SessionLogEntry]("stays", profiles.append_session_log),
            node=NodeId("a"),
            game=Tiny(),
            clock=StillClock(),
        )

    async def is_taken_over(self) -> bool:
        return await self.opener.is_taken_over(session(1))

    def point_at(self, epoch: int) -> None:
        self.redis.data.hashes["owner:{1}"] = {"epoch": str(epoch), "node": "a", "zone": "tiny"}


@pytest.mark.parametrize(("epoch", "is_taken_over"), [(1, False), (2, True)])
async def test_the_pointer_in_redis_tells_and_sql_is_not_needed(epoch: int, is_taken_over: bool) -> None:
    bench = Bench()
    bench.point_at(epoch)
    bench.sql.go_down()
    assert await bench.is_taken_over() is is_taken_over


async def test_sql_tells_where_redis_names_no_owner() -> None:
    bench = Bench()
    assert not await bench.is_taken_over()
    bench.sql.rows.claim(ONE, Epoch(0))
    assert await bench.is_taken_over()


async def test_where_redis_names_no_owner_and_sql_is_away_nobody_is_told_that_the_session_is_ours() -> None:
    bench = Bench()
    bench.sql.go_down()
    with pytest.raises(ProfilesUnavailable):
        await bench.is_taken_over()


async def test_while_redis_is_away_play_goes_on() -> None:
    bench = Bench()
    bench.redis.go_down()
    assert not await bench.is_taken_over()
