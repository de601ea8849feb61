"""Who asks the kernel about sockets: the event loop about newcomers, a selector of its own about players.

A player's input is of no use before the next tick, so the loop is not woken for it: ``DrainedPoller.drain`` asks about
all players at once, reads each once, and sends on what waited. Law: no client costs another its turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import Any, cast

import structlog

from gameserver.edge.wire import Wire

_log = structlog.get_logger(__name__)


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
    """Asks only when told to: epoll where there is one, else what Python's ``selectors`` finds."""

    def __init__(self) -> None:
        self._selector = DefaultSelector()
        self._polled: Mapping[Any, object] = self._selector.get_map()

    def poll(self, wire: Wire, reads: bool, writes: bool) -> None:
        events = (EVENT_READ if reads else 0) | (EVENT_WRITE if writes else 0)
        fd = wire.fileno()
        if fd not in self._polled:
            if events:
                self._selector.register(fd, events, wire)
        elif events:
            self._selector.modify(fd, events, wire)
        else:
            self._selector.unregister(fd)

    def drain(self) -> None:
        """Read from every wire that has something, once, and write to those that can take what waited."""
        if not self._polled:
            return
        for key, events in self._selector.select(0):
            wire = cast(Wire, key.data)
            try:
                if events & EVENT_READ:
                    wire.readable()
                if events & EVENT_WRITE:
                    wire.writable()
            except Exception:
                _log.exception("wire_failed")
                wire.abort()

    def close(self) -> None:
        self._selector.close()
        self._polled = {}
