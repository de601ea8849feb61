"""The one decision about an HTTP request on the players' port: a WebSocket, a page, or no. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gameserver.edge.origins import Origins
from gameserver.http.hosts import Hosts
from gameserver.http.site import Site, respond
from gameserver.protocol.constants import SUBPROTOCOL

WEBSOCKET_PATH = "/ws"


class Handshake:
    """``no_room`` says why no further player can be taken, or None."""

    def __init__(self, site: Site, hosts: Hosts, origins: Origins, no_room: Callable[[], str | None]):
        self._site = site
        self._hosts = hosts
        self._origins = origins
        self._no_room = no_room

    def answer(self, protocol: ServerProtocol, request: Request) -> Response:
        if refused := self._hosts.refused(request):
            return respond(refused, request)
        if request.path.partition("?")[0] != WEBSOCKET_PATH:
            return self._site.answer(request)
        if not self._origins.allow(request.headers.get_all("Origin"), request.headers.get_all("Host")):
            return protocol.reject(403, "This server takes no WebSockets from pages of that origin.\n")
        if reason := self._no_room():
            response = protocol.reject(503, f"{reason}\n")
            response.headers["Retry-After"] = "5"
            return response
        return protocol.accept(request)


def select_subprotocol(_: ServerProtocol, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    if not offered:
        return None
    if SUBPROTOCOL in offered:
        return Subprotocol(SUBPROTOCOL)
    raise NegotiationError(f"this server speaks {SUBPROTOCOL}")
