"""The servers that are compared, each started for one measurement and told how it is spoken to.

``ours`` is this tree or the one of --tree, ``compiled`` a copy of it with its hot path compiled, ``against`` another
one; ``floor`` and ``woken`` are the bare system calls, drained once per tick and woken per packet; ``naive`` and
``colyseus`` are what one would use instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.colyseus import Colyseus
from scripts.benchmark.machine import SERVED, MeasuringError, compiled, first_number, started
from scripts.benchmark.reading import Reading
from scripts.benchmark.redis_server import Redis
from scripts.benchmark.scenarios import ROOM, Scenario

START_S = 60.0


@dataclass(frozen=True, slots=True)
class Served:
    pid: int
    port: int
    dialect: str
    stacks: Path = Path("stacks")  # where ours notes its stacks when it is told to


@dataclass(slots=True)
class Place:
    """The place where a contender runs. ``like``: a reading of our server in the same scenario, for the floor to
    imitate.
    """

    folder: Path
    core: int | None
    redis: Redis
    like: Reading | None = None

    @contextmanager
    def started(
        self, command: Sequence[str | Path], *, folder: Path | None = None, environment: Mapping[str, str] | None = None
    ) -> Iterator[subprocess.Popen[bytes]]:
        """The contender's process; what it says when it fails is part of the error."""
        with (self.folder / "log").open("wb") as log:
            surroundings = _clean_environment() | dict(environment or {})
            try:
                with started(
                    command, self.core, environment=surroundings, folder=folder or self.folder, stderr=log
                ) as process:
                    yield process
            except MeasuringError as error:
                said = Path(log.name).read_text(errors="replace").strip()
                raise MeasuringError(f"{error}\n{said[-2000:]}" if said else str(error)) from None


Serve = Callable[[Scenario, Place], AbstractContextManager[Served]]


def our_server(tree: Path, package: Path | None = None) -> Serve:
    """The server of a checkout, with Redis and an embedded SQLite, and nothing but the limits on sign-ins raised.
    ``package``: where its package is, if it is elsewhere."""
    python = tree / ".venv" / "bin" / "python"
    program = python if python.exists() else Path(sys.executable)

    @contextmanager
    def serve(scenario: Scenario, place: Place) -> Iterator[Served]:
        ready = place.folder / "ready"
        command: list[str | Path] = [program, "-m", "gameserver", "run", "games:Walk", "--ready-file", ready]
        environment = _settings(scenario, place) | {"PYTHONPATH": f"{package or tree}{os.pathsep}{SERVED}"}
        with place.started(command, environment=environment) as process:
            until_s = time.monotonic() + START_S
            while not ready.exists():
                if process.poll() is not None or time.monotonic() > until_s:
                    raise MeasuringError("the server did not start")
                time.sleep(0.02)
            port = int(ready.read_text().rsplit(":", 1)[1].strip(" /\n"))
            yield Served(process.pid, port, "ours", stacks=place.folder / "stacks")

    return serve


def _settings(scenario: Scenario, place: Place) -> dict[str, str]:
    return {
        "GAMESERVER_PORT": "0",
        "GAMESERVER_OPS_PORT": "0",
        "GAMESERVER_NODE_ID": "benchmark",
        "GAMESERVER_REDIS_URL": f"redis://127.0.0.1:{place.redis.port}/0",
        "GAMESERVER_FOLDER": str(place.folder),
        "GAMESERVER_SIGN_UPS_PER_MINUTE": "100000",
        "GAMESERVER_SIGN_IN_TIMEOUT_S": "60",
        "GAMESERVER_CONNECTIONS_MAX": str(scenario.players + 1000),
        "GAMESERVER_LOG_LEVEL": "warning",
        "BENCH_STACKS": str(place.folder / "stacks"),
        "BENCH_ZONES": str(scenario.zones),
        "BENCH_SIDE": str(scenario.side),
        "BENCH_CELL": str(scenario.cell_size),
        "BENCH_PLAYERS": str(scenario.players),
    }


def floor(*, woken: bool) -> Serve:
    """The C program with only the system calls, of as many bytes as our last reading had."""

    @contextmanager
    def serve(scenario: Scenario, place: Place) -> Iterator[Served]:
        if (like := place.like) is None:
            raise MeasuringError("the floor does what our server did: measure ours in the same run")
        program = compiled([SERVED / "floor.c"], place.folder / "floor")
        options = {
            "redis-port": place.redis.port,
            "update-bytes": round(like.update_bytes),
            "updates-per-tick": 1 if scenario.is_busy else like.updates_per_tick,
            "write-bytes": round(like.stored_bytes),
            "woken": int(woken),
        }
        words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
        with place.started([program, *words]) as process:
            yield Served(process.pid, first_number(process, "the floor"), "plain")

    return serve


@contextmanager
def naive(scenario: Scenario, place: Place) -> Iterator[Served]:
    """`websockets` coroutines and a redis.asyncio pipeline."""
    del scenario
    command: list[str | Path] = [sys.executable, SERVED / "naive.py", str(place.redis.port), str(ROOM)]
    with place.started(command) as process:
        yield Served(process.pid, first_number(process, "the naive server"), "plain")


def colyseus(installed: Colyseus) -> Serve:
    """Node.js and the latest Colyseus, which persists nothing."""

    @contextmanager
    def serve(scenario: Scenario, place: Place) -> Iterator[Served]:
        del scenario
        command: list[str | Path] = [installed.node, installed.folder / "room.mjs", str(ROOM)]
        with place.started(command, folder=installed.folder, environment={"NODE_ENV": "production"}) as process:
            yield Served(process.pid, first_number(process, "Colyseus"), "colyseus")

    return serve


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("GAMESERVER_", "BENCH_"))}
