"""One zone's tick to its viewers: each payload gets its frame header once, and the same bytes go to everybody. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from gameserver.edge.frames import binary_frame
from gameserver.edge.outbox import Outbox
from gameserver.link.lookup import Lookup
from gameserver.link.messages import WorldFrame
from gameserver.protocol.ids import ConnectionId
from gameserver.speedups import ahead


def fan_out(frames: Iterable[WorldFrame], outboxes: Lookup[ConnectionId, Outbox]) -> list[Outbox]:
    """Hand every frame to the outboxes of its viewers; those that are gone are passed over. Returns the outboxes that
    have something to be flushed now, and had nothing before."""
    filled: list[Outbox] = []
    for frame in frames:
        ready, full = binary_frame(frame.payload), frame.full
        there = outboxes.find(frame.connection_ids)
        filled += [outbox for outbox in ahead(there) if outbox.world(ready, full)]
    return filled
