"""Restarts of a zone that stopped: each after a pause twice as long, and not for ever. Pure.

Bound: ``len(PAUSES_S)`` restarts within WINDOW_S; a zone that then stops once more is given up until the process ends.
"""

from __future__ import annotations

from collections import deque
from typing import Final

PAUSES_S: Final = (2.0, 4.0, 8.0, 16.0)
WINDOW_S: Final = 600.0


class Restarts:
    """The stops of one zone. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.due_s: float | None = None  # None: the zone runs, or is given up
        self.is_given_up = False
        self._stops_s: deque[float] = deque()

    def note_stop(self, now_s: float) -> None:
        """Note that the zone stopped, and decide when it starts again."""
        while self._stops_s and self._stops_s[0] <= now_s - WINDOW_S:
            self._stops_s.popleft()
        before = len(self._stops_s)
        self._stops_s.append(now_s)
        self.is_given_up = before >= len(PAUSES_S)
        self.due_s = None if self.is_given_up else now_s + PAUSES_S[before]

    def is_due(self, now_s: float) -> bool:
        return self.due_s is not None and now_s >= self.due_s
