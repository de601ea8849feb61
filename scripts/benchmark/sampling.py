"""Looks at our server while it plays, in runs of their own: what is measured is never looked at.

Stages come from stacks that the server's process notes every few milliseconds of its CPU time (served/stacks.py). Flame
graphs are py-spy's; it looks by the clock, so they show where time passes while the process is awake.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from scripts.benchmark.contenders import Serve, Served
from scripts.benchmark.machine import MeasuringError, started
from scripts.benchmark.rounds import Bench
from scripts.benchmark.scenarios import Scenario
from scripts.benchmark.stages import Counted, count

FLAMES_PER_S = 400
WRITE_S = 20.0  # that whoever looked may take to write what it saw


def stage_samples(bench: Bench, scenario: Scenario, serve: Serve) -> Counted:
    """Sample the server's stack and count the samples by stage."""
    onlooker = StackReader()
    bench.measure_once(scenario, serve, onlooker=onlooker)
    return count(onlooker.lines)


def flame_graph(bench: Bench, scenario: Scenario, serve: Serve, folder: Path) -> Path:
    """``folder``/<scenario>.svg. Raises MeasuringError where the server may not be looked into."""
    folder.mkdir(parents=True, exist_ok=True)
    written = (folder / f"{scenario.name}.svg").absolute()
    written.unlink(missing_ok=True)
    with ExitStack() as ending:
        bench.measure_once(scenario, serve, onlooker=FlameDrawer(bench, written, ending))
    if not written.exists():
        raise MeasuringError("py-spy could not look into the server; root may")
    return written


class StackReader:
    """Has our server note its stacks."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._served: Served | None = None

    def begin(self, served: Served) -> None:
        self._served = served
        os.kill(served.pid, signal.SIGUSR1)

    def end(self) -> None:
        assert self._served is not None
        os.kill(self._served.pid, signal.SIGUSR1)
        until_s = time.monotonic() + WRITE_S
        while not self._served.stacks.exists():
            if time.monotonic() > until_s:
                raise MeasuringError("the server did not write its stacks")
            time.sleep(0.02)
        self.lines = self._served.stacks.read_text().splitlines()


class FlameDrawer:
    """Has py-spy look at the server. On the load's core and as urgent as everything else: one that has to wait for the
    server's core sees only how the server falls asleep."""

    def __init__(self, bench: Bench, into: Path, ending: ExitStack):
        beside = Path(sys.executable).with_name("py-spy")
        program = str(beside) if beside.exists() else shutil.which("py-spy")
        if program is None:
            raise MeasuringError("py-spy is missing: pip install py-spy")
        seconds = max(int(bench.timing.warm_up_s + bench.timing.measure_s), 1)
        options = f"--duration {seconds} --rate {FLAMES_PER_S} --format flamegraph --function --nonblocking".split()
        self._command = [program, "record", *options, "--output", str(into)]
        self._core = bench.load_core
        self._ending = ending

    def begin(self, served: Served) -> None:
        command = [*self._command, "--pid", str(served.pid)]
        self._process = self._ending.enter_context(started(command, self._core))

    def end(self) -> None:
        """Wait for what it writes, while the server still runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(WRITE_S)
