"""The port that clients come in by: its listening sockets, one for each address.

Law: a process that has no file descriptor left does not spin. It stops accepting for a moment. The kernel holds new
connections meanwhile, and open ones notice nothing.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog

from gameserver import listening

BACKLOG = 1024  # connections the kernel holds until we accept them; a whole swarm may come at once
ACCEPTED_AT_ONCE = 64  # then the loop has its turn

_NOBODY_THERE = (BlockingIOError, InterruptedError, ConnectionAbortedError)
log = structlog.get_logger(__name__)


RawSocket = socket.socket


class Gate:
    """``bind``, then ``open``. ``accepted(socket, address)`` gets every connection; its socket does not block."""

    def __init__(self, accepted: Callable[[RawSocket, str], None], pause_s: float = 1.0):
        """``pause_s`` is how long nobody is accepted after the system refused to."""
        self._accepted = accepted
        self._pause_s = pause_s
        self._listening: list[socket.socket] = []
        self._reopening: asyncio.TimerHandle | None = None

    async def bind(self, hosts: str, port: int) -> int:
        """Take the port, which nobody is answered on yet. Raises CannotListen if another has it."""
        self._listening = await listening.bind(hosts, port)
        return int(self._listening[0].getsockname()[1])

    def open(self) -> None:
        """Accept connections."""
        for door in self._listening:
            door.listen(BACKLOG)
        self._watch()

    def close(self) -> None:
        """Stop listening: new connections are refused by the kernel."""
        self._look_away()
        listening.close(self._listening)

    def _watch(self) -> None:
        loop = asyncio.get_running_loop()
        for door in self._listening:
            loop.add_reader(door.fileno(), self._accept, door)

    def _look_away(self) -> None:
        loop = asyncio.get_running_loop()
        for door in self._listening:
            loop.remove_reader(door.fileno())
        if self._reopening is not None:
            self._reopening.cancel()

    def _accept(self, door: socket.socket) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                raw, address = door.accept()
            except _NOBODY_THERE:
                return
            except OSError as error:
                self._pause(error)
                return
            raw.setblocking(False)
            self._accepted(raw, str(address[0]))

    def _pause(self, error: OSError) -> None:
        log.error("cannot_accept", error=str(error), again_in_s=self._pause_s)
        self._look_away()
        self._reopening = asyncio.get_running_loop().call_later(self._pause_s, self._watch)
