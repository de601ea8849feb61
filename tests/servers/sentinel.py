"""A primary, its replica and the three sentinels that watch them, as real processes on loopback.

Everybody, sentinels and replica included, reaches a server through its door: a small TCP proxy whose port is the one
the server is known by. A door that is cut drops what belongs to sentinels and replicas and lets nobody new in, but
keeps the clients that are inside: the server behind it is the zombie of a split network, which goes on taking writes.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
import redis

from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis

Answer = TypeVar("Answer")

SERVICE = "game"
SENTINELS, QUORUM = 3, 2
DOWN_AFTER_MS = 1000
PATIENCE_S = 30.0
# Sentinel's own periods are made for networks; these let it notice in one second what takes it ten by default. Its
# tilt, a pause of half a minute when its timer was late, would be triggered by any busy machine.
PERIODS_MS = {
    "info-period": 500,
    "ping-period": 200,
    "ask-period": 200,
    "publish-period": 300,
    "tilt-trigger": 60_000,
}


class SentinelGroup:
    """``start`` after ``__init__``, ``remove`` at the end. Who is primary is what the sentinels say."""

    def __init__(self) -> None:
        self._roads = _Roads()
        self.servers = (RunningRedis("redis7"), RunningRedis("redis7"))
        self._doors = {server: self._roads.door(server.port) for server in self.servers}
        self._sentinels = [_Sentinel() for _ in range(SENTINELS)]
        self._cut: RunningRedis | None = None

    @property
    def url(self) -> str:
        """The URL for the server's settings."""
        addresses = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self._sentinels)
        return f"redis+sentinel://{addresses}/{SERVICE}/0"

    @property
    def primary_url(self) -> str:
        """The URL of the present primary itself, past its proxy, to look into it."""
        return self.primary.url

    @property
    def primary(self) -> RunningRedis:
        return self._behind(self.primary_port())

    @property
    def replica(self) -> RunningRedis:
        """The one that is not the primary, also when it is down or cut off."""
        first, second = self.servers
        return second if self.primary is first else first

    def start(self) -> SentinelGroup:
        try:
            self._start()
        except BaseException:
            self.remove()
            raise
        return self

    def primary_port(self) -> int:
        """The port by which the sentinels know the primary. Fails while they do not agree for long."""
        return _until("the sentinels agree", self._agreed)

    def copy(self) -> None:
        """Returns when the replica has all that the primary has. One that has just come is sent nothing more until it
        has said that it is there, which takes it up to a second."""
        primary, replica = self.primary, self.replica
        _until("the replica has everything", lambda: 0 <= _bytes_of(replica, "slave") == _bytes_of(primary, "master"))

    def failover(self, old: RunningRedis | None = None) -> None:
        """Returns when every sentinel announces the other server and it takes writes. They are told to do it when the
        primary is well; when it was cut off or killed, they do it by themselves. Name a killed one as ``old``: it may
        have been replaced already."""
        old = old or self._cut or self.primary
        new = self.servers[1 - self.servers.index(old)]
        is_well = old is not self._cut and old.is_running

        def is_done() -> bool:
            if is_well and not self._is_announced(new):  # also when it was, and sentinels changed their minds
                self._order_failover()
            return self._is_announced(new) and b"master" in new.command("ROLE")

        _until("the new primary is announced and takes writes", is_done)

    def cut_off(self) -> None:
        """Cut the primary off from sentinels, replica and new connections. Existing connections stay, and are
        served."""
        self._cut = self.primary
        self._doors[self._cut].cut()

    def heal(self) -> None:
        """End the partition, and wait until there is one primary with one replica in step again."""
        if self._cut is not None:
            self._doors[self._cut].open()
            self._cut = None
        _until("the replica is in step", self._is_in_step)

    def remove(self) -> None:
        """End every process and thread, and delete what they kept."""
        for sentinel in self._sentinels:
            sentinel.remove()
        for server in self.servers:
            server.remove()
        self._roads.close()

    def _start(self) -> None:
        primary, replica = self.servers
        for server in self.servers:
            server.options = ("--replica-announce-ip", "127.0.0.1")
            server.options += (
                "--replica-announce-port",
                str(self._doors[server].port),
                "--repl-diskless-sync-delay",
                "0",
            )
            server.start()
        replica.command("REPLICAOF", "127.0.0.1", str(self._doors[primary].port))
        replica.command("CONFIG", "REWRITE")  # what it is has to outlive its restart
        for sentinel in self._sentinels:
            sentinel.start(self._doors[primary].port)
        for sentinel in self._sentinels:
            sentinel.hasten()
        _until("the sentinels know one another", lambda: all(sentinel.is_ready() for sentinel in self._sentinels))
        _until("the replica is in step", self._is_in_step)
        self.copy()

    def _is_announced(self, server: RunningRedis) -> bool:
        return self._agreed() == self._doors[server].port

    def _order_failover(self) -> None:
        """Order a failover. Repeat it: another sentinel that still tidies up after the last one may make it fail."""
        with suppress(redis.ResponseError):  # one is under way, or it does not think well of the replica yet
            self._sentinels[0].ask("SENTINEL", "FAILOVER", SERVICE)

    def _agreed(self) -> int:
        """The port all sentinels announce; 0 while they differ."""
        announced = {sentinel.announced_port() for sentinel in self._sentinels}
        return announced.pop() if len(announced) == 1 else 0

    def _behind(self, port: int) -> RunningRedis:
        return next(server for server, door in self._doors.items() if door.port == port)

    def _is_in_step(self) -> bool:
        port = str(self.primary_port()).encode()
        role = self.replica.command("ROLE")
        return b"slave" in role and b"connected" in role and port in role


