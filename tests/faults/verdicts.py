"""Verdicts of a round's checks: the number of checks of each promise, and each time it was broken."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

PROMISES = (
    "one writer",
    "one history",
    "every version",
    "isolation",
    "true acks",
    "conservation",
    "bounded staleness",
    "exactly-once saves",
    "exactly-once inputs",
    "no orphans",
    "takeover",
    "degrade, never lie",
    "drain",
    "every failpoint",
)


@dataclass
class Verdicts:
    """The verdicts of one round."""

    checked: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    worst_ticks: int = 0
    worst_ms: float = 0.0
    recoveries_s: list[float] = field(default_factory=list)

    def check(self, promise: str, is_kept: bool, broken: str) -> bool:
        """``broken`` says what was found when the promise is not kept."""
        assert promise in PROMISES, promise
        self.checked[promise] += 1
        if not is_kept:
            self.violations.append(f"{promise}: {broken}")
        return is_kept

    def note_staleness(self, ticks: int, ms: float) -> None:
        self.worst_ticks, self.worst_ms = max(self.worst_ticks, ticks), max(self.worst_ms, ms)
