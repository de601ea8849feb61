"""The measuring itself: every contender once a round, one after the other, so that what disturbs the machine for a
while disturbs them all; and what is told of it is the median of the rounds."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmark import load
from scripts.benchmark.contenders import Place, Serve, Served
from scripts.benchmark.load import Timing
from scripts.benchmark.machine import resident_bytes, waited_s
from scripts.benchmark.reading import Reading, reading
from scripts.benchmark.redis_server import redis_server
from scripts.benchmark.scenarios import Scenario

Watcher = Callable[[Served], None]  # told once the players are in; what it does lasts no longer than the measuring


@dataclass(slots=True)
class Bench:
    """What all measurements share: the load client, the cores, how long, and who takes part."""

    program: Path
    server_core: int | None
    load_core: int | None
    timing: Timing
    repeat: int
    contenders: dict[str, Serve]
    readings: dict[str, dict[str, list[Reading]]] = field(default_factory=dict)  # scenario -> contender -> a round each

    def measure(self, scenario: Scenario) -> dict[str, list[Reading]]:
        """All rounds of a scenario."""
        found: dict[str, list[Reading]] = {name: [] for name in self.contenders}
        for number in range(self.repeat):
            for name, serve in self.contenders.items():
                ours = found["ours"][-1] if found.get("ours") else None
                taken = self.measure_once(scenario, serve, ours=ours)
                found[name].append(taken)
                _tell(f"{scenario.name} {number + 1}/{self.repeat} {name:9} {_brief(taken)}")
        self.readings[scenario.name] = found
        return found

    def measure_once(
        self,
        scenario: Scenario,
        serve: Serve,
        *,
        ours: Reading | None = None,
        timing: Timing | None = None,
        watcher: Watcher | None = None,
    ) -> Reading:
        """One contender, on a Redis of its own, from its start to its end."""
        with tempfile.TemporaryDirectory(prefix="gameserver-bench-") as name:
            folder = Path(name)
            with redis_server(folder, self.load_core) as redis:
                place = Place(folder, self.server_core, redis, ours)
                with serve(scenario, place) as served:
                    before_bytes = resident_bytes(served.pid)
                    stored_bytes: list[int] = []
                    waited: list[float] = []
                    seconds = timing or self.timing

                    def playing() -> None:
                        stored_bytes.append(redis.received_bytes())
                        waited.append(waited_s(served.pid))
                        if watcher is not None:
                            watcher(served)

                    report = load.run(
                        self.program,
                        core=self.load_core,
                        port=served.port,
                        dialect=served.dialect,
                        scenario=scenario,
                        timing=seconds,
                        watch=[served.pid, redis.pid],
                        playing=playing,
                    )
                    stored = redis.received_bytes() - stored_bytes[0]
                    share = report.seconds / (report.seconds + seconds.warm_up_s)
                    return reading(
                        scenario,
                        report,
                        stored_bytes=round(stored * share),
                        grown_bytes=resident_bytes(served.pid) - before_bytes,
                        waited_s=(waited_s(served.pid) - waited[0]) * share,
                    )


def _brief(taken: Reading) -> str:
    return (
        f"{taken.cpu_us:7.2f} µs a player-tick, core {taken.core_share:4.0%}, load {taken.load_share:4.0%}, "
        f"{taken.updates_per_tick:.2f} updates of {taken.update_bytes:.0f} bytes, p99 {taken.p99_ratio:.2f} ticks, "
        f"waited {taken.waited_share:.0%}"
    )


def _tell(line: str) -> None:
    print(f"scripts/bench: {line}", file=sys.stderr, flush=True)
