"""A tick's bytes to the sockets of all its viewers: in one system call for many, or in one for each.

Law: no client costs another its bytes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import structlog

from gameserver.edge.ring import Ring
from gameserver.edge.wire import Wire

_log = structlog.get_logger(__name__)


class Sender(Protocol):
    def send(self, burst: Iterable[tuple[Wire, bytes]]) -> None:
        """Write to each wire; what the kernel does not take, the wire keeps."""
        ...

    def close(self) -> None: ...


class OneByOne:
    """Everywhere."""

    def send(self, burst: Iterable[tuple[Wire, bytes]]) -> None:
        for wire, data in burst:
            wire.write(data)

    def close(self) -> None:
        """There is nothing to close."""


class AtOnce:
    """With io_uring: half the time in the kernel, and nothing between two sends that lets a receiver fall asleep."""

    def __init__(self, ring: Ring):
        self._ring = ring

    def send(self, burst: Iterable[tuple[Wire, bytes]]) -> None:
        wires: list[Wire] = []
        sends: list[tuple[int, bytes]] = []
        for wire, data in burst:
            if wire.is_clear:
                wires.append(wire)
                sends.append((wire.fd, data))
            else:
                wire.write(data)
        for wire, (_, data), sent in zip(wires, sends, self._ring.send(sends), strict=True):
            if sent != len(data):
                wire.wrote(data, sent)

    def close(self) -> None:
        self._ring.close()


def new_sender() -> Sender:
    """The best that this system allows."""
    try:
        return AtOnce(Ring())
    except OSError as error:
        _log.info("no_io_uring", reason=str(error))
        return OneByOne()
