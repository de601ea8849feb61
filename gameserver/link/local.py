"""The link of a node whose edge and host are one process: a direct call, in order, never blocking.

The host and edge each register one receiver. A receiver must not raise and must not wait.
"""

from __future__ import annotations

from collections.abc import Callable

from gameserver.link.messages import ToEdge, ToHost


class LocalLink:
    """Carries ToHost messages to the host and ToEdge messages to the edge."""

    def __init__(self) -> None:
        self._host: Callable[[ToHost], None] = _nobody
        self._edge: Callable[[ToEdge], None] = _nobody

    def attach_host(self, receive: Callable[[ToHost], None]) -> None:
        self._host = receive

    def attach_edge(self, receive: Callable[[ToEdge], None]) -> None:
        self._edge = receive

    def to_host(self, message: ToHost) -> None:
        self._host(message)

    def to_edge(self, message: ToEdge) -> None:
        self._edge(message)


def _nobody(message: object) -> None:
    raise RuntimeError(f"the link is not attached; lost {type(message).__name__}")
