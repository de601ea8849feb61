"""Who takes part in this run, with their versions; and who would have, and why not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from scripts.benchmark import colyseus, contenders
from scripts.benchmark.contenders import Serve
from scripts.benchmark.machine import ROOT, MeasuringError, cache_folder
from scripts.benchmark.options import Options


def contestants(options: Options) -> tuple[dict[str, Serve], dict[str, str], list[str]]:
    """Contenders by name · versions by name · what is to be said beside the table."""
    tree = options.tree or Path(os.environ.get("BENCH_TREE", ROOT))
    serves: dict[str, Serve] = {}
    versions = {"Python": sys.version.split()[0], "Redis": _first_line("redis-server", "--version")}
    notes: list[str] = []
    for name in options.contenders:
        match name:
            case "ours":
                serves[name] = contenders.our_server(tree)
            case "against" if options.against is not None:
                serves[name] = contenders.our_server(options.against)
            case "floor" | "woken":
                serves[name] = contenders.floor(woken=name == "woken")
            case "naive":
                serves[name] = contenders.naive
            case "colyseus":
                try:
                    installed = colyseus.install(cache_folder() / "colyseus")
                except MeasuringError as reason:
                    notes.append(f"Colyseus was left out: {reason}.")
                else:
                    serves[name] = contenders.colyseus(installed)
                    versions["Colyseus"] = installed.version
                    versions["Node.js"] = _first_line(installed.node, "--version")
    return serves, versions, notes


def _first_line(*command: str | Path) -> str:
    """The version in what a program tells of itself."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "?"
    words = (word.removeprefix("v=").removeprefix("v") for word in told.split())
    return next((word for word in words if word[:1].isdigit()), "?")
