"""How late this process itself was: what a busy machine kept the bots from seeing in time is no fault of the server."""

from __future__ import annotations

import asyncio
import time
from collections import deque

PERIOD_S = 0.05
REMEMBERED = 200  # periods: about ten seconds


class Lateness:
    """``run`` is its one task."""

    def __init__(self) -> None:
        self._recent_s: deque[float] = deque([0.0], maxlen=REMEMBERED)

    @property
    def worst_s(self) -> float:
        """Of the last ten seconds."""
        return max(self._recent_s)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            due_s = time.monotonic() + PERIOD_S
            await asyncio.sleep(PERIOD_S)
            self._recent_s.append(time.monotonic() - due_s)
