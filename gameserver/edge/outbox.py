"""What waits to be sent to one client, and what happens when it reads too slowly. Pure.

World frames are latest-wins: above the transport's high-water mark they are skipped, and once it has drained one
``Resync`` is asked for; frames that build on a skipped one are dropped until the next full frame.
JSON messages may not be lost: they queue up to a cap, and beyond it the client is closed. What is queued in one turn
of the event loop, a tick's world frame and its messages, leaves in one write, in order.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Protocol

from gameserver.edge.tally import Tally


class Writable(Protocol):
    """What an outbox asks of a transport."""

    def write(self, data: bytes, /) -> None: ...
    def get_write_buffer_size(self) -> int: ...
    def is_closing(self) -> bool: ...


class WorldFlow(Enum):
    FLOWING = auto()
    SKIPPING = auto()  # congested, and at least one frame was skipped
    AWAITING_FULL = auto()  # drained; a full frame was asked for


class Outbox:
    """``mark`` is called with this outbox when it has something to flush at the end of the event loop's turn."""

    __slots__ = ("_bytes_max", "_congested", "_flow", "_mark", "_queue", "_queued_bytes", "_tally", "_transport")

    def __init__(self, transport: Writable, bytes_max: int, mark: Callable[[Outbox], None], tally: Tally):
        self._transport = transport
        self._bytes_max = bytes_max
        self._mark = mark
        self._tally = tally
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._congested = False
        self._flow = WorldFlow.FLOWING

    def world(self, frame: bytes, full: bool) -> None:
        """Queue this world frame, or skip it."""
        if self._congested:
            self._flow = WorldFlow.SKIPPING
        elif full or self._flow is WorldFlow.FLOWING:
            self._flow = WorldFlow.FLOWING
            if not self._queue:
                self._mark(self)
            self._queue.append(frame)
            return
        self._tally.frames_skipped += 1

    def message(self, frame: bytes) -> bool:
        """Queue a frame that must not be lost. False: it does not fit, and the client must be closed."""
        waiting_bytes = self._queued_bytes + self._transport.get_write_buffer_size()
        if waiting_bytes + len(frame) > self._bytes_max:
            return False
        if not self._queue:
            self._mark(self)
        self._queue.append(frame)
        self._queued_bytes += len(frame)
        return True

    def control(self, frames: bytes) -> None:
        """Send pings or pongs, or leave it while the client does not read."""
        if not self._congested:
            self._queue.append(frames)
            self.flush()

    def last(self, frames: bytes) -> None:
        """Send what ends the connection, whatever waits already."""
        self._queue.append(frames)
        self.flush()

    def flush(self) -> None:
        """Write what is queued; a transport that is closing gets nothing: uvloop's raises once it is closed."""
        if not self._queue:
            return
        joined = b"".join(self._queue)
        self._queue.clear()
        self._queued_bytes = 0
        if not self._transport.is_closing():
            self._tally.sent_bytes += len(joined)
            self._transport.write(joined)

    def congest(self) -> None:
        """The transport is above its high-water mark."""
        self._congested = True

    def drain(self) -> bool:
        """The transport is below its low-water mark. True: a full frame must be asked for."""
        self._congested = False
        if self._flow is not WorldFlow.SKIPPING:
            return False
        self._flow = WorldFlow.AWAITING_FULL
        return True
