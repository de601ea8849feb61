"""Queue of one client's unsent data, and the rules for a client that reads too slowly. Pure.

World frames are latest-wins: above the wire's high-water mark they are skipped, and once it has drained one
``Resync`` is asked for; frames that build on a skipped one are dropped until the next full frame.
JSON messages may not be lost: they queue up to a cap, and beyond it the client is closed. Data queued in one turn
of the event loop, a tick's world frame and its messages, leaves in one write, in order. A frame alone leaves as the
very bytes that were handed in, and frames that several clients get are joined once.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from gameserver.edge.tally import Tally
from gameserver.edge.wire import Wire


class WorldFlow(Enum):
    FLOWING = auto()
    SKIPPING = auto()  # congested, and at least one frame was skipped
    AWAITING_FULL = auto()  # drained; a full frame was asked for


_FLOWING: Final = WorldFlow.FLOWING  # looked at for every viewer on every tick


class Joiner:
    """Joins frames; the result for the client before is used again if this one gets the same frames."""

    __slots__ = ("_frames", "_joined")

    def __init__(self) -> None:
        self._frames: list[bytes] = []
        self._joined = b""

    def join(self, frames: list[bytes]) -> bytes:
        if frames != self._frames:
            self._frames, self._joined = frames, b"".join(frames)
        return self._joined


class Outbox:
    """``mark`` is called with this outbox when a message is the first thing in it: to be flushed in this turn."""

    __slots__ = (
        "_bytes_max",
        "_congested",
        "_first",
        "_flow",
        "_join",
        "_mark",
        "_messages_bytes",
        "_others",
        "_tally",
        "wire",
    )

    def __init__(self, wire: Wire, bytes_max: int, mark: Callable[[Outbox], None], tally: Tally, joiner: Joiner):
        self.wire = wire
        self._bytes_max = bytes_max
        self._mark = mark
        self._tally = tally
        self._join = joiner.join
        self._first: bytes | None = None  # head of the queue: usually one world frame, and nothing behind it
        self._others: list[bytes] | None = None
        self._messages_bytes = 0  # of the queue
        self._congested = False
        self._flow = _FLOWING

    def world(self, frame: bytes, full: bool) -> bool:
        """Queue this world frame, or skip it. True: it is the first thing in here, to be flushed in this turn."""
        if self._congested:
            self._flow = WorldFlow.SKIPPING
        elif full or self._flow is _FLOWING:
            self._flow = _FLOWING
            return self._queue(frame)
        self._tally.frames_skipped += 1
        return False

    def message(self, frame: bytes) -> bool:
        """Queue a frame that must not be lost. False: it does not fit, and the client must be closed."""
        waiting_bytes = self._messages_bytes + self.wire.get_write_buffer_size()
        if waiting_bytes + len(frame) > self._bytes_max:
            return False
        if self._queue(frame):
            self._mark(self)
        self._messages_bytes += len(frame)
        return True

    def control(self, frames: bytes) -> None:
        """Send pings or pongs, or leave it while the client does not read."""
        if not self._congested:
            self._queue(frames)
            self.flush()

    def last(self, frames: bytes) -> None:
        """Send the last bytes of the connection, whatever waits already."""
        self._queue(frames)
        self.flush()

    def take(self) -> bytes:
        """Empty the queue and return its bytes for writing; no bytes if the wire is closing."""
        taken = self._first
        if taken is None:
            return b""
        self._first = None
        self._messages_bytes = 0
        if self._others:
            taken = self._join([taken, *self._others])
            self._others = None
        if self.wire.is_closing:
            return b""
        self._tally.sent_bytes += len(taken)
        return taken

    def flush(self) -> None:
        """Send the queue, without a Sender."""
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

    def _queue(self, frame: bytes) -> bool:
        if self._first is None:
            self._first = frame
            return True
        if self._others is None:
            self._others = [frame]
        else:
            self._others.append(frame)
        return False
