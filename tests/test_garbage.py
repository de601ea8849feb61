"""Garbage is collected between ticks only, where there is room for it, and does not pile up where there is none."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from gameserver.garbage import DUE, OVERDUE, Garbage


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self) -> None:
        self.self = self


class SlowClock:
    """Every collection takes ``took_s`` by it."""

    def __init__(self, took_s: float):
        self.took_s = took_s
        self._now_s = 0.0

    def monotonic_s(self) -> float:
        self._now_s += self.took_s
        return self._now_s

    def wall_ms(self) -> int:
        return 0


@pytest.fixture(autouse=True)
def _the_tests_own_collector_comes_back() -> Iterator[None]:
    yield
    gc.unfreeze()
    gc.enable()


def taken_over(took_s: float = 0.001) -> Garbage:
    garbage = Garbage(SlowClock(took_s))
    garbage.take_over()
    return garbage


def litter(count: int) -> weakref.ref[Ring]:
    """So many new objects, all garbage; the first of them is watched."""
    first = weakref.ref(Ring())
    for _ in range(count):
        Ring()
    return first


def test_nothing_is_collected_in_the_midst_of_something() -> None:
    garbage = taken_over()
    assert not gc.isenabled() and gc.get_freeze_count() > 0
    first = litter(5 * DUE[0])
    assert first() is not None
    garbage.collect_within(1.0)
    assert first() is None
    garbage.give_back()
    assert gc.isenabled()


def test_a_little_garbage_is_left_for_later() -> None:
    garbage = taken_over()
    first = litter(DUE[0] // 10)
    garbage.collect_within(1.0)
    assert first() is not None


def test_a_collection_that_does_not_fit_waits_for_a_better_moment_but_not_for_ever() -> None:
    garbage = taken_over(took_s=0.03)
    litter(DUE[0])
    garbage.collect_within(0.0)  # not known yet how long it takes
    first = litter(DUE[0])
    garbage.collect_within(0.02)
    assert first() is not None
    garbage.collect_within(0.04)
    assert first() is None
    first = litter(OVERDUE * DUE[0])
    garbage.collect_within(0.0)
    assert first() is None


def test_what_survived_is_looked_at_again_after_a_while() -> None:
    garbage = taken_over()
    kept = [Ring()]
    survivor = weakref.ref(kept[0])
    litter(DUE[0])
    garbage.collect_within(1.0)
    kept.clear()
    litter(DUE[0])
    garbage.collect_within(1.0)
    assert survivor() is not None
    for _ in range(DUE[1]):
        litter(DUE[0])
        garbage.collect_within(1.0)
    assert survivor() is None
