"""One client's TCP connection: a non-blocking socket, and the bytes that the kernel has not taken yet.

A ``Poller`` says when the socket can be read, or written again. Law: nothing here waits or raises. A connection that
breaks is closed, and its owner is told in a later turn of the event loop, never from inside a call of its own.
"""

from __future__ import annotations

import asyncio
from errno import EAGAIN, EINTR, EIO, EWOULDBLOCK
from socket import IPPROTO_TCP, SHUT_WR, SO_SNDBUF, SOL_SOCKET, TCP_NODELAY, socket
from typing import Final, Protocol

from gameserver.edge.limits import EdgeLimits

_NOT_NOW: Final = (EAGAIN, EWOULDBLOCK, EINTR)


class WireOwner(Protocol):
    """Callbacks of a wire, named as in ``asyncio.Protocol``."""

    def data_received(self, data: bytes) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def connection_lost(self) -> None: ...


class Poller(Protocol):
    """Calls ``readable`` and ``writable`` of the wires it polls."""

    def poll(self, wire: Wire, reads: bool, writes: bool) -> None:
        """Watch the wire for these events. With neither, the poller forgets the wire."""
        ...


class Wire:
    """Owns its socket. Written to like a transport."""

    __slots__ = (
        "_backlog",
        "_ends_after_backlog",
        "_high_water_bytes",
        "_is_congested",
        "_is_ended",
        "_low_water_bytes",
        "_owner",
        "_poller",
        "_read_bytes",
        "_reads",
        "_recv",
        "_send",
        "_send_buffer_bytes",
        "_socket",
        "_writes",
        "fd",
        "is_clear",
        "is_closing",
    )

    def __init__(self, raw: socket, owner: WireOwner, poller: Poller, limits: EdgeLimits):
        """``raw`` does not block. Reading begins with ``start``."""
        self._socket = raw
        self.fd = raw.fileno()
        self._recv, self._send = raw.recv, raw.send
        self._owner = owner
        self._poller = poller
        self._read_bytes = limits.read_bytes
        self._send_buffer_bytes = limits.send_buffer_bytes
        self._high_water_bytes = limits.high_water_bytes
        self._low_water_bytes = limits.low_water_bytes
        self._backlog = bytearray()
        self._reads = self._writes = False
        self._is_congested = False
        self._ends_after_backlog = False  # our half of the connection
        self.is_closing = False  # nothing is taken any more, but the backlog still leaves
        self.is_clear = True  # writes go to the kernel at once: a Sender may do that, and report the bytes written
        self._is_ended = False

    def start(self) -> None:
        """Begin to read."""
        try:
            self._socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)  # a tick's bytes are one write, and none follow soon
            self._socket.setsockopt(SOL_SOCKET, SO_SNDBUF, self._send_buffer_bytes)
        except OSError:  # macOS, if the peer has reset it already
            self.abort()
        else:
            self._wait_for(reads=True, writes=False)

    def move_to(self, poller: Poller) -> None:
        """Be polled by this one from now on."""
        if poller is not self._poller:
            self._poller.poll(self, False, False)
            self._poller = poller
            self._poller.poll(self, self._reads, self._writes)

    def fileno(self) -> int:
        return self._socket.fileno()

    def get_write_buffer_size(self) -> int:
        return len(self._backlog)

    def write(self, data: bytes) -> None:
        """Give ``data`` to the kernel, and keep the rest that the kernel does not take."""
        if self.is_clear:
            self.wrote(data, self._try(data))
        elif self._backlog and not (self.is_closing or self._ends_after_backlog):
            self._keep(data)

    def wrote(self, data: bytes, sent: int) -> None:
        """The kernel took so many bytes of ``data``, or refused with minus its errno."""
        if sent == len(data):
            return
        if sent < 0 and -sent not in _NOT_NOW:
            self.abort()
            return
        self._keep(data[max(sent, 0) :])
        self._wait_for(self._reads, writes=True)

    def write_eof(self) -> None:
        """Tell the peer, behind the waiting data, that nothing follows."""
        self._ends_after_backlog = True
        self.is_clear = False
        if not self._backlog and not self.is_closing:
            self._shut_down()

    def pause_reading(self) -> None:
        self._wait_for(reads=False, writes=self._writes)

    def close(self) -> None:
        """Read no more, and end when the waiting data has been sent."""
        if self.is_closing:
            return
        self.is_closing = True
        self.is_clear = False
        if self._backlog:
            self._wait_for(reads=False, writes=True)
        else:
            self._end()

    def abort(self) -> None:
        """End now."""
        self.is_closing = True
        self.is_clear = False
        self._backlog.clear()
        self._end()

    # --- calls of the poller ---

    def readable(self) -> None:
        """Read ``read_bytes`` at most: the rest waits in the kernel for the next time."""
        if not self._reads:
            return
        read: bytes | int
        try:
            read = self._recv(self._read_bytes)
        except OSError as error:
            read = error.errno or EIO
        self.was_read(read)

    def was_read(self, read: bytes | int) -> None:
        """The poller read this, nothing at the end, or could not read for this errno."""
        if not self._reads:
            return  # closed since the poller looked
        if isinstance(read, int):
            if read not in _NOT_NOW:
                self.abort()
        elif read:
            self._owner.data_received(read)
        else:
            self.close()

    def ask_for_the_rest(self) -> None:
        """More may be there than was read: the poller shall tell of it as if it were new."""
        if self._reads or self._writes:
            self._poller.poll(self, self._reads, self._writes)

    def writable(self) -> None:
        """Send more of the waiting data."""
        if not self._writes:
            return
        sent = self._try(self._backlog)
        if sent < 0:
            if -sent not in _NOT_NOW:
                self.abort()
            return
        del self._backlog[:sent]
        if not self._backlog:
            self._all_sent()
        if self._is_congested and len(self._backlog) <= self._low_water_bytes:
            self._is_congested = False
            self._owner.resume_writing()

    def _try(self, data: bytes | bytearray) -> int:
        """Return the number of bytes that the kernel took, or minus the errno."""
        try:
            return self._send(data)
        except OSError as error:
            return -(error.errno or EIO)

    def _keep(self, data: bytes) -> None:
        self._backlog += data
        self.is_clear = False
        if not self._is_congested and len(self._backlog) > self._high_water_bytes:
            self._is_congested = True
            self._owner.pause_writing()

    def _all_sent(self) -> None:
        if self.is_closing:
            self._end()
            return
        self.is_clear = not self._ends_after_backlog
        self._wait_for(self._reads, writes=False)
        if self._ends_after_backlog:
            self._shut_down()

    # --- ends ---

    def _wait_for(self, reads: bool, writes: bool) -> None:
        if (reads, writes) != (self._reads, self._writes):
            self._reads, self._writes = reads, writes
            self._poller.poll(self, reads, writes)

    def _shut_down(self) -> None:
        try:
            self._socket.shutdown(SHUT_WR)
        except OSError:
            self.abort()

    def _end(self) -> None:
        if self._is_ended:
            return
        self._is_ended = True
        self._wait_for(reads=False, writes=False)
        asyncio.get_running_loop().call_soon(self._lost)

    def _lost(self) -> None:
        self._socket.close()
        owner, self._owner = self._owner, _NOBODY  # no cycle is left to the garbage collector
        owner.connection_lost()


class _Nobody:
    """The owner of a wire that has ended."""

    def data_received(self, data: bytes) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...
    def connection_lost(self) -> None: ...


_NOBODY = _Nobody()
