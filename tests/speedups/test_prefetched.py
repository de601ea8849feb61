"""Going through a list as its own iterator does, whatever is in it and whatever happens to it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest


class Thing:
    """Refers to what the collector would never look into: a type that is not made by Python."""

    def __init__(self, *held: object):
        self.type: Any = int
        self.held = held


ANYTHING: list[object] = [None, 1, "text", int, type, Thing, Thing(int, None), [], {}, len, (1, (2, (3,)))]


@pytest.mark.parametrize("count", [0, 1, 4, 7, 8, 9, 100])
def test_each_comes_in_turn(twin: ModuleType, count: int) -> None:
    things = [Thing(number) for number in range(count)]
    assert list(twin.prefetched(things)) == things


def test_anything_may_be_in_the_list(twin: ModuleType) -> None:
    assert list(twin.prefetched(ANYTHING * 3)) == ANYTHING * 3


@pytest.mark.parametrize("happens", [list.clear, lambda listed: listed.append("new"), lambda listed: listed.pop()])
@pytest.mark.parametrize("at", [0, 3, 19])
def test_the_list_may_change_meanwhile(twin: ModuleType, happens: Callable[[list[Any]], None], at: int) -> None:
    def seen(listed: list[Any], prefetched: Callable[[list[Any]], Any]) -> list[Any]:
        seen = []
        for thing in prefetched(listed):
            seen.append(thing)
            if len(seen) == at + 1:
                happens(listed)
        return seen

    assert seen(list(range(20)), twin.prefetched) == seen(list(range(20)), iter)


def test_one_that_ended_stays_at_its_end(twin: ModuleType) -> None:
    things = [Thing()]
    prefetched = twin.prefetched(things)
    assert [*prefetched, *prefetched] == things


@pytest.mark.parametrize("what", [(), {1}, None, 5])
def test_the_one_in_c_takes_a_list_only(in_c: ModuleType, what: object) -> None:
    with pytest.raises(TypeError, match="list"):
        in_c.prefetched(what)
