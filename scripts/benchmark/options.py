"""The command's arguments. Pure but for what argparse prints."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.benchmark.load import Timing
from scripts.benchmark.scenarios import SCENARIOS

CONTENDERS = ("ours", "compiled", "against", "floor", "woken", "naive", "colyseus")
FULL = Timing(warm_up_s=2.0, measure_s=8.0)
QUICK = Timing(warm_up_s=1.0, measure_s=3.0)
SPECIAL = {
    "pressure": "as many rooms as load the core to 70 %, and the intervals that players then see",
    "memory": "2,000 idle connections, and the memory they take",
}

DESCRIPTION = """\
What a player costs per tick: CPU time of our server per player-tick, every tick kept in Redis, also with its hot path
compiled (compiled: see scripts/compile), beside the bare system calls of the same traffic (floor: sockets drained once
per tick, woken: per packet), the server a newcomer would write (naive: websockets coroutines and a redis.asyncio
pipeline) and, where npm is at hand, Colyseus, which keeps nothing. The server has one core, the load client (written in
C) and Redis another. Contenders take turns in every round, and what is told is the median of the rounds.
"""
EPILOG = """\
Bounded: everything takes about 30 minutes, --quick about 18, one scenario --quick two. What it starts it
ends. Nothing is written but what --json, --profile and --write name, the compiled copy, to build/compiled, and npm's
packages, to a folder below ~/.cache.
Compare two checkouts in one run:   scripts/bench --scenario rooms --quick --only ours,against --against DIR
"""


@dataclass(frozen=True, slots=True)
class Options:
    scenarios: tuple[str, ...]
    contenders: tuple[str, ...]
    timing: Timing
    repeat: int
    players: int | None
    tree: Path | None
    against: Path | None
    json: Path | None
    profile: Path | None
    write: Path | None
    is_quick: bool


def parse(arguments: Sequence[str] | None = None) -> Options:
    """Ends the process with code 2 and a line that says why where the arguments make no sense."""
    parser = _parser()
    given = parser.parse_args(arguments)
    timing = QUICK if given.quick else FULL
    if given.seconds is not None:
        timing = Timing(timing.warm_up_s, given.seconds)
    contenders = given.only or [name for name in CONTENDERS if name != "against" or given.against]
    if "against" in contenders and given.against is None:
        parser.error("against needs --against DIR")
    if not {"compiled", "ours", "against"} & set(contenders) and {"floor", "woken"} & set(contenders):
        parser.error("the floor does what our server did: measure ours with it")
    return Options(
        scenarios=tuple(given.scenario or (*SCENARIOS, *SPECIAL)),
        contenders=tuple(name for name in CONTENDERS if name in contenders),
        timing=timing,
        repeat=given.repeat,
        players=given.players,
        tree=given.tree,
        against=given.against,
        json=given.json,
        profile=given.profile,
        write=given.write,
        is_quick=given.quick,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench",
        description=DESCRIPTION,
        epilog=EPILOG + "\nScenarios:\n" + _scenarios(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    names = (*SCENARIOS, *SPECIAL)
    add("--quick", action="store_true", help="3 s a measurement instead of 8: less exact")
    add("--scenario", action="append", choices=names, metavar="NAME", help="only this one; may be given again")
    add("--only", type=_contenders, metavar="A,B", help=f"only these of {', '.join(CONTENDERS)}")
    add("--repeat", type=_Number(1, 99), default=3, metavar="N", help="rounds; the median of them is told (3)")
    add("--seconds", type=_Number(1, 600), metavar="S", help="measure so long each time")
    add("--players", type=_Number(1, 10_000), metavar="N", help="another number of players in every scenario")
    add("--json", type=Path, metavar="FILE", help="write all numbers there")
    add("--profile", type=_folder, metavar="FOLDER", help="write flame graphs of our server there")
    add("--write", type=_document, metavar="FILE", help="put the table between the marks in this document")
    add("--tree", type=_tree, metavar="DIR", help="measure the server of that checkout (BENCH_TREE; this one)")
    add("--against", type=_tree, metavar="DIR", help="and beside it the server of that one")
    return parser


def _scenarios() -> str:
    titles = {name: scenario.title for name, scenario in SCENARIOS.items()} | SPECIAL
    return "\n".join(f"  {name:10} {title}" for name, title in titles.items())


def _contenders(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or (unknown := [name for name in names if name not in CONTENDERS]):
        raise argparse.ArgumentTypeError(f"{unknown[0] if names else text!r} is none of {', '.join(CONTENDERS)}")
    return names


class _Number:
    """A whole number from ``least`` to ``most``."""

    def __init__(self, least: int, most: int):
        self.least, self.most = least, most

    def __call__(self, text: str) -> int:
        if not text.isdecimal() or not self.least <= int(text) <= self.most:
            raise argparse.ArgumentTypeError(f"{text!r} is no number from {self.least} to {self.most}")
        return int(text)


def _tree(text: str) -> Path:
    tree = Path(text).absolute()
    if not (tree / "gameserver" / "__init__.py").exists():
        raise argparse.ArgumentTypeError(f"there is no gameserver package in {text}")
    return tree


def _folder(text: str) -> Path:
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is no folder")
    return folder


def _document(text: str) -> Path:
    document = Path(text)
    if not document.is_file():
        raise argparse.ArgumentTypeError(f"{text} is no file")
    return document
