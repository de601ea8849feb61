"""SQL is gone or answers nothing: who comes is told so at once, who plays plays on, who leaves is saved later, and what
is not known about an exchange stays open until it is.

The tests share one game, on a Redis and a MariaDB of its own, with a wire between it and the latter.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.profiles.proxy import Cut, Proxy, plugged
from tests.scenarios.raw import PATIENCE_S, Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb, running
from tests.servers.redis import RunningRedis

pytestmark = pytest.mark.asyncio(loop_scope="module")

CROWD = 60
REFUSED_S = 1.6  # 0.8 until SQL counts as silent; one after the other the crowd would wait for 12 s
LEAVERS = 4
SETTINGS = {"grace_s": "600", "checkpoint_s": "600"}  # no COMMIT but what a test asks for


class Place:
    def __init__(self, game: RunningGame, sql: MariaDb, wire: Proxy, stores: Stores):
        self.game = game
        self.sql = sql
        self.wire = wire
        self.stores = stores

    @asynccontextmanager
    async def sql_away(self, how: str) -> AsyncIterator[None]:
        if how == "gone":
            await self.wire.unplug()
        else:
            self.sql.freeze()
        try:
            yield
        finally:
            if how == "gone":
                await self.wire.plug()
            else:
                self.sql.thaw()
            await asyncio.to_thread(eventually, self.is_ready)

    def is_ready(self) -> bool:
        return self.game.get("/readyz")[0] == 200

    def metric(self, name: str) -> float:
        found = re.search(rf"^{re.escape(name)} (\S+)$", self.game.get("/metrics", ops=True)[1], re.MULTILINE)
        assert found, name
        return float(found[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(mariadb_installed: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        sql = await asyncio.to_thread(stack.enter_context, running(mariadb_installed))
        wire = await stack.enter_async_context(plugged(sql.port))
        redis = RunningRedis("redis7")
        stack.callback(redis.remove)
        await asyncio.to_thread(redis.start)
        database = await asyncio.to_thread(sql.migrated_database)
        folder = tmp_path_factory.mktemp("sql_away")
        game = RunningGame(folder, redis.url, sql.url(database, port=wire.port), **SETTINGS)
        stack.push_async_callback(asyncio.to_thread, game.stop)
        await asyncio.to_thread(game.start)
        stores = Stores(redis.url, sql.url(database))
        stack.callback(stores.close)
        yield Place(game, sql, wire, stores)


@pytest.mark.parametrize("how", ["gone", "silent"])
async def test_a_whole_crowd_is_told_to_try_later_at_once(place: Place, how: str) -> None:
    async with AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(Raw(place.game.ws_url)) for _ in range(CROWD)]
        async with place.sql_away(how):
            for _ in range(2):  # when nobody knows of it yet, and when everybody does
                sent_s = time.monotonic()
                for player in crowd:
                    await player.send("guest")
                answers = await asyncio.gather(*(player.receive("refused", "welcome") for player in crowd))
                took_s = time.monotonic() - sent_s
                assert {answer.get("code") for answer in answers} == {"try_later"}
                assert all(answer["retry_after_ms"] > 0 for answer in answers)
                assert took_s < REFUSED_S
        assert await crowd[0].guest(), "the same socket may sign in when SQL is back"


@pytest.mark.parametrize("how", [pytest.param("gone", marks=pytest.mark.long), "silent"])
async def test_who_leaves_is_saved_when_sql_is_back_and_operators_see_it(place: Place, how: str) -> None:
    async with AsyncExitStack() as stack:
        leavers = [await stack.enter_async_context(Raw(place.game.ws_url)) for _ in range(LEAVERS)]
        stayer = await stack.enter_async_context(Raw(place.game.ws_url))
        for player in (*leavers, stayer):
            await player.guest()
        await leavers[0].fetch("coin")
        async with place.sql_away(how):
            for player in leavers:
                await player.send("logout")
            assert await asyncio.gather(*(player.closed() for player in leavers)) == [1000] * LEAVERS
            await asyncio.to_thread(eventually, lambda: not place.is_ready())  # a save may take sql_timeout_s
            assert json.loads((await asyncio.to_thread(place.game.get, "/readyz"))[1])["sql"] is False
            assert await asyncio.to_thread(place.metric, "gameserver_save_backlog_sessions") == LEAVERS
            assert await asyncio.to_thread(place.metric, 'gameserver_store_up{store="sql"}') == 0
            x = stayer.me.x
            await stayer.send("move", dx=1 if x < 50 else -1, dy=0)
            await stayer.listen(0.6)
            assert abs(stayer.me.x - x) > 1.5, "ticks go on"
        await asyncio.to_thread(eventually, lambda: place.metric("gameserver_save_backlog_sessions") == 0)
        for player in leavers:
            assert place.stores.owner(player.welcome["player_id"]) == {}
            assert place.stores.profile(player.welcome["player_id"])["x"] == pytest.approx(player.me.x, abs=0.5)
        assert place.stores.inventory(leavers[0].welcome["player_id"]) == {"coin": 1}


async def test_a_gift_is_refused_at_once_while_sql_is_silent(place: Place) -> None:
    async with Raw(place.game.ws_url) as giver:
        await giver.guest()
        await giver.fetch("apple")
        async with place.sql_away("silent"):
            sent_s = time.monotonic()
            assert (await giver.act("drop", item="apple", quantity=1))["code"] == "try_later"
            assert time.monotonic() - sent_s < REFUSED_S
            assert (await giver.act("use", item="apple"))["level"] == "stored", "nothing is frozen any more"


async def test_a_gift_that_nobody_knows_the_outcome_of_keeps_both_frozen_until_it_is_known(place: Place) -> None:
    async with Raw(place.game.ws_url) as giver, Raw(place.game.ws_url) as receiver:
        await giver.guest()
        await receiver.guest()
        await giver.fetch("apple")
        await giver.walk_to(receiver.me.x, receiver.me.y)
        place.wire.cut_next = Cut.AFTER
        seq = await giver.act_only("give", to=receiver.welcome["entity_id"], item="apple", quantity=1)
        async with asyncio.timeout(PATIENCE_S):
            while not place.wire.cuts:
                await asyncio.sleep(0.005)
        async with place.sql_away("gone"):
            for player in (giver, receiver):
                sent_s = time.monotonic()
                assert (await player.act("use", item="apple")).get("code") == "try_later", "frozen"
                assert time.monotonic() - sent_s < REFUSED_S
            assert not [message for message in giver.waiting if message.get("seq") == seq], "nothing is told of it"
        assert await giver.answer_to(seq) == {"type": "ack", "seq": seq, "level": "durable"}
        assert (await receiver.act("use", item="apple"))["level"] == "stored"
        assert place.stores.inventory(giver.welcome["player_id"]) == {}
