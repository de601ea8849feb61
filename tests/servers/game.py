"""The real server as a child process on a real Redis and MariaDB, to be killed, stopped and started again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.mariadb import MariaDb
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis

START_DEADLINE_S = 30.0
GLADE = "tests.servers.glade:Glade"


class RunningGame:
    """One server process at a time. ``start`` after ``kill`` is the same node on the same stores and port."""

    def __init__(
        self, folder: Path, redis_url: str, sql_url: str, *, game: str = "gameserver.demo:Meadow", **settings: str
    ):
        self.folder = folder
        self.redis_url = redis_url
        self.sql_url = sql_url
        self.port = free_port()
        self.ops_port = free_port()
        self.game = game  # module:Class of the next start
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GAMESERVER_")},
            "GAMESERVER_REDIS_URL": redis_url,
            "GAMESERVER_SQL_URL": sql_url,
            "GAMESERVER_PORT": str(self.port),
            "GAMESERVER_OPS_PORT": str(self.ops_port),
            "GAMESERVER_LOG_FORMAT": "json",
            "GAMESERVER_NODE_ID": f"test-{self.port}",
            **{f"GAMESERVER_{name.upper()}": value for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """All it has said, or since ``forget_log``."""
        file = self.folder / "server.log"
        return file.read_text() if file.exists() else ""

    def forget_log(self) -> None:
        """Empty the log, even while the server runs: it writes at the end, wherever that is."""
        (self.folder / "server.log").write_bytes(b"")

    def start(self, **environment: str) -> RunningGame:
        """Start the server, with these variables added for this start."""
        assert self._process is None or self._process.poll() is not None, "it is running"
        with (self.folder / "server.log").open("ab") as log:
            command = [sys.executable, "-m", "gameserver", "run", self.game]
            every = {**self._environment, **environment}
            self._process = subprocess.Popen(command, env=every, stdout=log, stderr=log, cwd=self.folder)
        try:
            self._wait_until_healthy()
        except BaseException:
            self.stop()
            raise
        return self

    def start_again(self) -> int:
        """A second process with the same settings while the first runs; its exit code."""
        command = [sys.executable, "-m", "gameserver", "run", self.game]
        return subprocess.run(command, env=self._environment, cwd=self.folder, timeout=START_DEADLINE_S).returncode

    def kill(self) -> None:
        """SIGKILL: nothing is saved, nothing is said."""
        self._signal(signal.SIGKILL)
        self.wait()

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def terminate(self) -> int:
        """SIGTERM; the exit code after the drain."""
        self._signal(signal.SIGTERM)
        return self.wait()

    def wait(self, timeout_s: float = 20.0) -> int:
        assert self._process is not None
        return self._process.wait(timeout_s)

    def stop(self) -> None:
        """End it if it runs, for teardown."""
        if self._process is not None and self._process.poll() is None:
            try:
                self.terminate()
            except subprocess.TimeoutExpired:
                self.kill()

    def get(self, path: str, *, ops: bool = False) -> tuple[int, str]:
        """Status and body of a GET."""
        port = self.ops_port if ops else self.port
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def _signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def _wait_until_healthy(self) -> None:
        assert self._process is not None
        until = time.monotonic() + START_DEADLINE_S
        while time.monotonic() < until:
            assert self._process.poll() is None, f"the server ended: {self.log}"
            try:
                if self.get("/healthz")[0] == 200:
                    return
            except OSError:
                time.sleep(0.05)
        raise AssertionError(f"not healthy after {START_DEADLINE_S} s: {self.log}")


@pytest.fixture(scope="session")
def running_server(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGame]:
    """A server that many tests share, on Debian's Redis and MariaDB; do not stop it."""
    with running_game(tmp_path_factory.mktemp("game"), mariadb.url(mariadb.migrated_database()), grace_s="20") as game:
        yield game


@pytest.fixture
def own_server(mariadb_url: str, tmp_path: Path) -> Iterator[RunningGame]:
    """A server of this test's own, to kill and restart; its grace period is short."""
    with running_game(tmp_path, mariadb_url, grace_s="3", checkpoint_s="3", sql_timeout_s="2") as game:
        yield game


@contextmanager
def running_game(folder: Path, sql_url: str, **settings: str) -> Iterator[RunningGame]:
    """Run a server on a Redis of its own. Without the setting ``game`` it plays the demo on a quarter of its ground."""
    redis = RunningRedis("redis7").start()
    game = RunningGame(folder, redis.url, sql_url, **{"game": GLADE, **settings})
    try:
        yield game.start()
    finally:
        game.stop()
        redis.remove()
