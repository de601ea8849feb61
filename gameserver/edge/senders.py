"""A tick's bytes to the sockets of all its viewers: in one system call for many, or in one for each.

Law: no client costs another its bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import structlog

from gameserver.edge.ring import Ring
from gameserver.edge.wire import Wire

_log = structlog.get_logger(__name__)


class Sender(Protocol):
    def send(self, burst: list[tuple[Wire, bytes]]) -> None:
        """Write to each wire, of which none is in it twice; what the kernel does not take, the wire keeps."""
        ...

    def close(self) -> None: ...


class OneByOne:
    """Everywhere."""

    def send(self, burst: list[tuple[Wire, bytes]]) -> None:
        for wire, data in burst:
            _guarded(wire, wire.write, data)

    def close(self) -> None:
        """There is nothing to close."""


class AtOnce:
    """With io_uring: a third less for each send, part of it because the receiver is not woken as often."""

    def __init__(self, ring: Ring):
        self._ring = ring

    def send(self, burst: list[tuple[Wire, bytes]]) -> None:
        wires: list[Wire] = []
        sends: list[tuple[int, bytes]] = []
        for wire, data in burst:
            if wire.is_clear:
                wires.append(wire)
                sends.append((wire.fd, data))
            else:
                _guarded(wire, wire.write, data)
        for place, sent in self._ring.send(sends).items():
            wire, (_, data) = wires[place], sends[place]
            _guarded(wire, wire.wrote, data, sent)

    def close(self) -> None:
        self._ring.close()


def new_sender() -> Sender:
    """The best that this system allows."""
    try:
        sender = AtOnce(Ring())
    except OSError as error:
        _log.info("sends_one_by_one", reason=str(error))
        return OneByOne()
    _log.info("sends_at_once")
    return sender


def _guarded(wire: Wire, told: Callable[..., None], *what: object) -> None:
    """A bug about this wire ends it, and no other is left without its bytes."""
    try:
        told(*what)
    except Exception:
        _log.exception("wire_failed")
        wire.abort()
