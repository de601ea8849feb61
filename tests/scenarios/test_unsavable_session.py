"""A session that SQL cannot take costs its own player nothing but a late save, and everybody else nothing at all."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame, running_game
from tests.servers.mariadb import MariaDb

PACKET_MAX = 32_768
TOO_LONG = 20_000  # characters of a note; bytes travel to MariaDB as two characters each
SETTINGS = {"game": "tests.scenarios.shop:Shop", "checkpoint_s": "2", "sql_timeout_s": "1", "grace_s": "3"}
NOT_SAVED, LOGGED_OUT = 4011, 1000


@pytest.fixture
def shop(mariadb_server: MariaDb, tmp_path: Path) -> Iterator[RunningGame]:
    mariadb_server.execute(f"SET GLOBAL max_allowed_packet={PACKET_MAX}")
    with running_game(tmp_path, mariadb_server.url(mariadb_server.migrated_database()), **SETTINGS) as game:
        yield game


@pytest.fixture
async def stores(shop: RunningGame) -> AsyncIterator[Stores]:
    stores = Stores(shop.redis_url, shop.sql_url)
    yield stores
    stores.close()


def metric(game: RunningGame, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", game.get("/metrics", ops=True)[1], re.MULTILINE)
    assert found, name
    return float(found[1])


def lines(game: RunningGame, event: str) -> list[dict[str, object]]:
    every = [json.loads(line) for line in game.log.splitlines() if line.startswith("{")]
    return [line for line in every if line["event"] == event]


async def until(look: Callable[[], object], patience_s: float = 10.0) -> None:
    await asyncio.to_thread(eventually, look, patience_s)


async def test_others_are_saved_in_time_while_one_session_cannot_be(shop: RunningGame, stores: Stores) -> None:
    async with Raw(shop.ws_url) as ann, Raw(shop.ws_url) as bob:
        await ann.guest()
        await bob.guest()
        assert (await ann.act("write", n=TOO_LONG))["level"] == "stored"
        assert (await bob.act("mint", item="coin", n=5))["level"] == "stored"
        await until(lambda: stores.inventory(bob.welcome["player_id"]) == {"coin": 5}, 5.0)
        await until(lambda: metric(shop, "gameserver_unsaved_sessions") == 1, 5.0)
        assert (await bob.act("mint", item="coin", n=1))["level"] == "stored"
        await until(lambda: stores.inventory(bob.welcome["player_id"]) == {"coin": 6}, 5.0)
        assert shop.get("/readyz")[0] == 200
        assert metric(shop, 'gameserver_store_up{store="sql"}') == 1
        assert metric(shop, "gameserver_refused_saves_total") >= 1
        (told,) = lines(shop, "save_refused")
        assert told["player_id"] == ann.welcome["player_id"]
        assert told["bytes"] > TOO_LONG  # type: ignore[operator]
        assert "max_allowed_packet" in str(told["error"])
        await bob.send("logout")
        assert await bob.closed() == LOGGED_OUT
        assert not lines(shop, "sql_away")


async def test_its_player_plays_on_leaves_without_a_lie_and_comes_back(shop: RunningGame, stores: Stores) -> None:
    async with Raw(shop.ws_url) as ann:
        await ann.sign_in("register", name="Ann", password="correct horse")
        player_id = ann.welcome["player_id"]
        await ann.act("write", n=TOO_LONG)
        await until(lambda: metric(shop, "gameserver_unsaved_sessions") == 1, 5.0)
        assert (await ann.act("tell", field="score", value=7))["level"] == "stored"
        await ann.send("logout")
        assert await ann.closed() == NOT_SAVED
    assert shop.get("/readyz")[0] == 200
    await asyncio.sleep(4)  # its grace ends, and the end is tried again
    assert stores.owner(player_id), "it stays claimable"
    async with Raw(shop.ws_url) as ann:
        await ann.sign_in("login", name="Ann", password="correct horse")
        assert (ann.welcome["state"]["score"], ann.welcome["state"]["note"]) == (7, "x" * TOO_LONG)
        assert (await ann.act("write", n=1))["level"] == "stored"
        await ann.send("logout")
        assert await ann.closed() == LOGGED_OUT
    assert stores.owner(player_id) == {}
    assert metric(shop, "gameserver_unsaved_sessions") == 0
    assert stores.profile(player_id)["saved_seq"] > 0


async def test_it_survives_the_death_and_the_drain_of_its_node(shop: RunningGame, stores: Stores) -> None:
    async with Raw(shop.ws_url) as ann:
        await ann.sign_in("register", name="Ann", password="correct horse")
        await ann.act("write", n=TOO_LONG)
        await until(lambda: metric(shop, "gameserver_unsaved_sessions") == 1, 5.0)
        shop.kill()
    shop.start()
    async with Raw(shop.ws_url) as ann:
        await ann.sign_in("login", name="Ann", password="correct horse")
        assert len(ann.welcome["state"]["note"]) == TOO_LONG
        assert await asyncio.to_thread(shop.terminate) == 0
    shop.start()
    async with Raw(shop.ws_url) as ann:
        await ann.sign_in("login", name="Ann", password="correct horse")
        assert len(ann.welcome["state"]["note"]) == TOO_LONG
