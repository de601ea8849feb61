"""Pauses between attempts to reconnect: exponential, jittered, never shorter than the server asked for.
Pure: randomness is an argument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Delays grow from ``first_s`` by ``factor`` to ``longest_s``; each is drawn from the upper half of its span, so
    that the players of a fallen server do not come back as one."""

    first_s: float = 0.25
    factor: float = 2.0
    longest_s: float = 10.0
    give_up_after_s: float | None = None  # of trying in one go; None: never

    def delay_s(self, attempt: int, drawn: float, retry_after_ms: int = 0) -> float:
        """Seconds before ``attempt`` (from 0); ``drawn`` is uniform in [0, 1)."""
        span_s = min(self.longest_s, self.first_s * self.factor ** min(attempt, 32))
        return retry_after_ms / 1000 + span_s * (0.5 + drawn / 2)
