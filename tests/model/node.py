"""One server process of the model: the host as the server builds it, on stand-ins, and an edge of a few lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

import msgspec

from gameserver.config import Settings
from gameserver.host import Host
from gameserver.link.local import LocalLink
from gameserver.link.messages import (
    CloseConnection,
    Declined,
    Deliver,
    Join,
    Leave,
    Opened,
    PlayerInputs,
    ResumeSession,
    TickFrames,
    ToEdge,
    ToHost,
)
from gameserver.live.nodes import NodeLeases
from gameserver.live.sessions import LiveSessions
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import AnyServerMessage, ClientMessage
from gameserver.session.lease import NodeNameInUse
from gameserver.sql.database import ProfilesUnavailable
from gameserver.store.connection import StoreUnavailable
from gameserver.wiring import HostStores
from tests.model.redis_standin import RedisServer, StoreStandIn, TickWriterStandIn
from tests.model.sql_standin import ExchangesStandIn, ProfilesStandIn, SqlServer, SqlStandIn
from tests.model.stall import Stall
from tests.model.virtual_time import Process, VirtualClock, VirtualLoop, nobody, this_process

if TYPE_CHECKING:
    from tests.model.player import Socket

WIRE_S = 0.003
START_AGAIN_S = 0.5
LEASE_S, GRACE_S, CHECKPOINT_S, DRAIN_S = 3.0, 4.0, 5.0, 10.0


def settings(name: str) -> Settings:
    return Settings(
        node_id=name, lease_s=LEASE_S, grace_s=GRACE_S, checkpoint_s=CHECKPOINT_S, drain_s=DRAIN_S,
        store_timeout_s=0.8, sql_timeout_s=2.0, chat_history_lines=0, ops_port=1, port=2,
    )  # fmt: skip


NAMES = ("a", "b")
_decode = msgspec.json.Decoder(AnyServerMessage).decode
SETTINGS = {name: settings(name) for name in NAMES}


class Node:
    """``start`` a process of it; ``kill`` it and ``start`` another."""

    def __init__(self, name: str, loop: VirtualLoop, redis: RedisServer, sql: SqlServer, random: Random):
        self.name = name
        self.is_up = False
        self.process = Process(name)
        self.sockets: dict[ConnectionId, Socket] = {}
        self.shown: Callable[[PlayerId, str, float], None] = lambda player, epoch, x: None
        self._loop = loop
        self._clock = VirtualClock(loop)
        self._redis = redis
        self._sql = sql
        self._random = random
        self._connections = 0

    # --- the process ---

    def start(self) -> None:
        self.process = Process(self.name)
        self.process.call(self._build)
        self.process.start(self._serve())

    def _build(self) -> None:
        store, database = StoreStandIn(self._redis), SqlStandIn(self._sql)
        self.link = LocalLink()
        self.link.attach_edge(self.receive)
        stores = HostStores(
            live=LiveSessions(store),
            leases=NodeLeases(store),
            writer=TickWriterStandIn(store),
            profiles=ProfilesStandIn(database),
            exchanges=ExchangesStandIn(database, self._clock),
            sql_is_away=lambda: False,
        )
        game, random = Stall(), Random(self._random.random())
        self.host = Host(SETTINGS[self.name], game, stores, self.link, self._clock, random)

    async def _serve(self) -> None:
        """Run the node as a supervisor would: a start that finds no store is tried again."""
        while True:
            try:
                await self.host.start()
            except (StoreUnavailable, ProfilesUnavailable, NodeNameInUse):
                await asyncio.sleep(START_AGAIN_S)
            else:
                self.is_up = True
                return

    def kill(self) -> None:
        self.process.kill()
        self.is_up = False
        for socket in list(self.sockets.values()):
            self._tell(socket, None)
        self.sockets.clear()

    async def drain(self) -> bool:
        """SIGTERM, and exit."""
        is_all_saved = await self.host.drain(DRAIN_S - 1)
        await self.host.leave(1.0)
        self.host.stop_serving()
        await self.host.stop()
        return is_all_saved

    @property
    def is_serving(self) -> bool:
        return self.is_up and not self.process.is_dead and not self.process.is_stopped

    # --- the edge: from players ---

    def connect(self, socket: Socket) -> None:
        self._connections += 1
        socket.connection_id = ConnectionId(NAMES.index(self.name) << 40 | self._connections)
        self.sockets[socket.connection_id] = socket

    def hear(self, socket: Socket, message: ClientMessage | Join | ResumeSession) -> None:
        """Receive the player's messages in order, until the socket is lost."""
        socket.sent.append(message)
        self.process.later(WIRE_S, self._pass_on, socket)

    def lose(self, socket: Socket, noticed_after_s: float) -> None:
        """The player's end is gone; ours is told later."""
        socket.is_cut = True
        self.process.later(noticed_after_s, self._lost, socket)

    def _pass_on(self, socket: Socket) -> None:
        message = socket.sent.popleft()
        if socket.is_cut or socket.connection_id not in self.sockets:
            return
        if isinstance(message, Join | ResumeSession):
            self._to_host(message)
        elif socket.is_playing_here:
            self._to_host(PlayerInputs([socket.connection_id], [msgspec.json.encode(message)]))

    def _lost(self, socket: Socket) -> None:
        if self.sockets.pop(socket.connection_id, None) is not None:
            self._to_host(Leave(socket.connection_id, "lost"))

    def _to_host(self, message: ToHost) -> None:
        self.link.to_host(message)

    # --- the edge: from the host ---

    def receive(self, message: ToEdge) -> None:
        process = this_process()
        if process is not None and process.is_dead:
            return  # what it still does until it waits, nobody hears
        match message:
            case TickFrames():
                self._note_places()
            case Deliver():
                for connection_id in message.connection_ids:
                    self._tell(self.sockets.get(connection_id), _decode(message.text))
            case Opened() | Declined():
                if (socket := self.sockets.get(message.connection_id)) is not None:
                    socket.is_playing_here = isinstance(message, Opened)
                    self._tell(socket, message)
            case CloseConnection():
                if (socket := self.sockets.pop(message.connection_id, None)) is not None:
                    self._tell(socket, message)
                    self._loop.call_soon(self._to_host, Leave(message.connection_id, "closed"))

    def _tell(self, socket: Socket | None, message: object) -> None:
        """On the wire: it arrives, whatever happens to us from now on."""
        if socket is not None and not socket.is_cut:
            self._loop.call_soon(socket.player.hear, socket, message, context=nobody())

    def _note_places(self) -> None:
        for session in self.host.registry:
            self.shown(session.player_id, str(session.epoch), session.player.x)
