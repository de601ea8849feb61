"""Measurements of a swarm: samples kept as counts of tenths of a millisecond, and one tally of everything.

Both can be added up, so that several processes make one report. Law: memory grows with the spread of the values and
with the bounds below, never with the length of the run.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

COMPLAINTS_MAX = 20  # texts kept of each sort; beyond them they are only counted


class Samples:
    """Durations, to a tenth of a millisecond."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()

    def add_s(self, seconds: float) -> None:
        self.counts[int(seconds * 10_000)] += 1

    def merge(self, other: Samples) -> None:
        self.counts.update(other.counts)

    def __len__(self) -> int:
        return self.counts.total()

    def percentile_ms(self, percent: float) -> float:
        """The smallest value that ``percent`` of the samples do not exceed; 0 without samples."""
        wanted = self.counts.total() * percent / 100
        seen = 0
        for tenth_ms in sorted(self.counts):
            seen += self.counts[tenth_ms]
            if seen >= wanted:
                return tenth_ms / 10
        return 0.0


class Complaints:
    """Things that went wrong: the first texts, and how many there were."""

    def __init__(self) -> None:
        self.count = 0
        self.texts: list[str] = []

    def add(self, text: str) -> None:
        self.count += 1
        if len(self.texts) < COMPLAINTS_MAX:
            self.texts.append(text)

    def merge(self, other: Complaints) -> None:
        self.count += other.count
        self.texts = (self.texts + other.texts)[:COMPLAINTS_MAX]


@dataclass
class Tally:
    """The counts of one process. Traffic and tick intervals are of the playing phase alone."""

    players_wanted: int = 0
    players_connected: int = 0
    playing_s: float = 0.0
    cpu_s: float = 0.0  # of the swarm itself, while playing
    tick_hz: int = 20
    messages_received: int = 0
    messages_sent: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0
    actions: Counter[str] = field(default_factory=Counter)  # by type
    acks: dict[str, Samples] = field(default_factory=dict)  # by level: from sending to the ack
    refusals: Counter[str] = field(default_factory=Counter)  # by code
    tick_intervals: Samples = field(default_factory=Samples)
    ticks_not_shown: int = 0  # gaps between the ticks of frames; nothing changed in view, or the server skipped
    lateness: Samples = field(default_factory=Samples)  # of the swarm's own timer
    reconnects: int = 0
    checks: int = 0  # bots that came back and compared
    unknown_outcomes: int = 0
    errors: Complaints = field(default_factory=Complaints)
    broken_promises: Complaints = field(default_factory=Complaints)

    def acked(self, level: str, seconds: float) -> None:
        self.acks.setdefault(level, Samples()).add_s(seconds)

    @property
    def all_acks(self) -> Samples:
        together = Samples()
        for samples in self.acks.values():
            together.merge(samples)
        return together

    def merge(self, other: Tally) -> None:
        for name, theirs in vars(other).items():
            mine = getattr(self, name)
            if name == "acks":
                for level, samples in theirs.items():
                    self.acks.setdefault(level, Samples()).merge(samples)
            elif name in ("playing_s", "tick_hz"):
                setattr(self, name, max(mine, theirs))
            elif isinstance(mine, Counter):
                mine.update(theirs)
            elif isinstance(mine, Samples | Complaints):
                mine.merge(theirs)
            else:
                setattr(self, name, mine + theirs)
