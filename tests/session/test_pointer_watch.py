"""Every pointer is read once a period, and not a few of them on every tick."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gameserver.session.lifecycle import SessionEvent
from gameserver.session.pointer_watch import PERIOD_S, SHARES, PointerWatch
from gameserver.session.session import Session
from tests.session.standins import session

TICK_S = 0.05


def periods(watch: PointerWatch, count: int) -> list[list[Session]]:
    """Return the sessions that are due on each tick of so many periods."""
    return [watch.due(tick * TICK_S) for tick in range(round(count * PERIOD_S / TICK_S))]


@pytest.mark.parametrize("players", [1, 3, 7, 200])
def test_everybody_is_due_once_a_period_and_few_ticks_ask(players: int) -> None:
    sessions = [session(number) for number in range(1, players + 1)]
    due = periods(PointerWatch(sessions), 4)
    assert sorted(one.player_id for some in due for one in some) == sorted([*range(1, players + 1)] * 4)
    assert 0 < sum(map(bool, due)) <= 4 * SHARES


def test_between_two_looks_at_a_pointer_is_no_more_than_a_period_and_a_tick() -> None:
    one, others = session(1), [session(number) for number in range(2, 41)]
    due = periods(PointerWatch([*others, one]), 10)
    seen_s = [tick * TICK_S for tick, some in enumerate(due) if one in some]
    assert max(later - before for before, later in pairwise(seen_s)) <= PERIOD_S + TICK_S + 1e-9


def test_who_left_is_not_due_and_all_are_when_it_starts_over() -> None:
    sessions = [session(number) for number in range(1, 11)]
    watch = PointerWatch(sessions)
    first = watch.due(0.0)
    assert 0 < len(first) < 10
    sessions[0].move(SessionEvent.END)
    watch.start_over()
    assert watch.due(TICK_S) == sessions[1:]
