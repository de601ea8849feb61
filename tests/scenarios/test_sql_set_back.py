"""SQL is set back to an older dump, or is another database: nobody is given what Redis holds of the other history."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest
import redis as redis_client

from tests.scenarios.raw import Raw
from tests.scenarios.stores import eventually
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb, migrate_now
from tests.servers.redis import RunningRedis

GAME = "tests.scenarios.market:Market"
SETTINGS = {"grace_s": "3", "checkpoint_s": "2", "sql_timeout_s": "1.5", "lease_s": "2", "store_timeout_s": "0.6"}
PATIENCE_S = 40.0  # until a node that was locked out of its database by a load has ended; it lingers for ten seconds
SUMS = "SELECT SUM(quantity), SUM(minted) - SUM(burned) FROM inventory"


class Sql(Protocol):
    """A database that can be dumped and loaded while a node runs on it."""

    url: str

    def rows(self, query: str) -> list[tuple[Any, ...]]: ...
    def dump(self) -> None: ...
    def load(self) -> None: ...


class Maria:
    """A database on a real MariaDB."""

    def __init__(self, server: MariaDb):
        self._server = server
        self._name = server.empty_database()
        self._dump = b""
        self.url = server.url(self._name)
        migrate_now(self.url)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return list(self._server.execute(query, database=self._name))

    def dump(self) -> None:
        self._dump = self._server.dump(self._name)

    def load(self) -> None:
        self._server.load(self._name, self._dump)


class Sqlite:
    """A file, as the embedded database is."""

    def __init__(self, folder: Path):
        self._file, self._copy = folder / "profiles.db", folder / "dump.db"
        self.url = f"sqlite:///{self._file}"
        migrate_now(self.url)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._file)) as connection:
            return connection.execute(query).fetchall()

    def dump(self) -> None:
        with closing(sqlite3.connect(self._file)) as connection, closing(sqlite3.connect(self._copy)) as copy:
            connection.backup(copy)

    def load(self) -> None:
        with closing(sqlite3.connect(self._copy)) as copy, closing(sqlite3.connect(self._file)) as connection:
            copy.backup(connection)


@pytest.fixture(params=["mariadb", "sqlite"])
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Sql:
    if request.param == "sqlite":
        return Sqlite(tmp_path)
    return Maria(request.getfixturevalue("mariadb"))


@pytest.fixture
def node(sql: Sql, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningGame]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    redis = RunningRedis("redis7").start()
    game = RunningGame(tmp_path, redis.url, sql.url, game=GAME, **SETTINGS)
    try:
        yield game.start()
    finally:
        game.stop()
        redis.remove()


async def log_out(player: Raw) -> None:
    await player.send("logout")
    assert await player.closed() == 1000


async def mint(player: Raw, n: int, item: str = "coin") -> None:
    assert (await player.act("mint", item=item, n=n))["level"] == "stored"


async def comes_and_goes(node: RunningGame, token: str, times: int) -> None:
    for _ in range(times):
        async with Raw(node.ws_url) as player:
            await player.guest(token=token)
            await log_out(player)


async def test_a_new_player_gets_nothing_of_one_who_had_the_number_before(sql: Sql, node: RunningGame) -> None:
    async with Raw(node.ws_url) as ann:
        token = (await ann.guest())["guest_token"]
        await mint(ann, 100)
        await log_out(ann)
    sql.dump()
    await comes_and_goes(node, token, 12)
    async with Raw(node.ws_url) as ann, Raw(node.ws_url) as cyd:
        await ann.guest(token=token)
        await mint(ann, 40)
        cyd_id = (await cyd.guest())["player_id"]
        await mint(cyd, 5_000)
        node.kill()
    sql.load()
    node.start()
    async with Raw(node.ws_url) as dora, Raw(node.ws_url) as ann:
        welcome = await dora.guest()  # the first try is good
        assert (welcome["player_id"], welcome["inventory"]) == (cyd_id, {})
        assert (await ann.guest(token=token))["inventory"] == {"coin": 100}
        await mint(dora, 1)
        await log_out(dora)
        await log_out(ann)
    assert sql.rows("SELECT player_id, quantity FROM inventory ORDER BY player_id") == [(1, 100), (cyd_id, 1)]


async def given(player: Raw, **gift: Any) -> Any:
    """Give until the store is not too busy for it; return the level of the ack, or the refusal."""
    async with asyncio.timeout(20):
        while (answer := await player.act("give", **gift)).get("code") == "try_later":
            await asyncio.sleep(0.2)
    return answer.get("level", answer)


async def test_after_a_trade_the_books_balance(sql: Sql, node: RunningGame) -> None:
    """Bob's half of the trade went into SQL and back with it; Ann's is in Redis only, under an epoch SQL still has."""
    async with Raw(node.ws_url) as ann, Raw(node.ws_url) as bob:
        token = (await ann.guest())["guest_token"]
        bobs_token = (await bob.guest())["guest_token"]
        await mint(ann, 100)
        await log_out(ann)
    async with Raw(node.ws_url) as ann, Raw(node.ws_url) as bob:
        await ann.guest(token=token)
        await bob.guest(token=bobs_token)
        sql.dump()
        await bob.until(lambda: len(bob.entities) == 2)
        assert await given(ann, to=bob.welcome["entity_id"], item="coin", n=40) == "durable"
        await log_out(bob)
        node.kill()
    sql.load()
    node.start()
    async with Raw(node.ws_url) as ann, Raw(node.ws_url) as bob:
        assert (await ann.guest(token=token))["inventory"] == {"coin": 100}
        assert (await bob.guest(token=bobs_token))["inventory"] == {}
        await log_out(ann)
        await log_out(bob)
    quantity, made = sql.rows(SUMS)[0]
    assert int(quantity) == int(made) == 100


async def test_a_session_that_was_open_at_the_dump_does_not_go_on_after_it(sql: Sql, node: RunningGame) -> None:
    async with Raw(node.ws_url) as ann:
        token = (await ann.guest())["guest_token"]
        await mint(ann, 100)
        await asyncio.to_thread(eventually, lambda: sql.rows("SELECT * FROM inventory"))
        sql.dump()
        await mint(ann, 50)
        await ann.listen(3.5)
        resume_token = ann.welcome["resume_token"]
        node.kill()
    sql.load()
    node.start()
    async with Raw(node.ws_url) as ann:
        await ann.send("resume", token=resume_token)
        assert (await ann.receive("welcome", "refused"))["code"] == "bad_token"
        assert (await ann.guest(token=token))["inventory"] == {"coin": 100}


async def test_what_is_set_aside_is_not_destroyed_and_can_be_found(sql: Sql, node: RunningGame) -> None:
    sql.dump()
    async with Raw(node.ws_url) as cyd:
        await cyd.guest()
        await mint(cyd, 5_000)
        node.kill()
    sql.load()
    node.start()
    async with Raw(node.ws_url) as dora:
        await dora.guest()
    with closing(redis_client.Redis.from_url(node.redis_url, decode_responses=True)) as redis:
        (name,) = redis.keys("foreign:*")
        assert redis.hget(str(name), "item:coin") == "5000"


async def test_nothing_is_lost_when_the_same_database_comes_back_as_it_was(sql: Sql, node: RunningGame) -> None:
    """A dump that is loaded right after it was taken, with no node running in between, sets nothing back."""
    async with Raw(node.ws_url) as ann:
        token = (await ann.guest())["guest_token"]
        await mint(ann, 100)
        resume_token = ann.welcome["resume_token"]
        node.kill()
    sql.dump()
    sql.load()
    node.start()
    async with Raw(node.ws_url) as ann:
        welcome = await ann.sign_in("resume", token=resume_token)
        assert (welcome["resumed"], welcome["inventory"]) == (True, {"coin": 100})
        await log_out(ann)
    await comes_and_goes(node, token, 2)


async def test_another_database_gets_nothing_of_what_redis_holds(
    sql: Sql, node: RunningGame, tmp_path: Path, mariadb: MariaDb
) -> None:
    async with Raw(node.ws_url) as cyd:
        await cyd.guest()
        await mint(cyd, 5_000)
        node.kill()
    other = Maria(mariadb)
    (tmp_path / "other").mkdir()
    game = RunningGame(tmp_path / "other", node.redis_url, other.url, game=GAME, **SETTINGS)
    game.start()
    try:
        await asyncio.sleep(5)  # the first node's lease has ended: nobody reaps its sessions into this SQL
        async with Raw(game.ws_url) as dora:
            welcome = await dora.guest()
            assert (welcome["player_id"], welcome["inventory"]) == (1, {})
            await log_out(dora)
    finally:
        game.stop()
    assert other.rows("SELECT * FROM inventory") == []


async def test_a_node_whose_database_is_set_back_under_it_stops_and_says_so(sql: Sql, node: RunningGame) -> None:
    sql.dump()
    async with Raw(node.ws_url) as cyd, Raw(node.ws_url) as dora:
        await cyd.guest()
        await mint(cyd, 5_000)
        sql.load()
        await dora.send("guest")
        answer = await dora.receive("welcome", "refused")
        assert answer["code"] == "try_later", answer
        assert await cyd.closed(PATIENCE_S) == 1012  # come back: to a node that was started again
    status, body = node.get("/readyz")
    assert status == 503 and '"history":false' in body.replace(" ", "")
    assert "history_lost" in node.log
    assert await asyncio.to_thread(node.wait, PATIENCE_S) == 1  # for whoever starts it again
    assert sql.rows("SELECT * FROM inventory") == []
    node.start()
    async with Raw(node.ws_url) as dora:
        assert (await dora.guest())["inventory"] == {}
