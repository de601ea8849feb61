"""The one decision about an HTTP request on the players' port: a WebSocket, a page, or no. Pure.

A browser lets any page open a WebSocket to us and tells us in ``Origin`` which page it was; programs send no Origin.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gameserver.edge.hosts import Hosts
from gameserver.edge.http import Site, respond
from gameserver.protocol.constants import SUBPROTOCOL

WEBSOCKET_PATH = "/ws"


class Handshake:
    """``no_room`` says why no further player can be taken, or None."""

    def __init__(self, site: Site, hosts: Hosts, origins: Sequence[str], no_room: Callable[[], str | None]):
        self._site = site
        self._hosts = hosts
        self._origins = frozenset(origin.lower().rstrip("/") for origin in origins)
        self._no_room = no_room

    def answer(self, protocol: ServerProtocol, request: Request) -> Response:
        if refused := self._hosts.refused(request):
            return respond(refused, request)
        if request.path.partition("?")[0] != WEBSOCKET_PATH:
            return self._site.answer(request)
        if not self._may_come_from(request.headers.get_all("Origin"), request.headers.get_all("Host")):
            return protocol.reject(403, "This server takes no WebSockets from pages of that origin.\n")
        if reason := self._no_room():
            response = protocol.reject(503, f"{reason}\n")
            response.headers["Retry-After"] = "5"
            return response
        return protocol.accept(request)

    def _may_come_from(self, origins: Sequence[str], hosts: Sequence[str]) -> bool:
        if not origins:
            return True
        if len(origins) > 1:
            return False
        origin = origins[0].lower()
        return origin in self._origins or (len(hosts) == 1 and _host_of(origin) == hosts[0].lower())


def select_subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    if not offered:
        return None
    if SUBPROTOCOL in offered:
        return Subprotocol(SUBPROTOCOL)
    raise NegotiationError(f"this server speaks {SUBPROTOCOL}")


def _host_of(origin: str) -> str | None:
    """``host[:port]`` as browsers also write it in the Host header; None for "null" and the like."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return None
    return parts.netloc or None if parts.scheme in ("http", "https") else None
