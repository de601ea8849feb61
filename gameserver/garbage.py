"""The garbage collector, run between ticks: one that runs when it likes stops a tick in the midst.

What is there when play begins stays for good and is never looked at again. The rest is looked at seldom, since we make
hardly any cycles. Law: a collection that is due waits for a gap it fits in, but not for ever.
"""

from __future__ import annotations

import gc

from gameserver.clock import Clock

# New objects; collections of those; collections of what survived them. Where a game makes cycles (a player's scratch
# that knows the player, say), five million objects come together until the old ones are looked at.
DUE = (20_000, 50, 5)
OVERDUE = 2  # times that: then it is done, whatever is left of the interval


class Garbage:
    def __init__(self, clock: Clock):
        self._clock = clock
        self._took_s = [0.0, 0.0, 0.0]  # by generation, the last time

    def take_over(self) -> None:
        """Turn automatic collection off: only ``collect_within`` collects."""
        gc.disable()
        gc.collect()
        gc.freeze()

    def give_back(self) -> None:
        gc.enable()

    def collect_within(self, slack_s: float) -> None:
        """Collect what is due, if it is likely to take no longer than this."""
        counts = gc.get_count()
        if counts[0] < DUE[0]:
            return
        for generation in (2, 1, 0):
            count, due = counts[generation], DUE[generation]
            if count >= due and (self._took_s[generation] <= slack_s or count >= OVERDUE * due):
                self._collect(generation)
                return

    def _collect(self, generation: int) -> None:
        started_s = self._clock.monotonic_s()
        gc.collect(generation)
        self._took_s[generation] = self._clock.monotonic_s() - started_s
