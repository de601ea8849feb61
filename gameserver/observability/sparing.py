"""A limit on log lines that a bug may bring on every tick. Keys come from a closed set, such as a game's hooks."""

from __future__ import annotations

from collections.abc import Callable

from gameserver.rate_limit import TokenBuckets


class Sparing:
    """Lets ``burst`` lines of each key through, then one in ``period_s``, and counts those it holds back."""

    def __init__(self, period_s: float, now_s: Callable[[], float], burst: int = 1):
        self._now_s = now_s
        self._lines = TokenBuckets(1 / period_s, burst)
        self._held_back: dict[str, int] = {}

    def held_back(self, key: str) -> int | None:
        """Return None when this line is to be held back, else how many were since the last one that was let through."""
        if not self._lines.take(key, self._now_s()):
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return None
        return self._held_back.pop(key, 0)
