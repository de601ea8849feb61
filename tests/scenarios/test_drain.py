"""SIGTERM, whatever the stores are doing: players are told, it is over in time with exit code 0, and nobody loses what
they had. A second signal skips the wait.

The tests follow one another on the same stores with the same players: what one leaves behind, the next finds.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio

from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb, running
from tests.servers.redis import RunningRedis

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRAIN_S = 3.0
ENDING_S = 1.0  # for the interpreter to end, on a busy machine; the server itself keeps to DRAIN_S
SKIPPED_S = 1.5  # a second signal has to beat the calls under way: SQL's may take 2.5 s
PLAYERS = 6


class Place:
    """A game on stores of its own, and guests who come back to it; the first has an apple."""

    def __init__(self, game: RunningGame, redis: RunningRedis, sql: MariaDb):
        self.game = game
        self.redis = redis
        self.sql = sql
        self.players: list[Raw] = []
        self._tokens: list[str] = []
        self._sockets = AsyncExitStack()

    async def first_enter(self) -> None:
        await asyncio.to_thread(self.game.start)
        for _ in range(PLAYERS):
            player = await self._connect()
            self._tokens.append((await player.guest())["guest_token"])
        await self.players[0].fetch("apple")
        await self._walk_on()

    async def come_back(self) -> None:
        """Everybody, in a new process, to where they were seen last, with what they had."""
        seen = [(player.me.x, player.me.y) for player in self.players]
        await self._sockets.aclose()
        self.players.clear()
        await asyncio.to_thread(self.game.start)
        for at, token in enumerate(self._tokens):
            welcome = await (await self._connect()).guest(token=token)
            assert (welcome["x"], welcome["y"]) == pytest.approx(seen[at], abs=1.0)
            assert welcome["inventory"] == ({} if at else {"apple": 1})
        await self._walk_on()

    async def leave(self) -> None:
        await self._sockets.aclose()

    async def _connect(self) -> Raw:
        player = await self._sockets.enter_async_context(Raw(self.game.ws_url))
        self.players.append(player)
        return player

    async def _walk_on(self) -> None:
        for player in self.players:
            await player.send("move", dx=1 if player.me.x < 50 else -1, dy=0)
        await self.players[0].listen(0.3)

    async def drain(self, *again_after_s: float) -> float:
        """SIGTERM, perhaps again after so many seconds; seconds until it has ended, with 0 and everybody told."""
        told = [asyncio.create_task(player.closed()) for player in self.players]
        started_s = time.monotonic()
        os.kill(self.game.pid, signal.SIGTERM)
        for after_s in again_after_s:
            await asyncio.sleep(after_s)
            os.kill(self.game.pid, signal.SIGTERM)
        assert await asyncio.to_thread(self.game.wait) == 0, self.game.log
        took_s = time.monotonic() - started_s
        assert await asyncio.gather(*told) == [1012] * PLAYERS
        assert [player.waiting[-1]["reason"] for player in self.players] == ["draining"] * PLAYERS
        return took_s


Deed = Callable[[Place], object]
BREAK_AND_MEND: dict[str, tuple[Deed, Deed]] = {
    "redis away": (lambda at: at.redis.kill(), lambda at: at.redis.start()),
    "sql away": (lambda at: at.sql.kill(), lambda at: at.sql.start()),
    "redis frozen": (lambda at: at.redis.pause(), lambda at: at.redis.go_on()),
    "sql frozen": (lambda at: at.sql.freeze(), lambda at: at.sql.thaw()),
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def place(mariadb_installed: Path, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    async with AsyncExitStack() as stack:
        sql = await asyncio.to_thread(stack.enter_context, running(mariadb_installed))
        redis = RunningRedis("redis7")
        stack.callback(redis.remove)
        await asyncio.to_thread(redis.start)
        settings = {"drain_s": str(DRAIN_S), "sql_timeout_s": "2.5", "store_timeout_s": "1", "grace_s": "30"}
        url = sql.url(await asyncio.to_thread(sql.migrated_database))
        game = RunningGame(tmp_path_factory.mktemp("drain"), redis.url, url, **settings)
        stack.push_async_callback(asyncio.to_thread, game.stop)
        place = Place(game, redis, sql)
        stack.push_async_callback(place.leave)
        await place.first_enter()
        yield place


@asynccontextmanager
async def trouble_with(place: Place, troubles: tuple[str, ...]) -> AsyncIterator[None]:
    """Both stores are well again afterwards."""
    for trouble in troubles:
        await asyncio.to_thread(BREAK_AND_MEND[trouble][0], place)
    try:
        yield
    finally:
        for trouble in troubles:
            await asyncio.to_thread(BREAK_AND_MEND[trouble][1], place)


def with_stores(*troubles: str, is_long: bool = False) -> object:
    return pytest.param(troubles, id=" and ".join(troubles), marks=[pytest.mark.long] if is_long else [])


@pytest.mark.parametrize(
    "troubles",
    [
        with_stores("redis away", is_long=True),
        with_stores("sql away", is_long=True),
        with_stores("redis frozen", is_long=True),
        with_stores("sql frozen", is_long=True),
        with_stores("redis away", "sql away"),
        with_stores("redis frozen", "sql frozen"),
    ],
)
async def test_a_drain_is_over_in_time_with(place: Place, troubles: tuple[str, ...]) -> None:
    async with trouble_with(place, troubles):
        took_s = await place.drain()
    await place.come_back()
    assert took_s < DRAIN_S + ENDING_S


@pytest.mark.parametrize(
    "troubles",
    [
        with_stores(is_long=True),
        with_stores("redis away", is_long=True),
        with_stores("sql frozen"),
        with_stores("redis frozen", "sql frozen", is_long=True),
    ],
)
async def test_a_second_signal_skips_the_wait_with(place: Place, troubles: tuple[str, ...]) -> None:
    async with trouble_with(place, troubles):
        took_s = await place.drain(0.2)
    await place.come_back()
    assert took_s < 0.2 + SKIPPED_S
