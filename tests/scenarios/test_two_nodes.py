"""Two nodes on the same stores: takeover, resume on the other, reaping, and a node that was asleep."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb
from tests.servers.redis import RunningRedis

PASSWORD = "a long enough password"


@pytest.fixture(scope="module")
def both(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningGame, RunningGame]]:
    """Two nodes that the tests of this module share."""
    redis = RunningRedis("redis7").start()
    sql_url = mariadb.url(mariadb.migrated_database())
    folders = (tmp_path_factory.mktemp("one"), tmp_path_factory.mktemp("other"))
    games = [RunningGame(folder, redis.url, sql_url, grace_s="4", lease_s="3") for folder in folders]
    try:
        yield games[0], games[1]
    finally:
        for game in games:
            game.stop()
        redis.remove()


@pytest.fixture
def nodes(both: tuple[RunningGame, RunningGame]) -> tuple[RunningGame, RunningGame]:
    """Both run, whichever the test before has killed."""
    for game in both:
        if not game.is_running:
            game.start()
    return both


@pytest.fixture
def stores(nodes: tuple[RunningGame, RunningGame]) -> Iterator[Stores]:
    stores = Stores(nodes[0].redis_url, nodes[0].sql_url)
    yield stores
    stores.close()


async def test_a_sign_in_on_the_other_node_takes_over_within_a_second(nodes: tuple[RunningGame, RunningGame]) -> None:
    name = f"p{uuid4().hex[:10]}"
    async with Raw(nodes[0].ws_url) as first, Raw(nodes[1].ws_url) as second:
        await first.sign_in("register", name=name, password=PASSWORD)
        await first.fetch("apple")
        await second.sign_in("login", name=name, password=PASSWORD)
        started = time.monotonic()
        assert await first.closed() == 4001
        assert time.monotonic() - started < 1.0
        assert second.welcome["inventory"] == {"apple": 1}
        assert (await second.act("use", item="apple"))["level"] == "stored"


async def test_a_session_is_resumed_on_the_other_node(nodes: tuple[RunningGame, RunningGame], stores: Stores) -> None:
    async with Raw(nodes[0].ws_url) as player:
        welcome = await player.guest()
        thing = await player.fetch("coin")
        seq, x = player.seq, player.me.x
        player.cut()
    async with Raw(nodes[1].ws_url) as player:
        again = await player.sign_in("resume", token=welcome["resume_token"])
        assert (again["inventory"], again["last_seq"]) == ({"coin": 1}, seq)
        assert again["x"] == pytest.approx(x, abs=0.7)
        await player.send("pick_up", seq=seq, entity=thing)
        assert (await player.answer_to(seq))["level"] == "stored"
        await player.listen(1.0)  # by now the first node has found out, and has not disturbed us
        assert (await player.act("say", text="here I am"))["type"] == "ack"
        epoch = stores.owner(welcome["player_id"])["epoch"]
        assert stores.redis.keys(f"session:{{{welcome['player_id']}}}:*") == [
            f"session:{{{welcome['player_id']}}}:{epoch}"
        ]


async def test_who_comes_straight_back_from_the_other_node_finds_what_it_did_there(
    nodes: tuple[RunningGame, RunningGame],
) -> None:
    async with Raw(nodes[0].ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.fetch("apple")
        player.cut()
    for way in range(6):  # within the time a node takes to notice by itself
        async with Raw(nodes[1 - way % 2].ws_url) as player:
            again = await player.sign_in("resume", token=token)
            assert again["inventory"] == {"apple": 1}
            token = again["resume_token"]
            assert (await player.act("say", text="here I am"))["type"] == "ack"
            player.cut()
    async with Raw(nodes[0].ws_url) as player:
        await player.sign_in("resume", token=token)
        await player.listen(1.2)
        assert (await player.act("use", item="apple"))["level"] == "stored"


async def test_a_dead_nodes_sessions_are_reaped_saved_and_may_be_resumed(
    nodes: tuple[RunningGame, RunningGame], stores: Stores
) -> None:
    async with Raw(nodes[0].ws_url) as stays_away, Raw(nodes[0].ws_url) as comes_back:
        await stays_away.guest()
        await stays_away.fetch("flower")
        away_id = stays_away.welcome["player_id"]
        welcome = await comes_back.guest()
        nodes[0].kill()
    other = f"test-{nodes[1].port}"
    await asyncio.to_thread(eventually, lambda: stores.owner(welcome["player_id"]).get("node") == other)
    await asyncio.to_thread(eventually, lambda: stores.inventory(away_id) == {"flower": 1})
    async with Raw(nodes[1].ws_url) as player:
        again = await player.sign_in("resume", token=welcome["resume_token"])
        assert again["player_id"] == welcome["player_id"]
        await asyncio.to_thread(eventually, lambda: stores.owner(away_id) == {})


async def test_a_node_that_was_asleep_acks_nothing_after_the_takeover(nodes: tuple[RunningGame, RunningGame]) -> None:
    async with Raw(nodes[0].ws_url) as player:
        welcome = await player.guest()
        await player.fetch("apple")
        os.kill(nodes[0].pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(4)
            async with Raw(nodes[1].ws_url) as elsewhere:
                again = await elsewhere.sign_in("resume", token=welcome["resume_token"])
                assert again["inventory"] == {"apple": 1}
                seq = await player.act_only("use", item="apple")
                os.kill(nodes[0].pid, signal.SIGCONT)
                assert await player.closed() == 4001
                assert [m for m in player.waiting if m["type"] == "ack" and m["seq"] == seq] == []
                assert (await elsewhere.act("use", item="apple"))["level"] == "stored"
        finally:
            os.kill(nodes[0].pid, signal.SIGCONT)


async def test_who_played_on_a_node_that_was_taken_for_dead_is_sent_to_where_it_is_held(
    nodes: tuple[RunningGame, RunningGame], stores: Stores
) -> None:
    async with Raw(nodes[0].ws_url) as player:
        welcome = await player.guest()
        await player.fetch("apple")
        seq = player.seq
        os.kill(nodes[0].pid, signal.SIGSTOP)
        try:
            other = f"test-{nodes[1].port}"
            await asyncio.to_thread(eventually, lambda: stores.owner(welcome["player_id"]).get("node") == other)
            await asyncio.sleep(0.2)  # a tick says that it waits
        finally:
            os.kill(nodes[0].pid, signal.SIGCONT)
        assert await player.closed() == 4009
    async with Raw(nodes[0].ws_url) as player:  # wherever the balancer sends it
        again = await player.sign_in("resume", token=welcome["resume_token"])
        assert (again["resumed"], again["last_seq"], again["inventory"]) == (True, seq, {"apple": 1})
        assert (await player.act("use", item="apple"))["level"] == "stored"
