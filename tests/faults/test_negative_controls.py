"""The suite bites: with one guard of the server switched off it finds a broken promise within 50 rounds.

Every run plays the control in ``IN_EVERY_RUN`` and those in ``MISTAKES``. ``-m long`` plays the others.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gameserver.failpoints import PERMISSION, Failpoint, Guard
from tests.faults.conftest import Playing
from tests.faults.faults import FAULTS
from tests.faults.orchard import FORGETS_FIELDS, MINTS_PAST_THE_CHECK
from tests.faults.stages import Stages

ROUNDS_MAX = 50
# Guard -> the fault that shows it is off, how the promise that breaks begins, and what the nodes need besides.
FOUND_BY: dict[Guard, tuple[str, str, dict[str, str]]] = {
    # A checkpoint that SQL refuses would end the older session, too, before it acks anything.
    Guard.KEY_FENCE: ("stop-and-continue", "takeover", {"GAMESERVER_CHECKPOINT_S": "600"}),
    # The older node's save undoes the newer one's: any promise.
    Guard.SAVE_GUARD: ("wake-without-redis", "", {}),
    Guard.INVENTORY_SEQUENCE: (f"failpoint:{Failpoint.EXCHANGE_AFTER_SQL}", "true acks", {}),
    Guard.WHOLE_HASH: ("evict-sessions", "true acks", {}),
    Guard.ISOLATED_SAVES: ("unsavable-session", "degrade", {}),
    # A new player is given what another one had under the same number.
    Guard.HISTORY: ("restore-older-sql", "true acks", {}),
    Guard.DELETE_AFTER_COMMIT: (f"failpoint:{Failpoint.SAVE_BEFORE_SQL}", "true acks", {}),
}
IN_EVERY_RUN = Guard.WHOLE_HASH


@dataclass(frozen=True)
class Control:
    """Rounds without a guard, until a promise is seen to break."""

    guard: Guard

    @property
    def name(self) -> str:
        return self.guard.value

    async def play(self, stage: Stages) -> int | None:
        """The number of the round that found it; None when none did."""
        fault, promise, environment = FOUND_BY[self.guard]
        environment = {**environment, "GAMESERVER_SABOTAGE": self.guard.value, PERMISSION: "1"}
        for seed in range(ROUNDS_MAX):
            scene = await stage.play(FAULTS[fault], seed, environment)
            if any(violation.startswith(promise) for violation in scene.verdicts.violations):
                return seed
        return None


@dataclass(frozen=True)
class Mistake:
    """Rounds of a game that goes past what the server does for it, until a promise is seen to break."""

    name: str
    fault: str
    environment: str
    broken: str  # is in the violation

    async def play(self, stage: Stages) -> int | None:
        """The number of the round that found it; None when none did."""
        for seed in range(ROUNDS_MAX):
            scene = await stage.play(FAULTS[self.fault], seed, {self.environment: "1"})
            if any(self.broken in violation for violation in scene.verdicts.violations):
                return seed
        return None


MISTAKES = (
    Mistake("minting past the check", "hoard-the-unsavable", MINTS_PAST_THE_CHECK, "left in redis"),
    Mistake("forgetting unknown fields", "two-versions", FORGETS_FIELDS, "every version"),
)


def test_each_guard_has_its_control() -> None:
    elsewhere = {Guard.RETRIES_OFF, Guard.ONLY_COPY}  # test_calls, and the model's
    assert FOUND_BY.keys() | elsewhere == set(Guard)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(Control(guard), id=guard.value, marks=[] if guard == IN_EVERY_RUN else [pytest.mark.long])
        for guard in FOUND_BY
    ],
)
async def test_without_a_guard_a_promise_is_seen_to_break(playing: Playing, asked: Control) -> None:
    found = await playing.outcome(asked.name)
    assert found is not None, f"{ROUNDS_MAX} rounds without {asked.guard}, and no broken promise was seen"


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("asked", MISTAKES, ids=lambda asked: asked.name)
async def test_a_game_that_goes_past_the_server_is_seen_to_break_a_promise(playing: Playing, asked: Mistake) -> None:
    assert await playing.outcome(asked.name) is not None
