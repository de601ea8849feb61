"""One zone's tick to its viewers: each payload gets its frame header once, and the same bytes go to everybody. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gameserver.edge.frames import binary_frame
from gameserver.edge.outbox import Outbox
from gameserver.link.messages import WorldFrame
from gameserver.protocol.ids import ConnectionId


def fan_out(frames: Iterable[WorldFrame], outboxes: Mapping[ConnectionId, Outbox]) -> None:
    """Hand every frame to the outboxes of its viewers; those that are gone are passed over."""
    for frame in frames:
        ready, full = binary_frame(frame.payload), frame.full
        for connection_id in frame.connection_ids:
            if (outbox := outboxes.get(connection_id)) is not None:
                outbox.world(ready, full)
