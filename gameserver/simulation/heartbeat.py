"""The sign of life of the simulation loop, for a watchdog in another thread to read. Pure.

The loop writes plain attributes, which costs a tick next to nothing. Times are monotonic seconds.
"""

from __future__ import annotations


class Heartbeat:
    """``zone`` is the one that ticks now, or ticked last. ``began_s`` is when the phase under way began, 0 between two
    phases. ``due_s`` is the time by which the loop should have shown itself again, 0 before the first phase."""

    def __init__(self) -> None:
        self.zone = ""
        self.phase = 0  # counts the phases
        self.began_s = 0.0
        self.longest_s = 0.0  # of the phases since the watchdog set this back
        self.due_s = 0.0

    def begin(self, now_s: float, within_s: float) -> None:
        """A phase begins, and should end ``within_s``."""
        self.phase += 1
        self.began_s = now_s
        self.due_s = now_s + within_s

    def end(self, now_s: float, next_s: float) -> None:
        """The phase ended; the next one is due at ``next_s``."""
        self.longest_s = max(self.longest_s, now_s - self.began_s)
        self.began_s = 0.0
        self.due_s = next_s
