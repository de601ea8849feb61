"""Break things for real and see whether a promise breaks: rounds of each fault, and the table of what was found."""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.faults.faults import FAULTS
from tests.faults.rig import Rig, rig
from tests.faults.scene import Fault, Scene
from tests.faults.verdicts import Verdicts

SHOWN_MAX = 8  # violations of one round


@dataclass
class Row:
    """What all rounds of one fault found."""

    fault: str
    rounds: int = 0
    failed_rounds: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    violations: list[dict[str, Any]] = field(default_factory=list)
    worst_ticks: int = 0
    worst_ms: float = 0.0
    recoveries_s: list[float] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    deeds: Counter[str] = field(default_factory=Counter)

    def add(self, scene: Scene, found: Verdicts) -> None:
        self.rounds += 1
        self.failed_rounds += bool(found.violations)
        self.checked += found.checked
        self.violations += [{"seed": scene.seed, "violation": violation} for violation in found.violations]
        self.worst_ticks = max(self.worst_ticks, found.worst_ticks)
        self.worst_ms = max(self.worst_ms, found.worst_ms)
        self.recoveries_s += found.recoveries_s
        self.notes.update(scene.notes)
        self.deeds.update(
            f"{deed.what} {deed.answer or 'unknown'}" for deed in scene.around.book.deeds() if deed.is_done
        )

    @property
    def bound(self) -> float:
        """The chance of a violation in a round is below this, with 95 % confidence (Clopper and Pearson, one-sided;
        3 / rounds when there was none)."""
        if self.failed_rounds == 0:
            return min(1.0, 3 / self.rounds) if self.rounds else 1.0
        return _upper_bound(self.failed_rounds, self.rounds)

    def summary(self) -> dict[str, Any]:
        recoveries = self.recoveries_s or [0.0]
        return {
            "fault": self.fault,
            "rounds": self.rounds,
            "promises_checked": self.checked.total(),
            "checked": dict(self.checked),
            "violations": self.violations,
            "worst_staleness_ticks": self.worst_ticks,
            "worst_staleness_ms": round(self.worst_ms),
            "recovery_p50_s": round(median(recoveries), 2),
            "recovery_max_s": round(max(recoveries), 2),
            "bound_95": round(self.bound, 4),
            "acked": dict(self.deeds),
            "notes": dict(self.notes),
        }


def _upper_bound(failures: int, rounds: int) -> float:
    low, high = failures / rounds, 1.0
    for _ in range(40):
        chance = (low + high) / 2
        at_most = sum(math.comb(rounds, k) * chance**k * (1 - chance) ** (rounds - k) for k in range(failures + 1))
        low, high = (chance, high) if at_most > 0.05 else (low, chance)
    return high


async def play_round(stage: Rig, fault: Fault, seed: int, environment: dict[str, str] | None = None) -> Scene:
    """One round on processes that are whole again before it; its verdicts are the scene's."""
    environment = environment or {}
    await stage.mend(fault.nodes, environment)
    scene = Scene(stage, fault, seed, environment)
    await scene.run()
    return scene


async def run(
    faults: list[Fault], rounds: int, seed: int, environment: dict[str, str], logs: Path | None = None
) -> list[Row]:
    """``rounds`` of each; says how each went. Of one that broke a promise the servers' logs are kept in ``logs``."""
    rows = [Row(fault.name) for fault in faults]
    async with rig() as stage:
        for row, fault in zip(rows, faults, strict=True):
            for number in range(rounds):
                started_s = time.monotonic()
                scene = await play_round(stage, fault, seed + number, environment)
                row.add(scene, scene.verdicts)
                _tell(scene, number, rounds, time.monotonic() - started_s)
                if logs is not None and scene.verdicts.violations:
                    _keep_logs(stage, logs / f"{fault.name}-{scene.seed}")
    return rows


def _keep_logs(stage: Rig, folder: Path) -> None:
    """All that the nodes have said so far, the round last."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, node in zip(("one", "other"), stage.nodes, strict=True):
        if (node.folder / "server.log").exists():
            (folder / f"{name}.log").write_text(node.log)


def _tell(scene: Scene, number: int, rounds: int, took_s: float) -> None:
    found = scene.verdicts
    verdict = "ok" if not found.violations else f"{len(found.violations)} VIOLATIONS"
    checked = f"{found.checked.total()} checked, {found.worst_ticks} ticks stale"
    print(
        f"{scene.fault.name} {number + 1}/{rounds} seed {scene.seed}: {verdict} ({checked}, {took_s:.1f} s)", flush=True
    )
    for violation in found.violations[:SHOWN_MAX]:
        print(f"    {violation}", flush=True)
    if found.violations:
        guard = scene.environment.get("GAMESERVER_SABOTAGE")
        sabotage = f" --sabotage {guard}" if guard else ""
        again = f"scripts/chaos --fault {scene.fault.name} --seed {scene.seed} --rounds 1{sabotage}"
        print(f"    again: {again}", flush=True)


def table(rows: list[Row]) -> Iterator[str]:
    """As in the docs."""
    yield "| fault | rounds | promises checked | violations | worst staleness | recovery p50 / max | 95 % bound |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        told = row.summary()
        stale = f"{row.worst_ticks} ticks, {row.worst_ms:.0f} ms"
        recovery = f"{told['recovery_p50_s']} / {told['recovery_max_s']} s"
        numbers = f"{row.rounds} | {row.checked.total():,} | {len(row.violations)}"
        yield f"| {row.fault} | {numbers} | {stale} | {recovery} | {row.bound:.2%} |"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__, epilog=_EPILOG, allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of each fault (3)")
    parser.add_argument(
        "--fault", action="append", metavar="NAME", help="only this one; may be given again; failpoint:all"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), metavar="S", help="of the first round; the next has S+1"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found here")
    parser.add_argument("--sabotage", metavar="GUARD", help="without this guard of the server: violations are expected")
    parser.add_argument(
        "--logs", type=Path, metavar="FOLDER", help="keep the servers' logs of rounds that broke something"
    )
    parser.add_argument("--list", action="store_true", help="name the faults")
    return parser.parse_args()


_EPILOG = "Exit code 0 when no promise was broken, 1 when one was. It starts MariaDB and Redis servers of its own."


def _chosen(names: list[str] | None) -> list[Fault]:
    if names is None:
        return list(FAULTS.values())
    wanted = set(names)
    if "failpoint:all" in wanted:
        wanted |= {name for name in FAULTS if name.startswith("failpoint:")}
    if unknown := wanted - set(FAULTS) - {"failpoint:all"}:
        sys.exit(f"scripts/chaos: there is no fault {', '.join(sorted(unknown))}; see --list")
    return [fault for name, fault in FAULTS.items() if name in wanted]


def main() -> int:
    given = _arguments()
    if given.list:
        print("\n".join(FAULTS))
        return 0
    environment = {"GAMESERVER_SABOTAGE": given.sabotage, "GAMESERVER_ALLOW_SABOTAGE": "1"} if given.sabotage else {}
    rows = asyncio.run(run(_chosen(given.fault), given.rounds, given.seed, environment, given.logs))
    print("\n" + "\n".join(table(rows)))
    if given.json is not None:
        given.json.write_text(json.dumps([row.summary() for row in rows], indent=1) + "\n")
    return 1 if any(row.violations for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
