"""A primary of a Redis Cluster dies with players in the game: they play on, and lose nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import eventually
from tests.servers.cluster import RedisCluster
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb


@pytest.fixture
def game(own_cluster: RedisCluster, mariadb: MariaDb, tmp_path: Path) -> Iterator[RunningGame]:
    """Without checkpoints meanwhile: what is found afterwards was in Redis."""
    sql_url = mariadb.url(mariadb.migrated_database())
    server = RunningGame(tmp_path, own_cluster.url, sql_url, grace_s="10", checkpoint_s="3600")
    try:
        yield server.start()
    finally:
        server.stop()


async def test_a_player_goes_on_where_the_replica_took_over_and_nothing_is_lost(
    game: RunningGame, own_cluster: RedisCluster
) -> None:
    async with Raw(game.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.fetch("apple")  # acked as stored
        killed = own_cluster.owner_of(f"owner:{{{player.welcome['player_id']}}}")
        killed.kill()
        await asyncio.to_thread(eventually, lambda: game.get("/readyz")[0] == 503)
        refused = await player.act("use", item="apple")
        assert refused["code"] == "try_later"
        replacing = asyncio.create_task(asyncio.to_thread(own_cluster.wait_until_replaced, killed))
        while not replacing.done():
            await player.listen(0.1)
        await asyncio.to_thread(eventually, lambda: game.get("/readyz")[0] == 200, 3)
        await player.fetch("coin")  # acked as stored, by the one that was the replica
        sessions = f"node:test-{game.port}:sessions"  # in a slot of its own: a failover could lose it, and it alone
        own_cluster.owner_of(sessions).ask("DEL", sessions)
        async with asyncio.timeout(10):
            while own_cluster.owner_of(sessions).ask("SCARD", sessions) != 1:
                await player.listen(0.1)
        game.kill()
    game.start()
    async with Raw(game.ws_url) as player:
        assert (await player.sign_in("resume", token=token))["inventory"] == {"apple": 1, "coin": 1}
