"""The link of a node whose edge and host share one process: a direct call, in order, that never blocks."""

from __future__ import annotations

from collections.abc import Callable

from gameserver.link.messages import ToEdge, ToHost


class LocalLink:
    """Both ends in one: an EdgePort and a HostPort. Each side attaches its receiver before the other sends."""

    def __init__(self) -> None:
        self._host: Callable[[ToHost], None] = _lost
        self._edge: Callable[[ToEdge], None] = _lost

    def attach_host(self, receive: Callable[[ToHost], None]) -> None:
        self._host = receive

    def attach_edge(self, receive: Callable[[ToEdge], None]) -> None:
        self._edge = receive

    def to_host(self, message: ToHost) -> None:
        self._host(message)

    def to_edge(self, message: ToEdge) -> None:
        self._edge(message)


def _lost(message: object) -> None:
    raise RuntimeError(f"nobody is attached to the link; {type(message).__name__} is lost")
