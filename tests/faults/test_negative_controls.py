"""The suite bites: with one guard of the server switched off it finds a broken promise within 50 rounds."""

from __future__ import annotations

import pytest

from gameserver.failpoints import PERMISSION, Failpoint, Guard
from tests.faults.chaos import play_round
from tests.faults.faults import FAULTS
from tests.faults.rig import Rig

pytestmark = [pytest.mark.asyncio(loop_scope="package"), pytest.mark.long]

ROUNDS_MAX = 50
FOUND_BY = {
    Guard.KEY_FENCE: ("stop-and-continue", "takeover"),
    Guard.SAVE_GUARD: ("stop-and-continue", "bounded staleness"),
    Guard.INVENTORY_SEQUENCE: (f"failpoint:{Failpoint.EXCHANGE_AFTER_SQL}", "true acks"),
    Guard.DELETE_AFTER_COMMIT: (f"failpoint:{Failpoint.SAVE_BEFORE_SQL}", "true acks"),
}


@pytest.mark.parametrize("guard", Guard)
async def test_without_a_guard_a_promise_is_seen_to_break(sabotaged_stage: Rig, guard: Guard) -> None:
    name, promise = FOUND_BY[guard]
    environment = {"GAMESERVER_SABOTAGE": guard, PERMISSION: "1"}
    for seed in range(ROUNDS_MAX):
        scene = await play_round(sabotaged_stage, FAULTS[name], seed, environment)
        if any(violation.startswith(promise) for violation in scene.verdicts.violations):
            return
    pytest.fail(f"{ROUNDS_MAX} rounds of {name} without {guard}, and no broken promise was seen")
