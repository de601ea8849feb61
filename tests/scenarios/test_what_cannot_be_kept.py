"""A value that could not be saved or sent is refused before the ack, and locks nobody out: on MariaDB, over kill -9."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gameserver.session.reception import UNREADABLE
from gameserver.world.inventory import KINDS_MAX
from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

NodeOf = Callable[[str], RunningGame]

REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("mint", {"item": "x" * 65}, "bad_message"),
    ("mint", {"item": "coin "}, "bad_message"),
    ("mint", {"item": ""}, "bad_message"),
    ("mint", {"item": "co\x00in"}, "bad_message"),
    ("mint", {"item": "coin", "n": 0}, "bad_message"),
    ("mint", {"item": "coin", "n": 10**12}, "full"),
    ("tell", {"field": "score", "value": "many"}, "internal"),
    ("tell", {"field": "score", "value": True}, "internal"),
    ("tell", {"field": "score", "value": 10**30}, "internal"),
    ("tell", {"field": "score", "value": 1.5}, "internal"),
    ("tell", {"field": "weight", "value": 10**400}, "internal"),
    ("tell", {"field": "tags", "value": ["a"]}, "internal"),
    ("tell", {"field": "note", "value": None}, "internal"),
    ("tell", {"field": "scroe", "value": 1}, "internal"),
    ("tell", {"field": "version", "value": 9}, "internal"),
    ("write", {"n": 300_000}, "internal"),
    ("write", {"n": 70_000}, "internal"),
    ("shout", {"n": 40_000}, "internal"),
]


@pytest.fixture
def node_of(mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[NodeOf]:
    """A node of a game of ``shop``, on the stores of this test; none is running."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    redis = RunningRedis("redis7").start()
    nodes: list[RunningGame] = []

    def make(name: str) -> RunningGame:
        folder = tmp_path / f"{name}{len(nodes)}"
        folder.mkdir()
        nodes.append(RunningGame(folder, redis.url, mariadb_url, game=f"tests.scenarios.shop:{name}", grace_s="3"))
        return nodes[-1]

    try:
        yield make
    finally:
        for node in nodes:
            node.stop()
        redis.remove()


async def stored(player: Raw, type_: str, **fields: Any) -> None:
    assert await player.act(type_, **fields) == {"type": "ack", "level": "stored", "seq": player.seq}


async def logout(player: Raw) -> None:
    await player.send("logout")
    assert await player.closed() == 1000


@pytest.mark.slow
async def test_what_cannot_be_saved_is_never_acked_and_what_was_acked_survives_a_kill(node_of: NodeOf) -> None:
    node = node_of("Shop").start()
    async with Raw(node.ws_url) as player:
        token = (await player.guest())["guest_token"]
        for type_, fields, code in REFUSED:
            answer = await player.act(type_, **fields)
            assert (answer["type"], answer["code"]) == ("refused", code), (type_, fields)
        await stored(player, "mint", item="\U0001f409" * 64, n=3)
        await stored(player, "mint", item="x" * 64)
        await stored(player, "write", n=60_000)
        await stored(player, "tell", field="weight", value=2)
    node.kill()
    node.start()
    async with Raw(node.ws_url) as player:
        welcome = await player.guest(token=token)
        assert welcome["inventory"] == {"\U0001f409" * 64: 3, "x" * 64: 1}
        assert welcome["state"] == {"score": 0, "weight": 2.0, "note": "x" * 60_000, "tags": []}
        await logout(player)
    async with Raw(node.ws_url) as player:
        assert (await player.guest(token=token))["inventory"] == {"\U0001f409" * 64: 3, "x" * 64: 1}


@pytest.mark.slow
async def test_the_fullest_player_is_welcomed(node_of: NodeOf) -> None:
    node = node_of("Shop").start()
    async with Raw(node.ws_url) as player:
        token = (await player.guest())["guest_token"]
        await stored(player, "write", n=60_000)
        await stored(player, "fill", n=KINDS_MAX)
        answer = await player.act("mint", item="one more")
        assert answer["code"] == "full"
        await logout(player)
    async with Raw(node.ws_url) as player:
        assert len((await player.guest(token=token))["inventory"]) == KINDS_MAX


@pytest.mark.slow
async def test_a_state_that_the_game_cannot_read_refuses_its_player_alone_and_stays(node_of: NodeOf) -> None:
    first, other = node_of("Shop"), node_of("OtherShop")
    first.start()
    async with Raw(first.ws_url) as player:
        token = (await player.guest())["guest_token"]
        await stored(player, "tell", field="score", value=7)
        await logout(player)
    first.terminate()
    other.start()
    assert "check_warning" in other.log and "OtherTill.score" in other.log
    for _ in range(2):
        async with Raw(other.ws_url) as player:
            await player.send("guest", token=token)
            answer = await player.receive("refused")
            assert answer["code"] == "internal"
            assert answer["reason"] == UNREADABLE
    async with Raw(other.ws_url) as somebody:
        assert (await somebody.guest())["state"] == {"score": ""}
    log = other.log
    assert "state_unreadable" in log and "OtherTill.score: the state of player 1 (" in log and "Traceback" not in log
    other.terminate()
    first.start()
    async with Raw(first.ws_url) as player:
        assert (await player.guest(token=token))["state"]["score"] == 7


async def test_a_zone_that_is_none_is_the_first_one(node_of: NodeOf) -> None:
    node = node_of("LostShop").start()
    async with Raw(node.ws_url) as player:
        assert (await player.guest())["zone"]["name"] == "shop"
    assert "zone_unknown" in node.log and "LostShop.choose_zone: returned 'shpo', which is no zone" in node.log
