"""Break things for real and see whether a promise breaks: rounds of each fault, and the table of what was found."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path

from gameserver.edge import wire
from gameserver.failpoints import Guard, arm
from tests.faults import calls
from tests.faults.faults import FAULTS
from tests.faults.rows import Row, table
from tests.faults.scene import Fault, Scene
from tests.faults.stages import Stages, stages
from tests.faults.verdicts import Verdicts

SHOWN_MAX = 8  # violations of one round
CALLS = "drop-replies"  # of Redis, while calls are cancelled; not a scene, see ``calls``
CALLS_A_ROUND, CALLS_IN_DOCS = 5_000, 100_000
IS_COMPILED = not wire.__file__.endswith(".py")


class Run:
    """One run of the program: what is wanted, and what was found so far."""

    def __init__(self, given: argparse.Namespace):
        self.rows: list[Row] = []
        self._given = given
        self._environment = (
            {"GAMESERVER_SABOTAGE": given.sabotage, "GAMESERVER_ALLOW_SABOTAGE": "1"} if given.sabotage else {}
        )

    async def play(self, names: list[str]) -> None:
        """All rounds of all faults, several at once; then the calls, which keep a core busy, by themselves."""
        rows = {name: Row(name, "calls" if name == CALLS else FAULTS[name].unit) for name in names}
        self.rows = list(rows.values())
        async with stages(self._given.jobs) as stage, asyncio.TaskGroup() as group:
            for name, row in rows.items():
                if name != CALLS:
                    group.create_task(self._play_fault(stage, FAULTS[name], row))
        if CALLS in rows:
            await self._play_calls(rows[CALLS])

    async def _play_fault(self, stage: Stages, fault: Fault, row: Row) -> None:
        """So many rounds at once as may be; again, until there was as much of it as is wanted."""
        rounds: int | None = self._given.rounds
        wanted = fault.docs if rounds is None else rounds
        seed = self._given.seed
        by_rounds = rounds is not None or fault.unit == "rounds"
        while (row.rounds + len(row.unplayed) if by_rounds else row.amount) < wanted:
            wave = wanted - row.rounds if by_rounds else stage.jobs
            await asyncio.gather(*(self._play_round(stage, fault, row, seed + n) for n in range(wave)))
            seed += wave

    async def _play_round(self, stage: Stages, fault: Fault, row: Row, seed: int) -> None:
        try:
            scene = await stage.play(fault, seed, self._environment)
        except Exception as error:  # also one that could not be played is told, and is no success
            print(f"{fault.name}, seed {seed}: could not be played: {error!r}", flush=True)
            row.unplayed.append(seed)
            return
        row.add(seed, scene.verdicts, scene.trades() if fault.unit == "trades" else 1)
        row.notes.update(scene.notes)
        row.acked.update(scene.acked())
        self._tell(row, seed, scene.verdicts, scene.took_s)
        if scene.verdicts.violations:
            print("".join(f"    {note}\n" for note in scene.notes[:SHOWN_MAX]), end="", flush=True)
        self._keep()
        if self._given.logs is not None and scene.verdicts.violations:
            _keep_logs(scene, self._given.logs / f"{fault.name}-{seed}")

    async def _play_calls(self, row: Row) -> None:
        arm(self._environment)
        rounds = self._given.rounds or -(-CALLS_IN_DOCS // CALLS_A_ROUND)
        for seed in range(self._given.seed, self._given.seed + rounds):
            started_s = time.monotonic()
            found = await calls.run(CALLS_A_ROUND, seed)
            row.add(seed, found, CALLS_A_ROUND)
            self._tell(row, seed, found, time.monotonic() - started_s)
            self._keep()

    def _tell(self, row: Row, seed: int, found: Verdicts, took_s: float) -> None:
        verdict = "ok" if not found.violations else f"{len(found.violations)} VIOLATIONS"
        recovered = f", back in {max(found.recoveries_s):.1f} s" if found.recoveries_s else ""
        checked = f"{found.checked.total()} checked, {found.worst_ticks} ticks stale{recovered}, {took_s:.0f} s"
        print(f"{row.fault} {row.rounds}, seed {seed}: {verdict} ({checked})", flush=True)
        for violation in found.violations[:SHOWN_MAX]:
            print(f"    {violation}", flush=True)
        if found.violations:
            sabotage = f" --sabotage {self._given.sabotage}" if self._given.sabotage else ""
            print(f"    again: {again(row.fault, seed)}{sabotage}", flush=True)

    def _keep(self) -> None:
        """Write the findings so far, so that a run that is cut short was not for nothing."""
        if self._given.json is not None:
            found = [row.summary() for row in self.rows if row.rounds]
            self._given.json.write_text(json.dumps(found, indent=1) + "\n")


def again(fault: str, seed: int) -> str:
    """The command that plays the round again."""
    compiled = " --compiled" if IS_COMPILED else ""
    return f"scripts/chaos{compiled} --fault {fault} --seed {seed} --rounds 1"


def _keep_logs(scene: Scene, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, log in scene.logs.items():
        (folder / f"{name}.log").write_text(log)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=__doc__, epilog=_EPILOG, allow_abbrev=False)
    how_much = parser.add_mutually_exclusive_group()
    how_much.add_argument("--rounds", type=int, default=3, metavar="N", help="rounds of each fault (3)")
    how_much.add_argument(
        "--full", dest="rounds", action="store_const", const=None, help="as much of each as the table in the docs has"
    )
    parser.add_argument(
        "--fault", action="append", metavar="NAME", help="only this one; may be given again; failpoint:all"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()), metavar="S", help="of the first round; the next has S+1"
    )
    parser.add_argument("--jobs", type=int, default=1, metavar="J", help="rounds at once, each on its own servers (1)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was found here, after every round")
    parser.add_argument(
        "--sabotage",
        choices=[guard.value for guard in Guard],
        help="without this guard of the server: violations are expected",
    )
    parser.add_argument(
        "--logs", type=Path, metavar="FOLDER", help="keep the servers' logs of rounds that broke something"
    )
    parser.add_argument("--list", action="store_true", help="name the faults")
    given = parser.parse_args()
    if given.jobs < 1 or (given.rounds is not None and given.rounds < 1):
        parser.error("--rounds and --jobs are at least 1")
    return given


_EPILOG = """Exit code 0 when no promise was broken, 1 when one was. It starts MariaDB and Redis servers of its own.
With --compiled as the first option, the server is one with its hot path compiled."""


def _chosen(names: list[str] | None) -> list[str]:
    every = [*FAULTS, CALLS]
    if names is None:
        return every
    wanted = set(names)
    if "failpoint:all" in wanted:
        wanted |= {name for name in FAULTS if name.startswith("failpoint:")}
    if unknown := wanted - set(every) - {"failpoint:all"}:
        sys.exit(f"scripts/chaos: there is no fault {', '.join(sorted(unknown))}; see --list")
    return [name for name in every if name in wanted]


def main() -> int:
    given = _arguments()
    if given.list:
        print("\n".join((*FAULTS, CALLS)))
        return 0
    if IS_COMPILED:
        print("the server is compiled", flush=True)
    run = Run(given)
    try:
        asyncio.run(run.play(_chosen(given.fault)))
    except KeyboardInterrupt:
        print("\ninterrupted; so far:", file=sys.stderr)
    print("\n" + "\n".join(table(row for row in run.rows if row.rounds)))
    return 1 if any(row.violations or row.unplayed for row in run.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
