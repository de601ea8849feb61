"""PointerWatch chooses the sessions whose pointers are read next. It notices a takeover within PERIOD_S, even if the
player does nothing.

A hint from the other node would be quicker, and could be lost; the pointer is the truth, and reading it costs next to
nothing in a write that is on its way anyway.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Final

from gameserver.session.session import Session

PERIOD_S: Final = 0.5
SHARES: Final = 5  # read at a time: a node with nothing else to write does not go to Redis for a few on every tick


class PointerWatch:
    """Goes round all sessions once a period, a share of them at a time."""

    def __init__(self, sessions: Iterable[Session]):
        self._sessions = sessions
        self._round: list[Session] = []
        self._started_s = float("-inf")
        self._done = 0

    def start_over(self) -> None:
        """All at once, when next asked."""
        self._round = [session for session in self._sessions if session.is_open]
        self._started_s = float("-inf")
        self._done = 0

    def due(self, now_s: float) -> list[Session]:
        """Those whose turn came since it was last asked."""
        if self._done == len(self._round) and now_s >= self._started_s + PERIOD_S:
            self._round = [session for session in self._sessions if session.is_open]
            self._started_s = now_s
            self._done = 0
        shares = ceil(min((now_s - self._started_s) / PERIOD_S * SHARES + 0.5, SHARES))
        until = ceil(len(self._round) * shares / SHARES)
        due = self._round[self._done : until]
        self._done = max(self._done, until)
        return [session for session in due if session.is_open]
