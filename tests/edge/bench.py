"""An outbox on a stand-in for its wire."""

from __future__ import annotations

from typing import cast

from gameserver.edge.outbox import Joiner, Outbox
from gameserver.edge.tally import Tally
from gameserver.edge.wire import Wire


class WireStandIn:
    """Takes writes; ``waiting_bytes`` is what it says it could not send yet."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.waiting_bytes = 0
        self.is_closing = False

    def write(self, data: bytes) -> None:
        self.writes.append(data)

    def get_write_buffer_size(self) -> int:
        return self.waiting_bytes


class Bench:
    def __init__(self, bytes_max: int = 100, joiner: Joiner | None = None) -> None:
        self.wire, self.tally, self.marked = WireStandIn(), Tally(), list[Outbox]()
        self.outbox = Outbox(cast(Wire, self.wire), bytes_max, self.marked.append, self.tally, joiner or Joiner())

    def written(self) -> list[bytes]:
        self.outbox.flush()
        self.marked.clear()
        writes, self.wire.writes = self.wire.writes, []
        return writes