class _Sentinel:
    """One redis-sentinel."""

    def __init__(self) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="sentinel-", dir="/tmp"))
        self._process: subprocess.Popen[bytes] | None = None
        self._client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def start(self, primary_port: int) -> None:
        settings = self.folder / "sentinel.conf"
        settings.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {primary_port} {QUORUM}\n"
            f"sentinel down-after-milliseconds {SERVICE} {DOWN_AFTER_MS}\n"
            f"sentinel failover-timeout {SERVICE} 3000\n"
        )
        program = shutil.which("redis-sentinel")
        if program is None:
            pytest.fail("redis-sentinel is not installed (apt-get install redis-sentinel)")
        with_parent = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.folder / "log").open("ab") as log:
            command = [*with_parent, program, str(settings)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        _until("the sentinel answers", lambda: self.announced_port() == primary_port)

    def hasten(self) -> None:
        self.ask("SENTINEL", "DEBUG", *(str(word) for setting in PERIODS_MS.items() for word in setting))

    def ask(self, *words: str) -> Any:
        execute: Callable[..., Any] = self._client.execute_command  # redis leaves it untyped
        return execute(*words)

    def announced_port(self) -> int:
        """0 when it does not answer."""
        try:
            address: Any = self._client.sentinel_get_master_addr_by_name(SERVICE)
        except redis.ConnectionError:
            return 0
        return int(address[1]) if address else 0

    def is_ready(self) -> bool:
        known: Any = self._client.sentinel_master(SERVICE)
        return bool(known["num-slaves"] == 1 and known["num-other-sentinels"] == SENTINELS - 1)

    def remove(self) -> None:
        self._client.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class _Roads:
    """The doors of a group, served by one event loop in a thread of its own."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="doors", daemon=True)
        self._thread.start()
        self._doors: list[Door] = []

    def door(self, to_port: int) -> Door:
        door = Door(self, to_port)
        self.run(door.listen())
        self._doors.append(door)
        return door

    def run(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def close(self) -> None:
        for door in self._doors:
            self.run(door.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(PATIENCE_S)
        self.loop.close()


class Door:
    """Copies bytes between ``port`` and the server behind it."""

    PEER_MARKS = (b"REPLCONF", b"PSYNC", b"sentinel-")  # what a sentinel or a replica says first, and no client of ours
    GREETING_BYTES = 512  # in which it does

    def __init__(self, roads: _Roads, to_port: int):
        self.port = 0
        self._roads = roads
        self._to_port = to_port
        self._is_cut = False
        self._inside: set[_Passage] = set()
        self._copying: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        self._server = await asyncio.start_server(self._enter, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def cut(self) -> None:
        self._roads.run(self._cut())

    def open(self) -> None:
        self._is_cut = False

    async def close(self) -> None:
        self._server.close()
        for passage in self._inside:
            passage.abort()
        await asyncio.gather(*self._copying, return_exceptions=True)

    async def _cut(self) -> None:
        self._is_cut = True
        for passage in self._inside:
            if any(mark in passage.greeting for mark in self.PEER_MARKS):
                passage.abort()

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        try:
            answers, upstream = await asyncio.open_connection("127.0.0.1", self._to_port)
        except OSError:
            writer.transport.abort()
            return
        passage = _Passage(writer, upstream)
        self._inside.add(passage)

        def end(_: asyncio.Task[None]) -> None:
            passage.abort()
            self._inside.discard(passage)

        for copying in (self._copy(reader, upstream, passage.greeting), self._copy(answers, writer, bytearray())):
            task = asyncio.ensure_future(copying)
            self._copying.add(task)
            task.add_done_callback(self._copying.discard)
            task.add_done_callback(end)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytearray) -> None:
        with suppress(OSError):
            while chunk := await reader.read(65536):
                if len(greeting) < self.GREETING_BYTES:
                    greeting += chunk
                writer.write(chunk)
                await writer.drain()


class _Passage:
    """One connection through a door: both of its sides, and what the one who came in said first."""

    def __init__(self, *sides: asyncio.StreamWriter):
        self._sides = sides
        self.greeting = bytearray()

    def abort(self) -> None:
        for side in self._sides:
            side.transport.abort()


def _bytes_of(server: RunningRedis, role: str) -> int:
    """Return the server's offset in the stream of writes, under its role's name for it."""
    found = re.search(rb"\b%b_repl_offset:(\d+)" % role.encode(), server.command("INFO", "replication"))
    return int(found[1]) if found else -1


def _until(what: str, look: Callable[[], Answer]) -> Answer:
    """Call ``look`` until its result is truthy, and return that."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < give_up_at, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture
def sentinel_group() -> Iterator[SentinelGroup]:
    """A group of this test's own. Takes about two seconds."""
    group = SentinelGroup()
    try:
        yield group.start()
    finally:
        group.remove()
