"""Counts of the hot path, kept as plain numbers and published to the metrics now and then: a metric's own lock costs
more than counting."""

from __future__ import annotations

from gameserver.observability.metrics import FRAMES_SKIPPED, MESSAGES_RECEIVED, SENT_BYTES


class Tally:
    __slots__ = ("frames_skipped", "messages_received", "sent_bytes")

    def __init__(self) -> None:
        self.messages_received = 0
        self.sent_bytes = 0
        self.frames_skipped = 0

    def publish(self) -> None:
        """Add the counts to the metrics and start again from zero."""
        MESSAGES_RECEIVED.inc(self.messages_received)
        SENT_BYTES.inc(self.sent_bytes)
        FRAMES_SKIPPED.inc(self.frames_skipped)
        self.messages_received = self.sent_bytes = self.frames_skipped = 0
