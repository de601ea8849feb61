"""Pollers ask the kernel about sockets: the event loop about new connections, a selector of our own about players.

A player's input is of no use before the next tick, so the loop is not woken for it: ``DrainedPoller.drain`` asks about
all players at once, reads each once, and sends waiting data. The kernel reports each arrival once, and not again
on every tick as long as it is there, which would have it look at every socket twice. Law: no client costs another its
turn, and a socket that was not read to the end is asked about again.
"""

from __future__ import annotations

import asyncio
import select
import sys
from errno import EBADF
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Final, Protocol

import structlog

from gameserver import speedups
from gameserver.edge.wire import Wire
from gameserver.speedups import plain

READS: Final = 0x1  # epoll's EPOLLIN
WRITES: Final = 0x4  # EPOLLOUT
_ENDS: Final = 0x2000  # EPOLLRDHUP: nothing comes after the readable bytes
_EDGE_TRIGGERED: Final = 1 << 31  # EPOLLET
_WANTED: Final = READS | WRITES
log = structlog.get_logger(__name__)


class LoopPoller:
    """The running event loop: at once, at the price of a turn for each packet."""

    def poll(self, wire: Wire, reads: bool, writes: bool) -> None:
        loop, fd = asyncio.get_running_loop(), wire.fileno()
        if reads:
            loop.add_reader(fd, wire.readable)
        else:
            loop.remove_reader(fd)
        if writes:
            loop.add_writer(fd, wire.writable)
        else:
            loop.remove_writer(fd)


class DrainedPoller:
    """Polls on demand only: with epoll where there is one, else with Python's ``selectors``."""

    def __init__(self, read_bytes: int, asked: EpollLike | None = None) -> None:
        self._read_bytes = read_bytes
        self._asked = asked or (select.epoll() if sys.platform == "linux" else SelectorsPoll())
        self._read_ready = plain.read_ready if isinstance(self._asked, SelectorsPoll) else speedups.read_ready
        self._wires: list[Wire | None] = []  # those that wait for something, by descriptor: small numbers
        self._waiting = 0  # how many
        self._lost_track = False  # a drain broke off: the kernel will not report the sockets again that it left out

    def poll(self, wire: Wire, reads: bool, writes: bool) -> None:
        fd, events = wire.fd, (READS | _ENDS if reads else 0) | (WRITES if writes else 0)
        self._wires += [None] * (fd + 1 - len(self._wires))
        is_known = self._wires[fd] is not None
        if events and is_known:
            self._asked.modify(fd, events | _EDGE_TRIGGERED)
        elif events:
            self._asked.register(fd, events | _EDGE_TRIGGERED)
            self._wires[fd] = wire
            self._waiting += 1
        elif is_known:
            self._asked.unregister(fd)
            self._wires[fd] = None
            self._waiting -= 1

    def drain(self) -> None:
        """Read once from every readable wire, and write waiting data to those that can take it."""
        if not self._waiting:
            return
        if self._lost_track:
            self._ask_about_all()
        self._lost_track = True
        for wire, events, read in self._read_ready(self._asked, self._wires, self._waiting, self._read_bytes):
            try:
                if read is not None:
                    wire.was_read(read)
                if events != READS:
                    wire.writable()
                if events & ~_WANTED or (isinstance(read, bytes) and len(read) == self._read_bytes):
                    wire.ask_for_the_rest()
            except Exception:
                log.exception("wire_failed")
                wire.abort()
        self._lost_track = False

    def _ask_about_all(self) -> None:
        for wire in list(self._wires):
            if wire is not None:
                wire.ask_for_the_rest()

    def close(self) -> None:
        self._asked.close()
        self._wires, self._waiting = [], 0


class EpollLike(Protocol):
    """The calls of ``select.epoll``."""

    def register(self, fd: int, events: int, /) -> None: ...
    def modify(self, fd: int, events: int, /) -> None: ...
    def unregister(self, fd: int, /) -> None: ...
    def poll(self, timeout_s: float, count_max: int, /) -> list[tuple[int, int]]: ...
    def fileno(self) -> int: ...
    def close(self) -> None: ...


class SelectorsPoll:
    """The same calls without epoll."""

    def __init__(self) -> None:
        self._selector = DefaultSelector()

    def register(self, fd: int, events: int) -> None:
        self._selector.register(fd, _for_selectors(events))

    def modify(self, fd: int, events: int) -> None:
        self._selector.modify(fd, _for_selectors(events))

    def unregister(self, fd: int) -> None:
        self._selector.unregister(fd)

    def poll(self, timeout_s: float, count_max: int) -> list[tuple[int, int]]:
        return [
            (key.fd, (READS if events & EVENT_READ else 0) | (WRITES if events & EVENT_WRITE else 0))
            for key, events in self._selector.select(timeout_s)[:count_max]
        ]

    def fileno(self) -> int:
        raise OSError(EBADF, "a selector need not have a descriptor")

    def close(self) -> None:
        self._selector.close()


def _for_selectors(events: int) -> int:
    return (EVENT_READ if events & READS else 0) | (EVENT_WRITE if events & WRITES else 0)
