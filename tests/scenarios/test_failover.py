"""Redis fails over through Sentinel with players in the game: a server that goes on living loses nothing."""

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
from tests.servers.sentinel import SentinelGroup

PATIENCE_S = 60.0


@pytest.fixture
def game(sentinel_group: SentinelGroup, mariadb: MariaDb, tmp_path: Path) -> Iterator[RunningGame]:
    """Without checkpoints meanwhile: what is found afterwards was in Redis."""
    sql_url = mariadb.url(mariadb.migrated_database())
    server = RunningGame(tmp_path, sentinel_group.url, sql_url, grace_s="10", checkpoint_s="3600")
    try:
        yield server.start()
    finally:
        server.stop()


async def sign_in(player: Raw) -> str:
    """Its resume token. Refused as long as it takes a new connection to a primary that lets nobody in."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                return str((await player.guest())["resume_token"])
            except AssertionError:  # the refusal
                await player.listen(0.2)


async def fetch(player: Raw, kind: str) -> None:
    """Until it is acked as stored: the sentinels may act at any moment, and that may cost a refusal."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                await player.fetch(kind)
                return
            except AssertionError:  # the refusal
                await player.listen(0.2)


def whole(group: SentinelGroup, game: RunningGame, player: Raw) -> bool:
    """Whether the new primary has what memory has of the player."""
    stores = Stores(group.primary_url, game.sql_url)
    try:
        live = stores.session(player.welcome["player_id"])
        return live.get("item:apple") == "1" and live.get("item:coin") == "1"
    finally:
        stores.close()


async def test_what_the_old_primary_took_alone_is_given_to_the_new_one(
    game: RunningGame, sentinel_group: SentinelGroup
) -> None:
    """The old primary also opened a session, of which the new one has never heard; and then the server dies."""
    async with Raw(game.ws_url) as player, Raw(game.ws_url) as late:
        tokens = [(await player.guest())["resume_token"]]
        await player.fetch("apple")
        sentinel_group.cut_off()
        tokens.append(await sign_in(late))
        await asyncio.gather(fetch(player, "coin"), fetch(late, "apple"))  # acked as stored, by the zombie
        await fetch(late, "coin")
        await asyncio.to_thread(sentinel_group.failover)
        for each in (player, late):
            await asyncio.to_thread(eventually, lambda each=each: whole(sentinel_group, game, each), 5)
        await asyncio.to_thread(eventually, lambda: game.get("/readyz")[0] == 200, 2)
        assert (await player.act("use", item="apple"))["level"] == "stored"
        game.kill()
    await asyncio.to_thread(sentinel_group.heal)
    game.start()
    for token, inventory in zip(tokens, ({"coin": 1}, {"apple": 1, "coin": 1}), strict=True):
        async with Raw(game.ws_url) as player:
            assert (await player.sign_in("resume", token=token))["inventory"] == inventory


async def test_a_primary_that_dies_costs_refusals_until_the_next_one_is_named(
    game: RunningGame, sentinel_group: SentinelGroup
) -> None:
    async with Raw(game.ws_url) as player:
        await player.guest()
        await player.fetch("apple")
        await player.send("move", dx=1, dy=0)
        await player.listen(0.2)
        killed = sentinel_group.primary
        killed.kill()
        x = player.me.x
        await asyncio.to_thread(eventually, lambda: game.get("/readyz")[0] == 503)
        started_s = time.monotonic()
        refused = await player.act("use", item="apple")
        assert refused["code"] == "try_later" and time.monotonic() - started_s < 1.0
        failing_over = asyncio.create_task(asyncio.to_thread(sentinel_group.failover, killed))
        while not failing_over.done():
            await player.listen(0.1)
        assert player.me.x > x + 3, "ticks go on"
        await asyncio.to_thread(eventually, lambda: game.get("/readyz")[0] == 200, 2)
        assert (await player.act("use", item="apple"))["level"] == "stored"
