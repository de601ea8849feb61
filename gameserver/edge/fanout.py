"""One zone's tick to its viewers: each payload gets its frame header once, and the same bytes go to everybody. Pure."""

from __future__ import annotations

from gameserver.edge.frames import binary_frame
from gameserver.edge.outbox import Outbox
from gameserver.link.audiences import AudienceTable
from gameserver.link.messages import TickFrames
from gameserver.speedups import prefetched


def fan_out(shown: TickFrames, outboxes: AudienceTable[Outbox]) -> list[Outbox]:
    """Hand every frame to the outboxes of its viewers. Return the outboxes that had nothing to send before."""
    filled: list[Outbox] = []
    for frame in shown.frames:
        ready, full = binary_frame(frame.payload), frame.full
        filled += [outbox for outbox in prefetched(outboxes.viewers_of(frame)) if outbox.world(ready, full)]
    outboxes.forget_before(shown.oldest_audience)
    return filled
