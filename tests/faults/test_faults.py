"""Things break for real, and no promise does. Once each here; marked long, as often as the contract's table asks.

``scripts/chaos`` runs the same for as long as one likes.
"""

from __future__ import annotations

import pytest

from gameserver.failpoints import Failpoint
from tests.faults.chaos import play_round
from tests.faults.faults import FAULTS
from tests.faults.rig import Rig

pytestmark = pytest.mark.asyncio(loop_scope="package")

SEED = 20_000
FAILPOINTS_OFTEN = (Failpoint.OPEN_AFTER_REDIS, Failpoint.TICK_AFTER_WRITE, Failpoint.EXCHANGE_AFTER_SQL)
ROUNDS_SLOW = {
    "kill-server": 4,
    "kill-redis": 2,
    "kill-both": 2,
    "empty-redis": 1,
    "empty-redis-and-kill-server": 1,
    "sigterm": 1,
    "crowd-of-logins": 2,
    "cut-commit": 1,
    "trades-and-kills": 2,
}


async def keeps_its_promises(stage: Rig, name: str, seed: int) -> None:
    scene = await play_round(stage, FAULTS[name], seed)
    again = f"scripts/chaos --fault {name} --seed {seed} --rounds 1"
    assert scene.verdicts.violations == [], again
    assert scene.verdicts.checked.total() > 100


@pytest.mark.parametrize("name", [name for name in FAULTS if not name.startswith("failpoint:")])
async def test_no_promise_is_broken_by(stage: Rig, name: str) -> None:
    await keeps_its_promises(stage, name, SEED)


@pytest.mark.parametrize("point", FAILPOINTS_OFTEN)
async def test_no_promise_is_broken_when_the_server_dies_at(stage: Rig, point: Failpoint) -> None:
    await keeps_its_promises(stage, f"failpoint:{point}", SEED)


@pytest.mark.long
@pytest.mark.parametrize("point", [point for point in Failpoint if point not in FAILPOINTS_OFTEN])
async def test_every_failpoint_is_reached_and_breaks_nothing(stage: Rig, point: Failpoint) -> None:
    scene = await play_round(stage, FAULTS[f"failpoint:{point}"], SEED)
    assert scene.notes == [f"hit {point}"]
    assert scene.verdicts.violations == []


@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "seed"), [(n, SEED + s) for n, more in ROUNDS_SLOW.items() for s in range(1, more + 1)]
)
async def test_again_no_promise_is_broken_by(stage: Rig, name: str, seed: int) -> None:
    await keeps_its_promises(stage, name, seed)
