"""Findings of a fault's rounds, as a row of the table. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

from tests.faults.verdicts import Verdicts


@dataclass
class Row:
    """The findings of all rounds of one fault. ``unit``: the thing that is counted; ``amount``: their number."""

    fault: str
    unit: str = "rounds"
    amount: int = 0
    rounds: int = 0
    failed_rounds: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    violations: list[dict[str, Any]] = field(default_factory=list)
    unplayed: list[int] = field(default_factory=list)  # seeds of rounds that something apart from the server cut short
    worst_ticks: int = 0
    worst_ms: float = 0.0
    recoveries_s: list[float] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    acked: Counter[str] = field(default_factory=Counter)

    def add(self, seed: int, found: Verdicts, amount: int = 1) -> None:
        self.rounds += 1
        self.amount += amount
        self.failed_rounds += bool(found.violations)
        self.checked += found.checked
        self.violations += [{"seed": seed, "violation": violation} for violation in found.violations]
        self.worst_ticks = max(self.worst_ticks, found.worst_ticks)
        self.worst_ms = max(self.worst_ms, found.worst_ms)
        self.recoveries_s += found.recoveries_s

    @property
    def bound(self) -> float:
        """The chance of a violation in a round is below this, with 95 % confidence (Clopper and Pearson, one-sided;
        3 / rounds when there was none)."""
        if self.failed_rounds == 0:
            return min(1.0, 3 / self.rounds) if self.rounds else 1.0
        return _upper_bound(self.failed_rounds, self.rounds)

    def summary(self) -> dict[str, Any]:
        recoveries = self.recoveries_s or [0.0]
        return {
            "fault": self.fault,
            "unit": self.unit,
            "amount": self.amount,
            "rounds": self.rounds,
            "promises_checked": self.checked.total(),
            "checked": dict(self.checked),
            "violations": self.violations,
            "unplayed": self.unplayed,
            "worst_staleness_ticks": self.worst_ticks,
            "worst_staleness_ms": round(self.worst_ms),
            "recovery_p50_s": round(median(recoveries), 2),
            "recovery_max_s": round(max(recoveries), 2),
            "bound_95": round(self.bound, 4),
            "acked": dict(self.acked),
            "notes": dict(self.notes),
        }


def _upper_bound(failures: int, rounds: int) -> float:
    low, high = failures / rounds, 1.0
    for _ in range(40):
        chance = (low + high) / 2
        at_most = sum(math.comb(rounds, k) * chance**k * (1 - chance) ** (rounds - k) for k in range(failures + 1))
        low, high = (chance, high) if at_most > 0.05 else (low, chance)
    return high


def table(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of the table in docs/reliability.md."""
    yield "| fault | rounds | promises checked | violations | worst staleness | recovery p50 / max | 95 % bound |"
    yield "|---|---|---|---|---|---|---|"
    for row in rows:
        told = row.summary()
        rounds = f"{row.rounds}" if row.unit == "rounds" else f"{row.rounds} ({row.amount:,} {row.unit})"
        stale = f"{row.worst_ticks} ticks, {row.worst_ms:.0f} ms" if row.worst_ticks else "none"
        recovery = f"{told['recovery_p50_s']} / {told['recovery_max_s']} s" if row.recoveries_s else "-"
        numbers = f"{rounds} | {row.checked.total():,} | {len(row.violations)}"
        yield f"| {row.fault} | {numbers} | {stale} | {recovery} | {row.bound:.2%} |"
