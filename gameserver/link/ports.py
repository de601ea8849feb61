"""The two ends of a link. An edge holds a HostPort and a host holds an EdgePort; neither knows their carrier.

Law: a receiver neither raises nor waits. Messages arrive in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from gameserver.link.messages import ToEdge, ToHost


class HostPort(Protocol):
    """The edge's end: sends to the host, and receives the host's messages."""

    def to_host(self, message: ToHost) -> None: ...
    def attach_edge(self, receive: Callable[[ToEdge], None]) -> None: ...


class EdgePort(Protocol):
    """The host's end: sends to the edge, and receives the edge's messages."""

    def to_edge(self, message: ToEdge) -> None: ...
    def attach_host(self, receive: Callable[[ToHost], None]) -> None: ...


class Link(HostPort, EdgePort, Protocol):
    """Both ends of a link within one process."""
