"""Time as an argument: the one place that asks the operating system what time it is.

Safety never depends on wall time; it is used only for stamps people read. Intervals use the monotonic clock.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """The two questions that the server asks of time."""

    def monotonic_s(self) -> float:
        """Seconds since an arbitrary point; never goes back."""
        ...

    def wall_ms(self) -> int:
        """Milliseconds since 1970 UTC; may jump in either direction."""
        ...


class SystemClock:
    """The machine's own clocks."""

    monotonic_s = staticmethod(time.monotonic)

    def wall_ms(self) -> int:
        return time.time_ns() // 1_000_000
