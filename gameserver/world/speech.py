"""A player's chat lines, kept in the session for people to see, and the budget that keeps the player from flooding."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import msgspec

from gameserver.world.changes import ignore_change

LINES_MAX = 5  # at most so many lines ...
WINDOW_MS = 5_000  # ... in so long


class SpeechRecord(msgspec.Struct, frozen=True):
    """One line as stored in the session hash's ``chat`` field."""

    said: int = 0  # lines in this session
    last: str = ""
    at_ms: int = 0


class Speech:
    """A player's voice in this session."""

    __slots__ = ("_spoken_ms", "changed", "on_change", "record")

    def __init__(self, record: SpeechRecord | None = None):
        self.record = record or SpeechRecord()
        self.changed = False
        self.on_change: Callable[[], None] = ignore_change
        self._spoken_ms: deque[int] = deque(maxlen=LINES_MAX)

    def wait_ms(self, now_ms: int) -> int:
        """0 when the player may speak now, else how long to wait. A clock that went back counts as no wait."""
        if len(self._spoken_ms) < LINES_MAX or any(spoken_ms > now_ms for spoken_ms in self._spoken_ms):
            return 0
        return max(self._spoken_ms[0] + WINDOW_MS - now_ms, 0)

    def note(self, text: str, now_ms: int) -> None:
        self.record = SpeechRecord(self.record.said + 1, text, now_ms)
        self._spoken_ms.append(now_ms)
        self.changed = True
        self.on_change()
