"""A zone that stops is started again after a pause that doubles, and given up when that does not help."""

from __future__ import annotations

from gameserver.simulation.restarts import PAUSES_S, WINDOW_S, Restarts


def test_each_pause_is_longer_and_the_last_stop_is_for_good() -> None:
    restarts, now_s = Restarts(), 1000.0
    for pause_s in PAUSES_S:
        restarts.note_stop(now_s)
        assert not restarts.is_given_up and not restarts.is_due(now_s + pause_s - 0.01)
        now_s += pause_s
        assert restarts.is_due(now_s)
    restarts.note_stop(now_s)
    assert restarts.is_given_up and not restarts.is_due(now_s + 1e9)


def test_stops_of_long_ago_do_not_count() -> None:
    restarts = Restarts()
    for number in range(20):
        restarts.note_stop(number * (WINDOW_S + 1))
        assert restarts.due_s == number * (WINDOW_S + 1) + PAUSES_S[0]
