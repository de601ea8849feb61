"""The watchdog names what takes long, tells a stall once, and ends a process only when it was asked to end."""

from __future__ import annotations

import signal
import threading
from typing import Any

import pytest
from structlog.testing import capture_logs

from gameserver.observability.sparing import Sparing
from gameserver.simulation.heartbeat import Heartbeat
from gameserver.watchdog import EXIT_STALLED, SLOW_S, SPARING_S, STALLED_S, Watchdog
from tests.simulation.test_loop import StillClock


class Bench:
    def __init__(self) -> None:
        self.clock, self.beat = StillClock(), Heartbeat()
        self.clock.now_s = 100.0
        self.left: list[int] = []
        self.dog = Watchdog(self.beat, self.clock, 5.0, self.left.append)
        self.beat.zone = "north"

    def look(self) -> float:
        """Look from another thread, as the watchdog does. Return the time."""
        thread = threading.Thread(target=self.dog.look)
        thread.start()
        thread.join()
        return self.clock.now_s

    def phase(self, takes_s: float, in_game: bool = True) -> list[dict[str, Any]]:
        """Play a phase that takes so long, with a look in the middle and one behind it. Return the log lines."""
        with capture_logs() as lines:
            self.beat.begin(self.clock.now_s, 0.05)
            self.clock.now_s += takes_s
            if in_game:
                Sparing(1.0, self.look).held_back("")  # a function of the server that calls one that is not
            else:
                self.look()
            self.beat.end(self.clock.now_s, self.clock.now_s + 0.05)
            self.dog.look()
        return [dict(line) for line in lines]


def test_a_phase_in_time_is_not_worth_a_line() -> None:
    bench = Bench()
    assert [bench.phase(0.04) for _ in range(100)] == [[]] * 100


def test_a_slow_phase_is_named_with_its_time_once_in_a_while() -> None:
    bench = Bench()
    (line,) = bench.phase(SLOW_S + 0.1)
    assert (line["event"], line["zone"], line["seconds"]) == ("slow_call", "north", SLOW_S + 0.1)
    assert bench.phase(SLOW_S) == []
    bench.clock.now_s += SPARING_S
    (line,) = bench.phase(SLOW_S)
    assert line["held_back"] == 1


def test_a_slow_phase_in_which_no_function_of_the_game_runs_is_not_worth_a_line() -> None:
    bench = Bench()
    assert bench.phase(2 * SLOW_S, in_game=False) == []
    (line,) = bench.phase(SLOW_S)
    assert (line["call"], line["seconds"]) == ("Bench.look", SLOW_S)


def test_a_stall_is_told_at_once_with_its_stack_and_so_is_its_end() -> None:
    bench = Bench()
    with capture_logs() as lines:
        bench.beat.begin(bench.clock.now_s, 0.05)
        for _ in range(3):
            bench.clock.now_s += STALLED_S + 0.05
            bench.dog.look()
        bench.beat.end(bench.clock.now_s, bench.clock.now_s + 0.05)
        bench.dog.look()
    told = [line for line in lines if line["event"] != "slow_call"]
    assert [line["event"] for line in told] == ["tick_stalled", "tick_goes_on"]
    assert told[0]["seconds"] == STALLED_S and "test_a_stall_is_told" in told[0]["stack"]
    assert told[1]["seconds"] == pytest.approx(3 * (STALLED_S + 0.05) - 0.05, abs=0.1)


@pytest.mark.parametrize(
    ("asked", "stalled", "leaves"), [(True, True, True), (True, False, False), (False, True, False)]
)
def test_a_process_is_ended_only_if_it_was_asked_to_end_and_cannot(asked: bool, stalled: bool, leaves: bool) -> None:
    bench = Bench()
    before = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        bench.dog.hear(signal.SIGUSR1)
        if asked:
            signal.raise_signal(signal.SIGUSR1)
        bench.beat.begin(bench.clock.now_s, 0.05)
        bench.clock.now_s += 4.9
        bench.dog.look()
        assert bench.left == []
        bench.clock.now_s += 0.2
        if not stalled:
            bench.beat.end(bench.clock.now_s, bench.clock.now_s + 0.05)
        bench.dog.look()
        assert bench.left == ([EXIT_STALLED] if leaves else [])
    finally:
        signal.signal(signal.SIGUSR1, before)
