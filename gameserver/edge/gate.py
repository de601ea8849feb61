"""The port that clients come in by: its listening sockets, one for each address of the host's name.

Law: a process that has no file descriptor left does not spin. It stops accepting for a moment, the kernel holds who
comes meanwhile, and those inside notice nothing.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable

import structlog

BACKLOG = 1024  # connections the kernel holds until we accept them; a whole swarm may come at once
ACCEPTED_AT_ONCE = 64  # then the loop has its turn

_NOBODY_THERE = (BlockingIOError, InterruptedError, ConnectionAbortedError)
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # an address of another family than the machine has
_log = structlog.get_logger(__name__)


RawSocket = socket.socket


class Gate:
    """``bind``, then ``open``. ``accepted(socket, address)`` gets every connection; its socket does not block."""

    def __init__(self, accepted: Callable[[RawSocket, str], None], pause_s: float = 1.0):
        """``pause_s`` is how long nobody is accepted after the system refused to."""
        self._accepted = accepted
        self._pause_s = pause_s
        self._listening: list[socket.socket] = []
        self._reopening: asyncio.TimerHandle | None = None

    async def bind(self, host: str, port: int) -> int:
        """Take the port, which nobody is answered on yet. Raises OSError if another has it."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        failed = OSError(f"{host!r} has no address")
        for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
            try:
                bound = _bound(family, (address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in _NOT_HERE:
                    self.close()
                    raise
                failed = error
            else:
                self._listening.append(bound)
                port = int(bound.getsockname()[1])  # where any will do, all have the same
        if not self._listening:
            raise failed
        return port

    def open(self) -> None:
        """Accept connections."""
        for listening in self._listening:
            listening.listen(BACKLOG)
        self._watch()

    def close(self) -> None:
        """Who comes now finds nobody listening."""
        self._look_away()
        for listening in self._listening:
            listening.close()
        self._listening.clear()

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.add_reader(listening.fileno(), self._accept, listening)

    def _look_away(self) -> None:
        loop = asyncio.get_running_loop()
        for listening in self._listening:
            loop.remove_reader(listening.fileno())
        if self._reopening is not None:
            self._reopening.cancel()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                raw, address = listening.accept()
            except _NOBODY_THERE:
                return
            except OSError as error:
                self._pause(error)
                return
            raw.setblocking(False)
            self._accepted(raw, str(address[0]))

    def _pause(self, error: OSError) -> None:
        _log.error("cannot_accept", reason=str(error), again_in_s=self._pause_s)
        self._look_away()
        self._reopening = asyncio.get_running_loop().call_later(self._pause_s, self._watch)


def _bound(family: int, address: tuple[object, ...]) -> socket.socket:
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setblocking(False)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:  # IPv4 has a socket of its own
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(address)
    except OSError:
        listening.close()
        raise
    return listening
