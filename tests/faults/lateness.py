"""Lateness of this process itself: a delay of the busy machine is no fault of the server.

On a machine that keeps up every limit stands as it is.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

PERIOD_S = 0.05
REMEMBERED = 200  # periods: about ten seconds
FOLD = 4  # several processes take turns on the same cores, each as late as this one
TICK_S = 0.05


class Lateness:
    """``run`` is its one task."""

    def __init__(self) -> None:
        self._recent_s: deque[float] = deque([0.0], maxlen=REMEMBERED)

    @property
    def worst_s(self) -> float:
        """The worst lateness of the last ten seconds."""
        return max(self._recent_s)

    def patience_s(self, limit_s: float) -> float:
        """Return the time to wait for something that has to be done in ``limit_s``."""
        return limit_s + FOLD * self.worst_s

    def ticks(self, limit: int) -> int:
        """Return the permitted age in ticks, where a machine that keeps up permits ``limit``."""
        return limit + int(FOLD * self.worst_s / TICK_S)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due_s = time.monotonic() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self._recent_s.append(time.monotonic() - due_s)
