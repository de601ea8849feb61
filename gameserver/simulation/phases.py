"""Phases spread the zones' ticks over the interval: all zones at once; two halves, when the ticks take long; or a fixed
number of phases from the settings. Pure.

Law: a zone's ticks are due an interval apart, and once, when the zones are dealt out anew, one and a half at most.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Generic, TypeVar

AS_LOAD_ASKS: Final = 0  # instead of a number of phases

# A second phase costs a wake-up in cold caches, another look at the players' sockets and another write to Redis: 2 of
# 26 µs a player-tick. It is worth that when one would be so long that whoever waits for something else notices. The
# bounds lie farther apart than the cost of a second phase, a tenth of the load: that cost must not call for one.
TWO_ABOVE: Final = 0.5  # of an interval spent on ticks
ONE_BELOW: Final = 1 / 3
OVER_INTERVALS: Final = 20  # the average's: a pause of the machine is no load

ZoneT = TypeVar("ZoneT")


class Phases(Generic[ZoneT]):
    """``asked`` is how many there are to be, or AS_LOAD_ASKS; of one zone there is never more than one."""

    def __init__(self, zones: Sequence[ZoneT], interval_s: float, asked: int = AS_LOAD_ASKS):
        self._zones = zones
        self._interval_s = interval_s
        self._asked = asked
        self._dealt = self._deal(asked)
        self._turn = 0
        self._worked_s = 0.0  # in this interval
        self._load = 0.0  # of an interval, on average

    @property
    def current(self) -> Sequence[ZoneT]:
        return self._dealt[self._turn]

    def advance(self, worked_s: float) -> float:
        """The current phase took so long; the next one is current now. Returns the seconds from one's deadline to the
        other's."""
        self._worked_s += worked_s
        self._turn += 1
        if self._turn < len(self._dealt):
            return self._interval_s / len(self._dealt)
        before = len(self._dealt)
        self._end_interval()
        return self._interval_s / min(before, len(self._dealt))

    def _end_interval(self) -> None:
        load = min(self._worked_s / self._interval_s, 1.0)
        self._load += (load - self._load) / OVER_INTERVALS
        self._turn, self._worked_s = 0, 0.0
        if self._asked == AS_LOAD_ASKS:
            self._follow_load()

    def _follow_load(self) -> None:
        if self._load > TWO_ABOVE:
            self._dealt = self._deal(2)
        elif self._load < ONE_BELOW:
            self._dealt = self._deal(1)

    def _deal(self, count: int) -> list[Sequence[ZoneT]]:
        count = max(1, min(count, len(self._zones)))
        return [self._zones[first::count] for first in range(count)]
