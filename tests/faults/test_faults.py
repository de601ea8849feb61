"""Things break for real, and no promise does; each fault as often as its row in ``faults`` says.

Every run plays one round of the faults in ``IN_EVERY_RUN``, of every module of ``breakages``. ``-m long`` plays all
other rounds. ``scripts/chaos`` plays the same for as long as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gameserver.failpoints import Failpoint
from tests.faults.chaos import again
from tests.faults.conftest import Playing
from tests.faults.faults import FAULTS
from tests.faults.scene import Fault, Scene
from tests.faults.stages import Stages

SEED = 20_000
IN_EVERY_RUN = {
    "kill-server",
    f"failpoint:{Failpoint.TICK_AFTER_WRITE}",
    f"failpoint:{Failpoint.EXCHANGE_AFTER_SQL}",
    f"failpoint:{Failpoint.SAVE_BEFORE_SQL}",
    "kill-redis",
    "kill-both",
    "empty-redis-and-kill-server",
    "sentinel-failover",
    "cut-commit",
    "unsavable-session",
    "restore-older-sql",
    "two-versions",
    "stop-and-continue",
    "sigterm",
    "crowd-of-logins",
    "trades-while-killing",
    "hoard-the-unsavable",
    "cut-sockets",
}


@dataclass(frozen=True)
class Round:
    """One of a fault."""

    fault: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.fault}-{self.seed}"

    async def play(self, stage: Stages) -> Scene:
        return await stage.play(FAULTS[self.fault], self.seed)


def rounds() -> list[Any]:
    """The longest first, so that the others are played beside it."""
    faults = sorted(FAULTS.values(), key=lambda fault: fault.name != "stop-sql")
    return [
        pytest.param(Round(fault.name, SEED + number), id=f"{fault.name}-{SEED + number}", marks=_marks(fault, number))
        for fault in faults
        for number in range(fault.suite if fault.unit == "rounds" else 1)
    ]


def _marks(fault: Fault, number: int) -> list[pytest.MarkDecorator]:
    return [] if number == 0 and fault.name in IN_EVERY_RUN else [pytest.mark.long]


def test_every_kind_of_fault_is_played_in_every_run() -> None:
    assert FAULTS.keys() >= IN_EVERY_RUN
    kinds = {name: fault.strike.__module__ for name, fault in FAULTS.items()}
    assert {kinds[name] for name in IN_EVERY_RUN} == set(kinds.values())


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("asked", rounds())
async def test_no_promise_is_broken(playing: Playing, asked: Round) -> None:
    scene: Scene = await playing.outcome(asked.name)
    if scene.verdicts.violations:
        print("\n".join(scene.notes + [f"--- node {name}\n{log}" for name, log in scene.logs.items()]))
    assert scene.verdicts.violations == [], again(asked.fault, asked.seed)
    assert scene.verdicts.checked.total() > 100
    if scene.fault.unit == "trades":
        assert scene.trades() >= scene.fault.suite
