"""What waits to be sent to one client, and what happens when it reads too slowly. Pure.

World frames are latest-wins: above the wire's high-water mark they are skipped, and once it has drained one
``Resync`` is asked for; frames that build on a skipped one are dropped until the next full frame.
JSON messages may not be lost: they queue up to a cap, and beyond it the client is closed. What is queued in one turn
of the event loop, a tick's world frame and its messages, leaves in one write, in order. A frame alone leaves as the
very bytes that were handed in, and frames that several clients get are joined once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from gameserver.edge.tally import Tally
from gameserver.edge.wire import Wire


class WorldFlow(Enum):
    FLOWING = auto()
    SKIPPING = auto()  # congested, and at least one frame was skipped
    AWAITING_FULL = auto()  # drained; a full frame was asked for


_FLOWING = WorldFlow.FLOWING  # looked at for every viewer on every tick


class Joiner:
    """Joins frames; what was joined for the client before is used again if this one gets the same."""

    __slots__ = ("_frames", "_joined")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._joined = b""

    def join(self, frames: list[bytes]) -> bytes:
        if frames != self._frames:
            self._frames, self._joined = frames, b"".join(frames)
        return self._joined


class Outbox:
    """``mark`` is called with this outbox when it has something to flush at the end of the event loop's turn."""

    __slots__ = ("_bytes_max", "_congested", "_flow", "_join", "_mark", "_queue", "_queued_bytes", "_tally", "wire")

    def __init__(self, wire: Wire, bytes_max: int, mark: Callable[[Outbox], None], tally: Tally, joiner: Joiner):
        self.wire = wire
        self._bytes_max = bytes_max
        self._mark = mark
        self._tally = tally
        self._join = joiner.join
        self._queue: list[bytes] = []
        self._queued_bytes = 0
        self._congested = False
        self._flow = _FLOWING

    def world(self, frame: bytes, full: bool) -> None:
        """Queue this world frame, or skip it."""
        if self._congested:
            self._flow = WorldFlow.SKIPPING
        elif full or self._flow is _FLOWING:
            self._flow = _FLOWING
            if not self._queue:
                self._mark(self)
            self._queue.append(frame)
            return
        self._tally.frames_skipped += 1

    def message(self, frame: bytes) -> bool:
        """Queue a frame that must not be lost. False: it does not fit, and the client must be closed."""
        waiting_bytes = self._queued_bytes + self.wire.get_write_buffer_size()
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

    def take(self) -> bytes:
        """What is queued, to be written now; nothing if the wire is closing."""
        frames = self._queue
        if not frames:
            return b""
        self._queue = []
        self._queued_bytes = 0
        if self.wire.is_closing:
            return b""
        taken = frames[0] if len(frames) == 1 else self._join(frames)
        self._tally.sent_bytes += len(taken)
        return taken

    def flush(self) -> None:
        """Send what is queued, by itself."""
        if taken := self.take():
            self.wire.write(taken)

    def congest(self) -> None:
        """The wire is above its high-water mark."""
        self._congested = True

    def drain(self) -> bool:
        """The wire is below its low-water mark. True: a full frame must be asked for."""
        self._congested = False
        if self._flow is not WorldFlow.SKIPPING:
            return False
        self._flow = WorldFlow.AWAITING_FULL
        return True
