"""A store goes away and comes back: play goes on, refusals are explicit, nothing acked is lost, nobody has to help."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb
from tests.servers.redis import RunningRedis


@pytest.fixture
def redis() -> Iterator[RunningRedis]:
    server = RunningRedis("redis7").start()
    yield server
    server.remove()


@pytest.fixture
def game(redis: RunningRedis, mariadb_server: MariaDb, tmp_path: Path) -> Iterator[RunningGame]:
    sql_url = mariadb_server.url(mariadb_server.migrated_database())
    server = RunningGame(tmp_path, redis.url, sql_url, grace_s="3", sql_timeout_s="2", checkpoint_s="3")
    try:
        yield server.start()
    finally:
        server.stop()


def ready(game: RunningGame) -> bool:
    return game.get("/readyz")[0] == 200


async def test_without_redis_play_goes_on_and_stored_acks_are_refused(game: RunningGame, redis: RunningRedis) -> None:
    async with Raw(game.ws_url) as player:
        await player.guest()
        await player.fetch("apple")
        redis.kill()
        await player.send("move", dx=1, dy=0)
        await asyncio.to_thread(eventually, lambda: not ready(game))
        x = player.me.x
        await player.listen(1.0)
        assert player.me.x > x + 3, "ticks go on"
        started = time.monotonic()
        refused = await player.act("use", item="apple")
        assert (refused["type"], refused["code"]) == ("refused", "try_later")
        assert time.monotonic() - started < 1.0
        async with Raw(game.ws_url) as other:
            await other.send("guest")
            assert (await other.receive("refused"))["code"] == "try_later"
        redis.start()
        await asyncio.to_thread(eventually, lambda: ready(game))
        assert (await player.act("use", item="apple"))["level"] == "stored"
        stores = Stores(game.redis_url, game.sql_url)
        live = stores.session(player.welcome["player_id"])
        stores.close()
        assert live["item:apple"] == "0"


async def test_a_sign_in_while_redis_is_away_claims_nothing(game: RunningGame, redis: RunningRedis) -> None:
    """Whoever plays elsewhere would be fenced by a claim that nobody can use."""
    async with Raw(game.ws_url) as player:
        welcome = await player.guest()
        await player.send("logout")
        await player.closed()
    stores = Stores(game.redis_url, game.sql_url)
    epoch = stores.profile(welcome["player_id"])["epoch"]
    redis.kill()
    async with Raw(game.ws_url) as again:
        await again.send("guest", token=welcome["guest_token"])
        assert (await again.receive("refused"))["code"] == "try_later"
    assert stores.profile(welcome["player_id"])["epoch"] == epoch
    redis.start()
    stores.close()


async def test_without_sql_play_goes_on_logins_wait_and_ended_sessions_are_saved_later(
    game: RunningGame, mariadb_server: MariaDb
) -> None:
    async with Raw(game.ws_url) as player, Raw(game.ws_url) as leaver:
        await player.guest()
        await leaver.guest()
        await leaver.fetch("coin")
        leaver_id = leaver.welcome["player_id"]
        mariadb_server.kill()
        await leaver.send("logout")
        assert await leaver.closed() == 1000
        assert (await player.act("say", text="anybody?"))["level"] == "accepted"
        await player.fetch("apple")
        started = time.monotonic()
        refused = await player.act("drop", item="apple", quantity=1)
        assert refused["code"] == "try_later"
        async with Raw(game.ws_url) as other:
            await other.send("guest")
            assert (await other.receive("refused"))["code"] == "try_later"
        assert time.monotonic() - started < 5.0
        mariadb_server.start()
        stores = Stores(game.redis_url, game.sql_url)
        try:
            await asyncio.to_thread(eventually, lambda: stores.inventory(leaver_id) == {"coin": 1}, 20)
            await asyncio.to_thread(eventually, lambda: stores.owner(leaver_id) == {})
        finally:
            stores.close()
        await asyncio.to_thread(eventually, lambda: ready(game))
        assert (await player.act("drop", item="apple", quantity=1))["level"] == "durable"


async def test_sigterm_with_sql_away_exits_0_and_the_next_start_finds_the_session(
    game: RunningGame, mariadb_server: MariaDb
) -> None:
    async with Raw(game.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.fetch("flower")
        mariadb_server.kill()
        started = time.monotonic()
        assert await asyncio.to_thread(game.terminate) == 0
        assert time.monotonic() - started < 12.0
    mariadb_server.start()
    game.start()
    async with Raw(game.ws_url) as player:
        assert (await player.sign_in("resume", token=token))["inventory"] == {"flower": 1}


async def test_a_node_that_everybody_left_while_redis_was_away_is_ready_again_by_itself(
    game: RunningGame, redis: RunningRedis
) -> None:
    async with Raw(game.ws_url) as player:
        await player.guest()
        redis.kill()
        await player.send("move", dx=1, dy=0)
        await asyncio.to_thread(eventually, lambda: not ready(game))
        await player.send("logout")
        assert await player.closed() == 1000
    redis.start()
    await asyncio.to_thread(eventually, lambda: ready(game))
