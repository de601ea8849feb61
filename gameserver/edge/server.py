"""The edge of one node: listens for players, wires sockets, door and link together, and sweeps deadlines.

It owns the listener, all sockets, and one task. Everything the host says arrives in ``_receive``, which neither waits
nor raises.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Sequence
from importlib import resources

import structlog

from gameserver.clock import Clock
from gameserver.edge.door import Door, SignedIn, SignInCall
from gameserver.edge.fanout import fan_out
from gameserver.edge.frames import text_frame
from gameserver.edge.handshake import Handshake
from gameserver.edge.http import Ready, Site, file_routes, health_routes
from gameserver.edge.limits import EdgeLimits
from gameserver.edge.outbox import Outbox
from gameserver.edge.sockets import ClientSocket, Surroundings
from gameserver.edge.tally import Tally
from gameserver.link.local import LocalLink
from gameserver.link.messages import CloseConnection, Declined, Deliver, Opened, TickFrames, ToEdge
from gameserver.protocol.codec import ClientCodec, encode_text
from gameserver.protocol.errors import Close
from gameserver.protocol.ids import ConnectionId, NodeId

__all__ = ["Edge", "EdgeLimits", "SignInCall", "SignedIn"]

_BACKLOG = 1024  # connections the kernel holds until we accept them; a whole swarm may come at once
_log = structlog.get_logger(__name__)


class Edge:
    """Holds players' sockets. ``start`` is ``bind``, then ``serve``."""

    def __init__(
        self,
        *,
        link: LocalLink,
        sign_in: SignInCall,
        codec: ClientCodec,
        node_id: NodeId,
        limits: EdgeLimits,
        clock: Clock,
        origins: Sequence[str] = (),
        ready: Ready,
    ):
        self._link = link
        self._limits = limits
        self._clock = clock
        self._is_draining = False
        self._node_id = node_id
        # A node keeps its name over restarts; a random start keeps its connections' names from coming again.
        self._counter = itertools.count(secrets.randbits(40))
        self._door = Door(link, sign_in, codec, limits)
        site = Site({**file_routes(resources.files("gameserver") / "web"), **health_routes(ready)})
        self._around = Surroundings(
            answer=Handshake(site, origins, self._no_room).answer,
            limits=limits,
            clock=clock,
            tally=Tally(),
            listener=self._door,
            mark=self._mark,
        )
        self._marked: list[Outbox] = []
        self._server: asyncio.Server | None = None
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self, host: str, port: int) -> int:
        """Listen; the port bound is returned, which matters for port 0."""
        bound = await self.bind(host, port)
        await self.serve()
        return bound

    async def bind(self, host: str, port: int) -> int:
        """Take the port, which nobody is answered on yet. Raises OSError if another has it."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._new_socket, host, port, backlog=_BACKLOG, start_serving=False)
        return int(self._server.sockets[0].getsockname()[1])

    async def serve(self) -> None:
        """Answer on the port. Attaches itself to the link."""
        assert self._server is not None, "bind first"
        self._link.attach_edge(self._receive)
        await self._server.start_serving()
        self._sweeper = asyncio.create_task(self._sweep())

    def stop_accepting(self) -> None:
        """Close the listener; handshakes under way are answered 503."""
        self._is_draining = True
        if self._server is not None:
            self._server.close()

    async def close(self, timeout_s: float) -> None:
        """Close every connection as ``draining`` and return when they are gone, after ``timeout_s`` at the latest."""
        self.stop_accepting()
        await self._door.close()
        sockets = self._around.sockets
        for socket in tuple(sockets.values()):
            socket.close(Close.DRAINING)
        await self._wait_until_empty(timeout_s)
        for socket in tuple(sockets.values()):
            socket.abort()
        await self._stop_sweeper()

    async def _wait_until_empty(self, timeout_s: float) -> None:
        self._around.emptied.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                if self._around.sockets:
                    await self._around.emptied.wait()

    # --- what the host says ---

    def _receive(self, message: ToEdge) -> None:
        try:
            match message:
                case TickFrames():
                    fan_out(message.frames, self._around.outboxes)
                case Deliver():
                    self._deliver(message)
                case Opened():
                    self._door.opened(self._around.connected, message)
                case Declined():
                    self._door.declined(self._around.connected, message)
                case CloseConnection():
                    self._close_connection(message)
        except Exception:
            _log.exception("host_message_failed", kind=type(message).__name__)

    def _deliver(self, message: Deliver) -> None:
        frame = text_frame(encode_text(message.message))
        for connection_id in message.connection_ids:
            if connection_id in self._around.outboxes:
                self._around.sockets[connection_id].send_frame(frame)

    def _close_connection(self, message: CloseConnection) -> None:
        if socket := self._around.connected.get(message.connection_id):
            socket.at_host = False  # the host knows
            socket.close(message.reason, message.detail)

    # --- sockets ---

    def _new_socket(self) -> ClientSocket:
        return ClientSocket(ConnectionId(f"{self._node_id}:{next(self._counter)}"), self._around)

    def _no_room(self) -> str | None:
        if self._is_draining:
            return "This server is not taking players now."
        if len(self._around.connected) >= self._limits.connections_max:
            return "This server is full."
        return None

    def _mark(self, outbox: Outbox) -> None:
        if not self._marked:
            asyncio.get_running_loop().call_soon(self._flush)
        self._marked.append(outbox)

    def _flush(self) -> None:
        marked, self._marked = self._marked, []
        for outbox in marked:
            try:
                outbox.flush()
            except Exception:  # one client's socket must not cost the others their tick
                _log.exception("flush_failed")

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.sweep_every_s)
            now_s = self._clock.monotonic_s()
            for socket in tuple(self._around.sockets.values()):
                try:
                    socket.sweep(now_s)
                except Exception:
                    _log.exception("sweep_failed", connection_id=socket.connection_id)
            self._around.tally.publish()

    async def _stop_sweeper(self) -> None:
        if self._sweeper is not None:
            self._sweeper.cancel()
            await asyncio.gather(self._sweeper, return_exceptions=True)
        self._around.tally.publish()
