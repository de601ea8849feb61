"""Stopwatch for the steps of ticks. It adds up the zones of a phase and publishes once for all of them: to observe
every step of every zone would cost more than some of the steps.
"""

from __future__ import annotations

from gameserver.clock import Clock
from gameserver.observability import metrics


class Stopwatch:
    """``start`` before each zone's tick, ``lap`` after each of its steps, ``publish`` after the last zone's."""

    def __init__(self, clock: Clock):
        self._clock = clock
        self._since_s = 0.0
        self._taken_s: dict[str, float] = {}

    def start(self) -> None:
        self._since_s = self._clock.monotonic_s()

    def lap(self, step: str) -> None:
        """The step that has this name ends now."""
        now_s = self._clock.monotonic_s()
        self._taken_s[step] = self._taken_s.get(step, 0.0) + now_s - self._since_s
        self._since_s = now_s

    def publish(self) -> None:
        for step, taken_s in self._taken_s.items():
            metrics.TICK_STEP_SECONDS.observe(step, taken_s)
        self._taken_s.clear()
