"""One end of a real TCP connection with small buffers, and a poller that asks when the test says so."""

from __future__ import annotations

import contextlib
import select
import socket
import struct
import time
from dataclasses import replace

from gameserver.config import Settings
from gameserver.edge.limits import limits_of
from gameserver.edge.wire import Wire
from tests.edge.scripted import tcp_pair

LIMITS = replace(
    limits_of(Settings()), send_buffer_bytes=4096, read_bytes=1000, high_water_bytes=20_000, low_water_bytes=5000
)


class EpollLike:
    """Notes what the wire waits for."""

    def __init__(self) -> None:
        self.reads = self.writes = False
        self.times = 0

    def poll(self, wire: Wire, reads: bool, writes: bool) -> None:
        assert wire.fileno() >= 0, "asked about a socket that is closed"
        self.reads, self.writes = reads, writes
        self.times += 1


class Ends:
    """The owner of a wire, and the peer at its other end."""

    def __init__(self) -> None:
        near, self.peer = tcp_pair()
        self.asked = EpollLike()
        self.told: list[str] = []
        self.read = b""
        self.wire = Wire(near, self, self.asked, LIMITS)
        self.wire.start()

    def data_received(self, data: bytes) -> None:
        self.told.append(f"read {len(data)}")
        self.read += data

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")

    def connection_lost(self) -> None:
        self.told.append("lost")

    def take(self, count: int) -> bytes:
        """So many bytes, read by the peer while the wire sends on."""
        taken = b""
        until_s = time.monotonic() + 5
        while len(taken) < count:
            assert time.monotonic() < until_s, f"only {len(taken)} bytes came"
            if self.asked.writes:
                self.wire.writable()
            with contextlib.suppress(BlockingIOError):
                taken += self.peer.recv(min(4096, count - len(taken)))
        return taken

    def reset(self) -> None:
        """Let the peer break the connection, and wait until that is known here."""
        reset(self.peer)
        select.select([self.wire], [], [], 5)

    def give(self, data: bytes) -> None:
        """Let the peer send this, and wait until it is here."""
        self.peer.send(data)
        select.select([self.wire], [], [], 5)


def reset(peer: socket.socket) -> None:
    """Break its connection: what it closes with is no end but an error at the other side."""
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
