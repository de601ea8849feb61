"""A player's chat: the last line, which the session stores for people to see, and the limit on how much is said."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from gameserver.rate_limit import TokenBucket
from gameserver.world.changes import ignore_change

LINES_PER_S = 1.0  # on average
LINES_BURST = 5  # saved up while quiet


class SpeechRecord(msgspec.Struct, frozen=True):
    """One line as stored in the session hash's ``chat`` field."""

    said: int = 0  # lines in this session
    last: str = ""
    at_ms: int = 0


class Speech:
    """A player's voice in this session."""

    __slots__ = ("_budget", "changed", "on_change", "record")

    def __init__(self, record: SpeechRecord | None = None):
        self.record = record or SpeechRecord()
        self.changed = False
        self.on_change: Callable[[], None] = ignore_change
        self._budget = TokenBucket(LINES_PER_S, LINES_BURST)

    def wait_ms(self, now_ms: int) -> int:
        """Return 0 when the player may speak now, else the milliseconds to wait."""
        return self._budget.wait_ms(now_ms / 1000)

    def note(self, text: str, now_ms: int) -> None:
        """Note a line that the player says now."""
        self._budget.take(now_ms / 1000)
        self.record = SpeechRecord(self.record.said + 1, text, now_ms)
        self.changed = True
        self.on_change()
