"""A Redis that runs and does not do its work: out of memory, its disk full, loading, or silent. Ticks go on, whoever
wants something kept is refused at once, operators see it, and it is over soon after Redis is well again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb
from tests.servers.redis import RunningRedis

NOTICED_S = 3.0
REFUSED_S = 1.0
RECOVERED_S = 2.0
BUSY_S = 1.0  # the machine's own, on top of each
FILLERS = 1500  # keys that make the loading last

Illness = Callable[[RunningRedis], AbstractContextManager[None]]


@contextmanager
def out_of_memory(redis: RunningRedis) -> Iterator[None]:
    redis.command("CONFIG", "SET", "maxmemory", "1")
    assert redis.command("SET", "anything", "1").startswith(b"-OOM")
    yield
    redis.command("CONFIG", "SET", "maxmemory", "0")


@contextmanager
def full_disk(redis: RunningRedis) -> Iterator[None]:
    with redis.full_disk():
        assert redis.command("SET", "anything", "1").startswith(b"-MISCONF")
        yield


@contextmanager
def loading(redis: RunningRedis) -> Iterator[None]:
    redis.command("EVAL", f"for n = 1, {FILLERS} do redis.call('SET', 'filler:' .. n, n) end", "0")
    redis.kill()
    redis.options = ("--key-load-delay", "4000", "--loading-process-events-interval-bytes", "1024")
    redis.start(wait=False)
    eventually(lambda: b"LOADING" in redis.command("PING"))
    yield
    redis.wait_until_ready()


@contextmanager
def silent(redis: RunningRedis) -> Iterator[None]:
    redis.pause()
    yield
    redis.go_on()


@pytest.fixture(scope="module")
def redis() -> Iterator[RunningRedis]:
    server = RunningRedis("redis7").start()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def game(redis: RunningRedis, mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGame]:
    sql_url = mariadb.url(mariadb.migrated_database())
    server = RunningGame(tmp_path_factory.mktemp("game"), redis.url, sql_url, checkpoint_s="60")
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.parametrize("illness", [out_of_memory, full_disk, loading, silent])
async def test_nobody_waits_for_a_redis_that_is_unwell(
    game: RunningGame, redis: RunningRedis, illness: Illness
) -> None:
    async with Raw(game.ws_url) as player:
        await player.guest()
        await player.fetch("apple")
        with illness(redis):
            await player.send("move", dx=1, dy=0)
            await asyncio.to_thread(eventually, lambda: not _is_ready(game), NOTICED_S + BUSY_S)
            x = player.me.x
            await _is_refused_at_once(player)
            await _turns_newcomers_away(game)
            await player.listen(0.5)
            assert player.me.x > x + 1, "ticks go on"
            await player.send("move", dx=0, dy=0)
        well_s = time.monotonic()
        await asyncio.to_thread(eventually, lambda: _is_ready(game), RECOVERED_S + BUSY_S)
        assert (await player.act("use", item="apple"))["level"] == "stored"
        assert time.monotonic() - well_s < RECOVERED_S + BUSY_S
        live = await asyncio.to_thread(_live_session, game, player)
        assert live["item:apple"] == "0"
        assert float(live["x"]) == pytest.approx(player.me.x, abs=0.01)


async def _is_refused_at_once(player: Raw) -> None:
    asked_s = time.monotonic()
    refused = await player.act("use", item="apple")
    assert (refused["type"], refused["code"]) == ("refused", "try_later")
    assert time.monotonic() - asked_s < REFUSED_S


async def _turns_newcomers_away(game: RunningGame) -> None:
    async with Raw(game.ws_url) as other:
        asked_s = time.monotonic()
        await other.send("guest")
        assert (await other.receive("refused"))["code"] == "try_later"
        assert time.monotonic() - asked_s < REFUSED_S + BUSY_S


def _is_ready(game: RunningGame) -> bool:
    return game.get("/readyz")[0] == 200


def _live_session(game: RunningGame, player: Raw) -> dict[str, str]:
    stores = Stores(game.redis_url, game.sql_url)
    try:
        return stores.session(player.welcome["player_id"])
    finally:
        stores.close()
