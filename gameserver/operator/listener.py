"""The operator's listener, loopback unless told otherwise: ``/metrics``, ``/healthz``, ``/readyz``. No WebSockets."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from functools import partial
from typing import cast

from prometheus_client import CollectorRegistry
from websockets.http11 import Request, Response

from gameserver import listening
from gameserver.edge.connection import Connection, ConnectionEvent
from gameserver.edge.limits import HEAD_BYTES_MAX, SHORT_FRAME_BYTES_MAX
from gameserver.http.hosts import Hosts
from gameserver.http.site import Ready, Reply, Site, health_routes, metrics, respond
from gameserver.observability.metrics import REGISTRY

_WHOLE_S = 10.0  # for request and response together; beyond: aborted
_SOCKETS_MAX = 64  # beyond: hung up on


class Ops:
    """Owns its listener and its sockets."""

    def __init__(
        self,
        *,
        ready: Ready,
        token: str | None = None,
        hosts: Hosts | None = None,
        registry: CollectorRegistry = REGISTRY,
    ):
        """Prepare the listener. If there is a ``token``, metrics need ``Authorization: Bearer <token>``. Such a request
        may name any host: no foreign web page knows the token."""
        self._site = Site({**health_routes(ready), "/metrics": partial(metrics, registry)})
        self._hosts = hosts or Hosts()
        self._bearer = f"Bearer {token}".encode() if token is not None else None
        self._sockets: set[_OpsSocket] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self, hosts: str = "127.0.0.1", port: int = 0) -> int:
        """Listen; returns the port bound. Raises CannotListen."""
        loop = asyncio.get_running_loop()
        sockets = await listening.bind(hosts, port)
        for socket in sockets:
            self._servers.append(await loop.create_server(lambda: _OpsSocket(self._answer, self._sockets), sock=socket))
        return int(sockets[0].getsockname()[1])

    async def close(self) -> None:
        """Stop listening and hang up."""
        for server in self._servers:
            server.close()
        for socket in tuple(self._sockets):
            socket.abort()
        await asyncio.sleep(0)  # lets the transports close

    def _answer(self, request: Request) -> Response:
        has_token = self._has_token(request)
        if refused := self._hosts.malformed(request) if has_token else self._hosts.refused(request):
            return respond(refused, request)
        if self._bearer is not None and not has_token and request.path.startswith("/metrics"):
            return respond(Reply(401, "text/plain; charset=utf-8", b"", authenticate="Bearer"), request)
        return self._site.answer(request)

    def _has_token(self, request: Request) -> bool:
        if self._bearer is None:
            return False
        brought = [value.encode(errors="surrogateescape") for value in request.headers.get_all("Authorization")]
        return len(brought) == 1 and hmac.compare_digest(brought[0], self._bearer)


class _OpsSocket(asyncio.Protocol):
    _transport: asyncio.Transport
    _deadline: asyncio.TimerHandle

    def __init__(self, answer: Callable[[Request], Response], sockets: set[_OpsSocket]):
        self._connection = Connection(
            lambda _, request: answer(request), head_bytes_max=HEAD_BYTES_MAX, message_bytes_max=SHORT_FRAME_BYTES_MAX
        )
        self._sockets = sockets

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._deadline = asyncio.get_running_loop().call_later(_WHOLE_S, self._transport.abort)
        self._sockets.add(self)
        if len(self._sockets) > _SOCKETS_MAX:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        if not self._connection.ended and ConnectionEvent.ANSWERED in self._connection.receive(data):
            self._transport.write(self._connection.take_output())
            self._transport.write_eof()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._deadline.cancel()
        self._sockets.discard(self)

    def abort(self) -> None:
        self._transport.abort()
