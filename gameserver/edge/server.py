"""The edge of one node: lets clients in, wires sockets, door and link together, reads players, and sweeps deadlines.

It owns the gate, all sockets, and two tasks. Everything that the host sends arrives in ``_receive``, which neither
waits nor raises. The edge reads players when the host wants their inputs, just before a tick, and sends what is queued
when the phase has ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import secrets
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Final

import structlog

from gameserver.clock import Clock
from gameserver.edge.door import Door, SignedIn, SignInCall
from gameserver.edge.fanout import fan_out
from gameserver.edge.frames import text_frame
from gameserver.edge.gate import Gate, RawSocket
from gameserver.edge.handshake import Handshake
from gameserver.edge.limits import EdgeLimits
from gameserver.edge.origins import Origins
from gameserver.edge.outbox import Joiner, Outbox
from gameserver.edge.pollers import DrainedPoller
from gameserver.edge.proxies import Proxies
from gameserver.edge.senders import Sender, SocketSender, new_sender
from gameserver.edge.sockets import ClientSocket, EdgeContext
from gameserver.edge.tally import Tally
from gameserver.edge.wire import Wire
from gameserver.http.hosts import Hosts
from gameserver.http.site import Ready, Routes, Site, file_routes, health_routes
from gameserver.link.messages import (
    CloseConnection,
    Declined,
    Deliver,
    InputsWanted,
    Opened,
    PhaseEnded,
    TickFrames,
    ToEdge,
)
from gameserver.link.ports import HostPort
from gameserver.protocol.errors import Close
from gameserver.protocol.ids import ConnectionId
from gameserver.speedups import prefetched

__all__ = ["Edge", "EdgeLimits", "SignInCall", "SignedIn"]

INSTANCE_BITS: Final = 24
COUNTER_BITS: Final = 40

log = structlog.get_logger(__name__)


class Edge:
    """Holds players' sockets. ``start`` is ``bind``, then ``serve``."""

    def __init__(
        self,
        *,
        link: HostPort,
        sign_in: SignInCall,
        limits: EdgeLimits,
        clock: Clock,
        origins: Sequence[str] = (),
        hosts: Hosts | None = None,
        proxies: Proxies | None = None,
        ready: Ready,
        sender: Sender | None = None,
        pages: Routes | None = None,
    ):
        """``sender``: by default the best that the system allows. ``pages``: by default the browser client."""
        self._link = link
        self._limits = limits
        self._clock = clock
        self._is_draining = False
        self._connection_ids = itertools.count(secrets.randbits(INSTANCE_BITS) << COUNTER_BITS)
        self._door = Door(link, sign_in, limits)
        shown = file_routes(resources.files("gameserver") / "web") if pages is None else pages
        site = Site({**shown, **health_routes(ready)})
        self._context = EdgeContext(
            answer=Handshake(site, hosts or Hosts(), Origins(origins, clock), self._no_room).answer,
            proxies=proxies or Proxies(),
            limits=limits,
            clock=clock,
            tally=Tally(),
            listener=self._door,
            mark=self._mark,
            joiner=Joiner(),
            on_tick=DrainedPoller(limits.read_bytes),
            now_s=clock.monotonic_s(),
        )
        self._marked: list[Outbox] = []
        self._sender = sender or new_sender()
        self._read_at_s = clock.monotonic_s()
        self._gate = Gate(self._accepted)
        self._tasks: list[asyncio.Task[None]] = []
        link.attach_edge(self._receive)

    async def start(self, hosts: str, port: int) -> int:
        """Listen; the port bound is returned, which matters for port 0."""
        bound = await self.bind(hosts, port)
        await self.serve()
        return bound

    async def bind(self, hosts: str, port: int) -> int:
        """Take the port, which nobody is answered on yet. Raises CannotListen if another has it."""
        return await self._gate.bind(hosts, port)

    async def serve(self) -> None:
        """Answer on the port."""
        self._gate.open()
        self._tasks += [asyncio.create_task(self._keep_reading()), asyncio.create_task(self._sweep())]

    def read(self) -> None:
        """Read the players' messages since the last call, and send them to the host."""
        self._read_at_s = self._context.now_s = self._clock.monotonic_s()
        self._context.on_tick.drain()
        self._door.pass_on()

    def flush(self) -> None:
        """Send everything queued. Called after each tick; data queued without a tick leaves at the end of the turn."""
        if not self._marked:
            return
        marked, self._marked = self._marked, []
        wires: list[Wire] = []
        parts: list[bytes] = []
        for outbox in prefetched(marked):
            if taken := outbox.take():
                wires.append(outbox.wire)
                parts.append(taken)
        self._sender.send(wires, parts)

    def stop_accepting(self) -> None:
        """Close the gate; handshakes under way are answered 503."""
        self._is_draining = True
        self._gate.close()

    async def close(self, timeout_s: float) -> None:
        """Close every connection as ``draining`` and return when they are gone, after ``timeout_s`` at the latest."""
        self.stop_accepting()
        await self._door.close()
        sockets = self._context.sockets
        for socket in tuple(sockets.values()):
            socket.close(Close.DRAINING)
        await self._wait_until_empty(timeout_s)
        for socket in tuple(sockets.values()):
            socket.abort()
        await self._end()

    async def _wait_until_empty(self, timeout_s: float) -> None:
        self._context.emptied.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                if self._context.sockets:
                    await self._context.emptied.wait()

    # --- calls of the host ---

    def _receive(self, message: ToEdge) -> None:
        try:
            match message:
                case TickFrames():
                    self._mark_all(fan_out(message, self._context.outboxes))
                case InputsWanted():
                    self.read()
                case PhaseEnded():
                    self.flush()
                case Deliver():
                    self._deliver(message)
                case Opened():
                    self._door.opened(self._context.connected, message)
                case Declined():
                    self._door.declined(self._context.connected, message)
                case CloseConnection():
                    self._close_connection(message)
        except Exception:
            log.exception("host_message_failed", kind=type(message).__name__)

    def _deliver(self, message: Deliver) -> None:
        frame = text_frame(message.text)
        for connection_id in message.connection_ids:
            if connection_id in self._context.outboxes:
                self._context.sockets[connection_id].send_frame(frame)

    def _close_connection(self, message: CloseConnection) -> None:
        if socket := self._context.connected.get(message.connection_id):
            socket.known_to_host = False  # the host knows
            socket.close(message.reason, message.detail)

    # --- sockets ---

    def _accepted(self, raw: RawSocket, address: str) -> None:
        connection_id = ConnectionId(next(self._connection_ids))
        ClientSocket(connection_id, self._context, raw, address).start()

    def _no_room(self) -> str | None:
        if self._is_draining:
            return "This server is not taking players now."
        if len(self._context.connected) >= self._limits.connections_max:
            return "This server is full."
        return None

    def _mark(self, outbox: Outbox) -> None:
        self._mark_all((outbox,))

    def _mark_all(self, outboxes: Iterable[Outbox]) -> None:
        if not self._marked:
            asyncio.get_running_loop().call_soon(self.flush)
        self._marked += outboxes

    # --- background tasks ---

    async def _keep_reading(self) -> None:
        """Read the players' sockets while no tick does, or ticks are too far apart."""
        within_s = self._limits.read_within_s
        while True:
            waited_s = self._clock.monotonic_s() - self._read_at_s
            if waited_s >= within_s:
                self.read()
                waited_s = 0.0
            await asyncio.sleep(within_s - waited_s)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._limits.sweep_every_s)
            now_s = self._clock.monotonic_s()
            for socket in tuple(self._context.sockets.values()):
                try:
                    socket.sweep(now_s)
                except Exception:
                    log.exception("sweep_failed", connection_id=socket.connection_id)
            self._context.tally.publish()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.sleep(0)  # lets the sockets that were aborted close
        self._context.on_tick.close()
        self._sender.close()
        self._sender = SocketSender()  # should a tick still come
        self._context.tally.publish()
