"""The model bites: with one guard of the server taken away it finds a broken promise among its scripts."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import Phase, find, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample

from gameserver.failpoints import Guard
from gameserver.session import flight, record, surrender
from tests.model import world
from tests.model.script import SCRIPTS
from tests.model.test_model import MENDED
from tests.model.world import ConnectionEvent

SCRIPTS_MAX = 1000
RUNS = st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 3), SCRIPTS)
FOUND_BY = {Guard.KEY_FENCE: "takeover", Guard.INVENTORY_SEQUENCE: "true acks"}
IN_EVERY_RUN = Guard.KEY_FENCE  # found in fewer scripts


@pytest.mark.parametrize(
    "guard", [guard if guard == IN_EVERY_RUN else pytest.param(guard, marks=pytest.mark.long) for guard in FOUND_BY]
)
def test_without_a_guard_a_promise_is_seen_to_break(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (record, flight):  # not by ``arm``, which a script calls, too
        monkeypatch.setattr(module, "is_off", lambda asked: asked is guard)
    try:
        find(
            RUNS,
            lambda run: _breaks(FOUND_BY[guard], *run),
            settings=settings(max_examples=SCRIPTS_MAX, derandomize=True, database=None, phases=(Phase.generate,)),
        )
    except NoSuchExample:
        pytest.fail(f"{SCRIPTS_MAX} scripts without {guard}, and no broken promise was seen")


def test_an_owner_that_drops_the_only_copy_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """No script of chance gets there often enough."""
    monkeypatch.setattr(surrender, "is_off", lambda asked: asked is Guard.ONLY_COPY)
    assert _breaks("true acks", *MENDED[-1])


def _breaks(promise: str, seed: int, players: int, script: Sequence[ConnectionEvent]) -> bool:
    return any(told.startswith(promise) for told in world.run(seed, players, script).book.broken)
