"""Looks at our server while it plays: samples of its stacks, and flame graphs. py-spy takes them from outside, in runs
of their own: what is measured is never looked at."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.benchmark.contenders import Serve, Served
from scripts.benchmark.load import Timing
from scripts.benchmark.machine import MeasuringError
from scripts.benchmark.rounds import Bench
from scripts.benchmark.scenarios import Scenario
from scripts.benchmark.stages import Counted, count

SAMPLES_PER_S = 400
WRITE_S = 20.0  # that py-spy may take after its last sample


def stage_samples(bench: Bench, scenario: Scenario, serve: Serve) -> Counted:
    """Where the server is, sample for sample. Raises MeasuringError where it may not be looked into."""
    with tempfile.TemporaryDirectory(prefix="gameserver-bench-") as folder:
        written = Path(folder) / "stacks"
        _record(bench, scenario, serve, written, "raw")
        return count(written.read_text().splitlines())


def flame_graph(bench: Bench, scenario: Scenario, serve: Serve, folder: Path) -> Path:
    """``folder``/<scenario>.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / f"{scenario.name}.svg"
    _record(bench, scenario, serve, written, "flamegraph")
    return written


def _record(bench: Bench, scenario: Scenario, serve: Serve, into: Path, form: str) -> None:
    into.unlink(missing_ok=True)
    with Sampler(into.absolute(), form, bench.timing) as sampler:
        bench.measure_once(scenario, serve, onlooker=sampler)
    if not into.exists():
        raise MeasuringError(f"py-spy could not look into the server (root may): {sampler.told[-300:]}")


class Sampler(contextlib.AbstractContextManager["Sampler"]):
    """py-spy from when the players are in to the end of the load."""

    def __init__(self, into: Path, form: str, timing: Timing):
        beside = Path(sys.executable).with_name("py-spy")
        program = str(beside) if beside.exists() else shutil.which("py-spy")
        if program is None:
            raise MeasuringError("py-spy is missing: pip install py-spy")
        seconds = max(int(timing.warm_up_s + timing.measure_s), 1)
        options = f"--duration {seconds} --rate {SAMPLES_PER_S} --format {form} --function".split()
        self._command = [program, "record", *options, "--output", str(into)]
        self._process: subprocess.Popen[str] | None = None
        self.told = ""

    def begin(self, served: Served) -> None:
        command = [*self._command, "--pid", str(served.pid)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end(self) -> None:
        """Wait for what it writes."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.told = self._process.communicate(timeout=WRITE_S)[0]

    def __exit__(self, *raised: object) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.communicate()
