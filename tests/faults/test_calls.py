"""Replies from Redis are dropped and calls cancelled: nobody gets another's reply, nothing is done twice, no connection
is lost. With the driver's retries on, something is done twice and is seen.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gameserver.failpoints import PERMISSION, Guard, arm
from tests.faults import calls
from tests.servers.lossy import Fate

SEED = 20_000
ROUNDS_MAX = 50


@pytest.fixture
def _retries_on() -> Iterator[None]:
    arm({"GAMESERVER_SABOTAGE": Guard.RETRIES_OFF, PERMISSION: "1"})
    yield
    arm({})


async def test_200_calls_break_no_promise_on_a_wire_that_loses_replies() -> None:
    played = await calls.play(200, SEED)
    assert played.verdicts.violations == [], f"python -m tests.faults.calls 200 {SEED}"
    assert played.outcomes["answered"] > 100
    assert played.outcomes["cancelled"] > 5
    assert played.fates.total() > 0


@pytest.mark.usefixtures("_retries_on")
async def test_with_the_drivers_retries_something_is_seen_to_be_done_twice() -> None:
    for seed in range(ROUNDS_MAX):
        found = await calls.run(200, seed)
        if any(violation.startswith("exactly-once inputs") for violation in found.violations):
            return
    pytest.fail(f"{ROUNDS_MAX} rounds of 200 calls with retries, and nothing was seen to be done twice")


@pytest.mark.long
async def test_100_000_calls_break_no_promise() -> None:
    played = await calls.play(100_000, SEED)
    assert played.verdicts.violations == []
    assert min(played.fates[fate] for fate in Fate) > 100, played.fates
