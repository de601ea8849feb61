"""The frames of a tick, handed to every viewer."""

from __future__ import annotations

import pytest

from gameserver.edge.fanout import fan_out
from gameserver.edge.frames import binary_frame
from gameserver.edge.outbox import Outbox
from gameserver.link.audiences import AudienceTable
from gameserver.link.messages import TickFrames, WorldFrame
from gameserver.protocol.ids import ConnectionId
from tests.edge.bench import Bench

pytestmark = pytest.mark.plain  # the wire is a stand-in


def test_fan_out_hands_every_viewer_the_same_bytes_with_the_header_made_once() -> None:
    benches = {ConnectionId(number): Bench() for number in (1, 2, 3)}
    frames = [
        WorldFrame(b"near", [ConnectionId(1), ConnectionId(99), ConnectionId(2)]),
        WorldFrame(b"far", [ConnectionId(3)], full=True),
    ]
    outboxes = AudienceTable[Outbox]()
    for connection_id, bench in benches.items():
        outboxes.put(connection_id, bench.outbox)
    fan_out(TickFrames("meadow", 1, 1, frames), outboxes)
    a, b, c = (bench.written()[0] for bench in benches.values())
    assert a == binary_frame(b"near")
    assert a is b
    assert c == binary_frame(b"far")
