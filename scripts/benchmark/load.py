"""Runs the load client, which is written in C so that it is not what is measured, and reads what it tells."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from scripts.benchmark.machine import HERE, MeasuringError, compiled, started
from scripts.benchmark.scenarios import TICK_HZ, Scenario


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The players' view of the measured seconds, and the processes' use of the machine."""

    seconds: float
    updates: int
    update_bytes: int
    inputs: int
    inputs_refused: int
    ticks_missed: int
    lost: int
    behind_ms: float  # how late an input left at worst
    interval_ms: dict[str, float]  # between a player's updates: p50, p99, p999, max
    own_cpu_s: float
    cpu_s: list[float]  # of each process that was watched


@dataclass(frozen=True, slots=True)
class Timing:
    warm_up_s: float
    measure_s: float


def build(folder: Path) -> Path:
    """The client's program."""
    return compiled(sorted((HERE / "load_client").glob("*.c")), folder / "load")


def run(
    program: Path,
    *,
    core: int | None,
    port: int,
    dialect: str,
    scenario: Scenario,
    timing: Timing,
    watch: Sequence[int],
    playing: Callable[[], None],
) -> LoadReport:
    """Let all players in, call ``playing``, warm up, measure. Raises MeasuringError when any of it fails."""
    options = {
        "port": port,
        "dialect": dialect,
        "players": scenario.players,
        "walkers": scenario.walkers,
        "tick-hz": TICK_HZ,
        "warm-up-s": timing.warm_up_s,
        "measure-s": timing.measure_s,
    }
    command = [str(program), *(word for name, value in options.items() for word in (f"--{name}", str(value)))]
    command += [word for pid in watch for word in ("--watch", str(pid))]
    with started(command, core, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        with process.stderr:
            for line in process.stdout:
                told = orjson.loads(line)
                if told["event"] == "measured":
                    return _report(told)
                playing()
            raise MeasuringError(process.stderr.read().decode(errors="replace").strip() or "the load client was ended")


def _report(told: dict[str, Any]) -> LoadReport:
    if told["lost"]:
        raise MeasuringError(f"{told['lost']} connections were lost while measuring")
    return LoadReport(**{name: told[name] for name in LoadReport.__dataclass_fields__})
