"""A Redis for one measurement, as one would run it: append-only file on, fsynced every second."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.machine import MeasuringError, free_port, started

START_S = 15.0


@dataclass(frozen=True, slots=True)
class Redis:
    pid: int
    port: int

    def received_bytes(self) -> int:
        """Return the bytes that clients have sent so far."""
        for line in _ask(self.port, b"INFO stats\r\n").splitlines():
            name, _, value = line.partition(b":")
            if name == b"total_net_input_bytes":
                return int(value)
        raise MeasuringError("this Redis does not count the bytes it receives")


@contextmanager
def redis_server(folder: Path, core: int | None) -> Iterator[Redis]:
    """Keeps its files in ``folder``."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise MeasuringError("redis-server is missing: apt-get install redis-server")
    port = free_port()
    options = {"port": port, "bind": "127.0.0.1", "dir": folder, "appendonly": "yes", "appendfsync": "everysec"}
    words = [f"--{name} {value}".split(" ", 1) for name, value in options.items()]
    command = [program, *(word for pair in words for word in pair), "--save", "", "--loglevel", "warning"]
    with started(command, core, folder=folder, stderr=subprocess.STDOUT) as process:
        _wait_until_ready(process, port)
        yield Redis(process.pid, port)


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and process.poll() is None:
        try:
            if _ask(port, b"PING\r\n").startswith(b"+PONG"):
                return
        except OSError:
            time.sleep(0.02)
    raise MeasuringError("redis-server did not start")


def _ask(port: int, command: bytes) -> bytes:
    """The whole answer to one inline command."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(command + b"QUIT\r\n")
        return b"".join(iter(lambda: connection.recv(65536), b""))
