"""A limit on log lines that a bug may bring on every tick. Keys come from a closed set, such as a game's hooks."""

from __future__ import annotations

from collections.abc import Callable


class Sparing:
    """Lets one line of each key through in ``period_s``, and counts those it holds back."""

    def __init__(self, period_s: float, now_s: Callable[[], float]):
        self._period_s = period_s
        self._now_s = now_s
        self._let_through_s: dict[str, float] = {}
        self._held_back: dict[str, int] = {}

    def held_back(self, key: str) -> int | None:
        """None when this line is to be held back, else how many were since the last one that was let through."""
        now_s = self._now_s()
        let_through_s = self._let_through_s.get(key)
        if let_through_s is not None and now_s - let_through_s < self._period_s:
            self._held_back[key] = self._held_back.get(key, 0) + 1
            return None
        self._let_through_s[key] = now_s
        return self._held_back.pop(key, 0)
