"""``scripts/bench``: measures what was asked for and prints the tables."""

from __future__ import annotations

import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import orjson

from scripts.benchmark import load, machine, table
from scripts.benchmark.contestants import contestants, is_compiled, tree_of
from scripts.benchmark.machine import MeasuringError
from scripts.benchmark.options import Options, parse
from scripts.benchmark.reading import medians
from scripts.benchmark.rounds import Bench, tell
from scripts.benchmark.sampling import flame_graph, stage_samples
from scripts.benchmark.scenarios import SCENARIOS, Scenario
from scripts.benchmark.special import memory, pressure
from scripts.benchmark.summary import Summary


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and so ends what was started
    try:
        with tempfile.TemporaryDirectory(prefix="gameserver-bench-") as folder:
            summary = measure(options, Path(folder))
    except MeasuringError as reason:
        tell(str(reason))
        return 1
    except KeyboardInterrupt:
        return 130
    return show(options, summary)


def measure(options: Options, folder: Path) -> Summary:
    if not sys.platform.startswith("linux"):
        raise MeasuringError("it needs Linux: epoll, /proc and processes kept to one core")
    server_core, load_core = machine.cores()
    serves, versions, notes = contestants(options)
    if server_core is None:
        notes.append("This machine has one core: load and server took turns on it, which proves little.")
    bench = Bench(load.build(folder), server_core, load_core, options.timing, options.repeat, serves)
    summary = Summary(machine.description(), versions, options.repeat, options.timing.measure_s, notes=notes)
    wanted = [SCENARIOS[name] for name in options.scenarios if name in SCENARIOS]
    scenarios = [scenario.with_players(options.players or scenario.players) for scenario in wanted]
    summary.readings = bench.measure(scenarios)
    for scenario in scenarios:
        _look_into(options, bench, summary, scenario)
    if (ours := serves.get("ours")) is not None:
        if "pressure" in options.scenarios:
            scenario, summary.pressure = pressure(bench, ours, options.players)
            summary.pressure_players = scenario.players
        if "memory" in options.scenarios:
            summary.memory = memory(bench, ours, options.players)
    return summary


def _look_into(options: Options, bench: Bench, summary: Summary, scenario: Scenario) -> None:
    """Profile in runs of their own, since profiling slows the server."""
    ours = bench.contenders.get("ours")
    if ours is None:
        return
    if is_compiled(tree_of(options)):
        summary.note("Stages were left out: this server is compiled, and its frames are not seen.")
    else:
        _note_stages(bench, summary, scenario)
    if options.profile is not None:
        tell(f"flame graph: {flame_graph(bench, scenario, ours, options.profile)}")


def _note_stages(bench: Bench, summary: Summary, scenario: Scenario) -> None:
    ours, readings = bench.contenders["ours"], summary.readings[scenario.name]["ours"]
    try:
        counted = stage_samples(bench, scenario, ours)
    except MeasuringError as reason:
        summary.note(f"Stages were left out: {reason}")
    else:
        cpu_us = medians(readings).cpu_us
        summary.stages[scenario.name] = {stage: share * cpu_us for stage, share in counted.shares().items()}
        total = sum(counted.stages.values())
        summary.unknown |= {function: samples / total for function, samples in counted.unknown.most_common(5)}


def show(options: Options, summary: Summary) -> int:
    tables = table.render(summary)
    print(tables)
    if options.json is not None:
        options.json.write_bytes(orjson.dumps(summary.plain(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if options.write is not None:
        try:
            options.write.write_text(table.insert(options.write.read_text(), tables))
        except ValueError as reason:
            tell(f"{options.write}: {reason}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
