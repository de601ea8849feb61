"""The real processes a round runs on: MariaDB behind a wire that can be cut, Redis, and one or two nodes.

They outlive the round; a fault kills and starts them, ``mend`` sees that all run before the next one begins.
"""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.profiles.proxy import Proxy, plugged
from tests.scenarios.stores import Stores
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb, running
from tests.servers.redis import RunningRedis
from tests.servers.sentinel import SentinelGroup

ROOT = Path(__file__).parents[2]
GAME = "tests.faults.orchard:Orchard"
GRACE_S, LEASE_S, CHECKPOINT_S = 3.0, 3.0, 3.0
SQL_S = 2.9  # a save ends before the next checkpoint
SETTINGS = {
    "grace_s": str(GRACE_S),
    "lease_s": str(LEASE_S),
    "checkpoint_s": str(CHECKPOINT_S),
    "sql_timeout_s": str(SQL_S),
    "sign_ups_per_minute": "100000",
}


class Rig:
    """``nodes`` are on the same stores; a test of one node leaves the other stopped."""

    def __init__(
        self, sql: MariaDb, redis: RunningRedis | SentinelGroup, proxy: Proxy, database: str, nodes: list[RunningGame]
    ):
        self.sql = sql
        self._redis = redis
        self.proxy = proxy
        self.nodes = nodes
        self._database = database
        self._environment: dict[str, str] = {}  # of the nodes that run
        self.is_spoilt = False  # the stores have what a round left behind that broke a promise

    @property
    def database(self) -> str:
        return self._database

    @property
    def redis(self) -> RunningRedis:
        """The one the nodes use; the present primary, where there are several."""
        return self._redis.primary if isinstance(self._redis, SentinelGroup) else self._redis

    @property
    def sentinels(self) -> SentinelGroup:
        assert isinstance(self._redis, SentinelGroup), "a fault of another kind of stage"
        return self._redis

    def stores(self) -> Stores:
        """A look past the server; close it. Not through the wire that is cut."""
        return Stores(self.redis.url, self.sql.url(self._database))

    @property
    def logs(self) -> dict[str, str]:
        """Return the logs of the nodes since they were last mended."""
        return {node.folder.name: node.log for node in self.nodes if node.log}

    @property
    def urls(self) -> list[str]:
        return [node.ws_url for node in self.nodes if node.is_running]

    async def mend(self, nodes: int, environment: dict[str, str]) -> None:
        """Exactly the first ``nodes`` of the nodes run, in this environment, and both stores; logs begin anew."""
        await asyncio.to_thread(self._mend, nodes, environment)

    def _mend(self, nodes: int, environment: dict[str, str]) -> None:
        if isinstance(self._redis, SentinelGroup):
            self._redis.heal()
        else:
            self._redis.mend()
        self.sql.mend()
        self._end_unless_in(environment)
        for node in self.nodes:
            node.forget_log()
        for number, node in enumerate(self.nodes):
            if node.is_running:
                os.kill(node.pid, signal.SIGCONT)
            if node.is_running and (number >= nodes or node.game != GAME):
                node.stop()
            node.game = GAME
            if number >= nodes:
                continue
            if not node.is_running:
                node.start(**environment)

    def _end_unless_in(self, environment: dict[str, str]) -> None:
        """A node that goes without one of its guards is not to be met by another round."""
        if environment != self._environment:
            for node in self.nodes:
                _end(node)
        self._environment = environment

    async def dump(self) -> bytes:
        """The database as it is now."""
        return await asyncio.to_thread(self.sql.dump, self._database)

    async def load(self, dump: bytes) -> None:
        """Set the database back."""
        await asyncio.to_thread(self.sql.load, self._database, dump)

    async def kill(self, node: RunningGame) -> None:
        await asyncio.to_thread(node.kill)

    async def start(self, node: RunningGame, **environment: str) -> None:
        await asyncio.to_thread(lambda: node.start(**environment))


@asynccontextmanager
async def rig(data: Path, *, sentinels: bool) -> AsyncIterator[Rig]:
    """Both stores run, MariaDB on a copy of ``data``, Redis alone or as a group that Sentinel watches.

    Nodes are started by ``mend``.
    """
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="chaos-")))
        sql = await asyncio.to_thread(stack.enter_context, running(data))
        proxy = await stack.enter_async_context(plugged(sql.port))
        database = await asyncio.to_thread(sql.migrated_database)
        redis = SentinelGroup() if sentinels else RunningRedis("redis7")
        stack.callback(redis.remove)
        await asyncio.to_thread(redis.start)
        nodes = [_node(folder / name, redis.url, sql.url(database, port=proxy.port)) for name in ("one", "other")]
        for node in nodes:
            stack.push_async_callback(asyncio.to_thread, _end, node)
        yield Rig(sql, redis, proxy, database, nodes)


def _node(folder: Path, redis_url: str, sql_url: str) -> RunningGame:
    folder.mkdir()
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))  # the game is looked for from another folder
    return RunningGame(folder, redis_url, sql_url, game=GAME, **SETTINGS)


def _end(node: RunningGame) -> None:
    if node.is_running:
        os.kill(node.pid, signal.SIGCONT)
        node.kill()
