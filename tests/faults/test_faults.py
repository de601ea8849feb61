"""Things break for real, and no promise does; each fault as often as its row in ``faults`` says.

``scripts/chaos`` plays the same for as long as one likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.faults.chaos import again
from tests.faults.conftest import Playing
from tests.faults.faults import FAULTS
from tests.faults.scene import Scene
from tests.faults.stages import Stages

pytestmark = pytest.mark.asyncio(loop_scope="module")

SEED = 20_000


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


def rounds() -> list[Round]:
    """The longest first, so that the others are played beside it."""
    faults = sorted(FAULTS.values(), key=lambda fault: fault.name != "stop-sql")
    return [
        Round(fault.name, SEED + number)
        for fault in faults
        for number in range(fault.suite if fault.unit == "rounds" else 1)
    ]


@pytest.mark.parametrize("asked", rounds(), ids=lambda asked: asked.name)
async def test_no_promise_is_broken(playing: Playing, asked: Round) -> None:
    scene: Scene = await playing.outcome(asked.name)
    if scene.verdicts.violations:
        print("\n".join(scene.notes + [f"--- node {name}\n{log}" for name, log in scene.logs.items()]))
    assert scene.verdicts.violations == [], again(asked.fault, asked.seed)
    assert scene.verdicts.checked.total() > 100
    if scene.fault.unit == "trades":
        assert scene.trades() >= scene.fault.suite
