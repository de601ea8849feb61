"""Contestants of this run, with their versions; and those left out, with the reason."""

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
    tree = tree_of(options)
    serves: dict[str, Serve] = {}
    versions = {"Python": sys.version.split()[0], "Redis": _first_line("redis-server", "--version")}
    notes: list[str] = []
    for name in options.contenders:
        match name:
            case "ours":
                serves[name] = contenders.our_server(tree)
            case "compiled":
                try:
                    copy = _compiled_copy(tree)
                except MeasuringError as reason:
                    notes.append(f"The compiled server was left out: {reason}.")
                else:
                    serves[name] = contenders.our_server(tree, copy)
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


def tree_of(options: Options) -> Path:
    """The checkout whose server is ours."""
    return options.tree or Path(os.environ.get("BENCH_TREE", ROOT))


def is_compiled(tree: Path) -> bool:
    return any((tree / "gameserver").rglob("*.so"))


def _compiled_copy(tree: Path) -> Path:
    """Made, or brought up to date, by the checkout's own scripts/compile."""
    if is_compiled(tree):
        raise MeasuringError(f"{tree.name} is one")
    try:
        made = subprocess.run([tree / "scripts" / "compile"], stdout=subprocess.PIPE, text=True, check=False)
    except OSError:
        raise MeasuringError(f"{tree.name} has no scripts/compile") from None
    if made.returncode:
        raise MeasuringError("scripts/compile failed")
    return Path(made.stdout.strip())


def _first_line(*command: str | Path) -> str:
    """The version in what a program tells of itself."""
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "?"
    words = (word.removeprefix("v=").removeprefix("v") for word in told.split())
    return next((word for word in words if word[:1].isdigit()), "?")
