"""The stopwatch adds up the steps' times over zones and publishes them once."""

from __future__ import annotations

from functools import partial

from gameserver.observability.metrics import REGISTRY
from gameserver.simulation.stopwatch import Stopwatch
from tests.session.standins import StillClock


def counted(step: str) -> tuple[float, float]:
    """Return the metric's count and seconds of the step."""
    sample = partial(REGISTRY.get_sample_value, labels={"step": step})
    return sample("gameserver_tick_step_seconds_count") or 0, sample("gameserver_tick_step_seconds_sum") or 0


def test_the_steps_of_all_zones_of_a_phase_are_one_observation() -> None:
    clock, before = StillClock(), {step: counted(step) for step in ("apply", "encode")}
    stopwatch = Stopwatch(clock)
    for apply_s, encode_s in ((0.5, 0.25), (0.25, 0.125)):
        clock.now_s += 10  # between zones: nobody's
        stopwatch.start()
        clock.now_s += apply_s
        stopwatch.lap("apply")
        clock.now_s += encode_s
        stopwatch.lap("encode")
    for _ in range(2):  # what is published is not published again
        stopwatch.publish()
        for step, taken_s in (("apply", 0.75), ("encode", 0.375)):
            assert counted(step) == (before[step][0] + 1, before[step][1] + taken_s)
