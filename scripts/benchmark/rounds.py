"""The measuring itself: every contender in every scenario once a round, one after the other, so that what disturbs the
machine for a while disturbs them all; and what is told of it is the median of the rounds."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from scripts.benchmark import load
from scripts.benchmark.contenders import Place, Serve, Served
from scripts.benchmark.load import LoadReport, Timing
from scripts.benchmark.machine import one_at_a_time, resident_bytes, ticks_used, waited_s
from scripts.benchmark.reading import Reading, reading
from scripts.benchmark.redis_server import Redis, redis_server
from scripts.benchmark.scenarios import Scenario


class Onlooker(Protocol):
    """Looks at a server while it is loaded."""

    def begin(self, served: Served) -> None:
        """The players are in. Returns at once."""
        ...

    def end(self) -> None:
        """The load is over; the server still runs."""
        ...


@dataclass(slots=True)
class Bench:
    """The common parts of all measurements: the load client, the cores, the times, the rounds, and the contestants."""

    program: Path
    server_core: int | None
    load_core: int | None
    timing: Timing
    repeat: int
    contenders: dict[str, Serve]

    def measure(self, scenarios: Sequence[Scenario]) -> dict[str, dict[str, list[Reading]]]:
        """All rounds: by scenario and contender one reading a round."""
        found: dict[str, dict[str, list[Reading]]] = {
            scenario.name: {name: [] for name in self.contenders} for scenario in scenarios
        }
        for number in range(self.repeat):
            for scenario in scenarios:
                self._play_round(scenario, number, found[scenario.name])
        return found

    def _play_round(self, scenario: Scenario, number: int, found: dict[str, list[Reading]]) -> None:
        for name, serve in self.contenders.items():
            like = next((found[whose][-1] for whose in ("compiled", "ours", "against") if found.get(whose)), None)
            taken = self.measure_once(scenario, serve, like=like)
            found[name].append(taken)
            tell(f"{scenario.name} {number + 1}/{self.repeat} {name:9} {brief(taken)}")

    def measure_once(
        self, scenario: Scenario, serve: Serve, *, like: Reading | None = None, onlooker: Onlooker | None = None
    ) -> Reading:
        """One contender, on a Redis of its own, from its start to its end. ``like``: what the floor is to do."""
        with one_at_a_time(), tempfile.TemporaryDirectory(prefix="gameserver-bench-") as name:
            folder = Path(name)
            with redis_server(folder, self.load_core) as redis:
                place = Place(folder, self.server_core, redis, like)
                with serve(scenario, place) as served:
                    meter = _Meter(served, redis, onlooker)
                    report = load.run(
                        self.program,
                        core=self.load_core,
                        port=served.port,
                        dialect=served.dialect,
                        scenario=scenario,
                        timing=self.timing,
                        watch=[served.pid, redis.pid],
                        playing=meter.begin,
                    )
                    return meter.end(scenario, report, self.timing)


class _Meter:
    """Readings from outside: before the first player, after the last has joined, and at the end."""

    def __init__(self, served: Served, redis: Redis, onlooker: Onlooker | None):
        self._served, self._redis, self._onlooker = served, redis, onlooker
        self._resident_bytes = resident_bytes(served.pid)
        self._stored_bytes = 0
        self._waited_s = 0.0
        self._used = (0, 0)

    def begin(self) -> None:
        self._stored_bytes = self._redis.received_bytes()
        self._waited_s = waited_s(self._served.pid)
        self._used = ticks_used(self._served.pid)
        if self._onlooker is not None:
            self._onlooker.begin(self._served)

    def end(self, scenario: Scenario, report: LoadReport, timing: Timing) -> Reading:
        measured = report.seconds / (report.seconds + timing.warm_up_s)  # of the time since ``begin``
        outside, kernel = (now - then for now, then in zip(ticks_used(self._served.pid), self._used, strict=True))
        taken = reading(
            scenario,
            report,
            stored_bytes=(self._redis.received_bytes() - self._stored_bytes) * measured,
            grown_bytes=resident_bytes(self._served.pid) - self._resident_bytes,
            waited_s=(waited_s(self._served.pid) - self._waited_s) * measured,
            kernel_share=kernel / max(outside + kernel, 1),
        )
        if self._onlooker is not None:
            self._onlooker.end()
        return taken


def brief(taken: Reading) -> str:
    """A line of progress."""
    return (
        f"{taken.cpu_us:7.2f} µs a player-tick, core {taken.core_share:4.0%}, load {taken.load_share:4.0%}, "
        f"{taken.updates_per_tick:.2f} updates of {taken.update_bytes:.0f} bytes, p99 {taken.p99_ratio:.2f} ticks, "
        f"waited {taken.waited_share:.0%}"
    )


def tell(line: str) -> None:
    print(f"scripts/bench: {line}", file=sys.stderr, flush=True)
