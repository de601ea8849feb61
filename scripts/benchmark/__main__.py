"""``scripts/bench``: builds the load client, measures what was asked for, prints the tables."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from scripts.benchmark import colyseus, contenders, load, machine, table
from scripts.benchmark.contenders import Serve
from scripts.benchmark.machine import ROOT, MeasuringError
from scripts.benchmark.options import Options, parse
from scripts.benchmark.rounds import Bench
from scripts.benchmark.scenarios import SCENARIOS
from scripts.benchmark.summary import Summary


def main(arguments: Sequence[str] | None = None) -> int:
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # unwinds, and so ends what was started
    try:
        with tempfile.TemporaryDirectory(prefix="gameserver-bench-") as folder:
            summary = _measure(options, Path(folder))
    except MeasuringError as reason:
        print(f"scripts/bench: {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return _tell(options, summary)


def _measure(options: Options, folder: Path) -> Summary:
    if not sys.platform.startswith("linux"):
        raise MeasuringError("it needs Linux: epoll, /proc and processes kept to one core")
    server_core, load_core = machine.cores()
    versions: dict[str, str] = {}
    notes: list[str] = []
    taking_part = _contenders(options, versions, notes)
    bench = Bench(load.build(folder), server_core, load_core, options.timing, options.repeat, taking_part)
    summary = Summary(machine.description(), versions, options.repeat, options.timing.measure_s, notes=notes)
    if server_core is None:
        notes.append("This machine has one core: load and server took turns on it, which proves little.")
    for name in options.scenarios:
        if name in SCENARIOS:
            scenario = SCENARIOS[name]
            if options.players is not None:
                scenario = scenario.with_players(options.players)
            summary.readings[name] = bench.measure(scenario)
    notes.append(
        "Load: a C client on a core of its own (`scripts/benchmark/load`); the column is what it used of that core."
    )
    return summary


def _contenders(options: Options, versions: dict[str, str], notes: list[str]) -> dict[str, Serve]:
    tree = options.tree or Path(os.environ.get("BENCH_TREE", ROOT))
    versions["Python"] = sys.version.split()[0]
    found: dict[str, Serve] = {}
    for name in options.contenders:
        match name:
            case "ours":
                found[name] = contenders.our_server(tree)
            case "against":
                assert options.against is not None
                found[name] = contenders.our_server(options.against)
            case "floor" | "woken":
                found[name] = contenders.floor(woken=name == "woken")
            case "naive":
                found[name] = contenders.naive
            case "colyseus":
                try:
                    installed = colyseus.install(colyseus.cache_folder())
                except MeasuringError as reason:
                    notes.append(f"Colyseus was left out: {reason}")
                    continue
                found[name] = contenders.colyseus(installed)
                node = subprocess.run([installed.node, "--version"], capture_output=True, text=True, check=True)
                versions |= {"Colyseus": installed.version, "Node.js": node.stdout.strip().removeprefix("v")}
    return found


def _tell(options: Options, summary: Summary) -> int:
    tables = table.render(summary)
    print(tables)
    if options.json is not None:
        options.json.write_text(json.dumps(summary.plain(), indent=2) + "\n")
    if options.write is not None:
        options.write.write_text(table.insert(options.write.read_text(), tables))
    return 0


if __name__ == "__main__":
    sys.exit(main())
