"""Zones tick all at once or in two phases; only a lasting load changes that, and a fixed number of phases stays."""

from __future__ import annotations

import pytest

from gameserver.simulation.phases import Phases

INTERVAL_S = 0.05


def dealt(phases: Phases[str], load: float, intervals: int) -> list[str]:
    """Return the zones' phases in each of so many intervals of this load, like "ac bd"."""
    seen = []
    for _ in range(intervals):
        turns, passed_s = [], 0.0
        while passed_s < INTERVAL_S * 0.99:
            turns.append("".join(phases.current))
            passed_s += phases.advance(load * INTERVAL_S if len(turns) == 1 else 0.0)
        seen.append(" ".join(turns))
    return seen


def test_two_phases_come_with_a_lasting_load_and_go_without() -> None:
    phases = Phases("abcd", INTERVAL_S)
    assert set(dealt(phases, 0.45, 200)) == {"abcd"}
    assert dealt(phases, 0.55, 200)[-1] == "ac bd"
    assert set(dealt(phases, 0.4, 200)) == {"ac bd"}  # no way back yet
    assert dealt(phases, 0.3, 200)[-1] == "abcd"
    assert set(dealt(phases, 0.45, 200)) == {"abcd"}


def test_one_interval_however_long_is_no_load() -> None:
    phases = Phases("abcd", INTERVAL_S)
    dealt(phases, 0.4, 200)
    assert set(dealt(phases, 100.0, 1) + dealt(phases, 0.4, 50)) == {"abcd"}
    dealt(phases, 0.9, 200)
    assert set(dealt(phases, 0.0, 1) + dealt(phases, 0.9, 50)) == {"ac bd"}


def test_a_heavy_load_is_answered_within_a_second() -> None:
    phases = Phases("abcd", INTERVAL_S)
    assert dealt(phases, 0.9, 20)[-1] == "ac bd"


@pytest.mark.parametrize("zones", ["a", ""])
def test_what_cannot_be_dealt_out_is_not(zones: str) -> None:
    assert set(dealt(Phases(zones, INTERVAL_S), 0.9, 100)) == {zones}


@pytest.mark.parametrize(
    ("asked", "all_of_them"),
    [(1, "abcde"), (2, "ace bd"), (3, "ad be c"), (5, "a b c d e"), (64, "a b c d e")],
)
def test_phases_that_were_asked_for_are_spread_evenly_whatever_the_load(asked: int, all_of_them: str) -> None:
    phases = Phases("abcde", INTERVAL_S, asked)
    assert set(dealt(phases, 0.0, 50) + dealt(phases, 0.9, 200) + dealt(phases, 0.0, 200)) == {all_of_them}
    assert [phases.advance(0.0) for _ in range(20)] == [pytest.approx(INTERVAL_S / min(asked, 5))] * 20


@pytest.mark.parametrize("zones", ["a", ""])
def test_of_one_zone_or_none_there_is_one_phase_however_many_were_asked_for(zones: str) -> None:
    assert set(dealt(Phases(zones, INTERVAL_S, 7), 0.9, 100)) == {zones}
