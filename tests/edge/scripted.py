"""A real edge with a small host at the other end of its link, and clients: websockets' own, and bare sockets."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Opcode
from websockets.utils import apply_mask

from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.edge.limits import limits_of
from gameserver.edge.proxies import Proxies
from gameserver.edge.ring import Ring
from gameserver.edge.senders import RingSender, Sender, SocketSender
from gameserver.edge.server import Edge
from gameserver.http.hosts import Hosts
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
    Resync,
    ToHost,
)
from gameserver.observability.metrics import REFUSALS
from gameserver.protocol.codec import ClientCodec, encode_text
from gameserver.protocol.errors import Close, Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId, EntityId, PlayerId
from gameserver.protocol.message_class import our_messages
from gameserver.protocol.messages import (
    Action,
    ClientMessage,
    Guest,
    Input,
    Login,
    Register,
    SignInMessage,
    Welcome,
    ZoneDescription,
)
from gameserver.protocol.refused import refused
from gameserver.protocol.world_frame import LAYOUT

NewSender = Callable[[], Sender]
QUICK = replace(limits_of(Settings()), sweep_every_s=0.02, closing_s=0.8, response_s=1.0, read_within_s=0.005)


class Move(Input, tag="move", frozen=True):
    dx: float
    dy: float


class Take(Action, tag="take", frozen=True):
    what: str


class SignedIn(NamedTuple):
    player_id: PlayerId
    name: str
    guest_token: str | None = None


class ScriptedAccounts:
    """Knows nobody by the name of "stranger", is slow for "sloth" and breaks over "bug"."""

    def __init__(self) -> None:
        self.asked: list[tuple[str | None, str]] = []
        self.release = asyncio.Event()

    async def sign_in(self, message: Register | Login | Guest, address: str) -> SignedIn:
        self.asked.append((message.name, address))
        match message.name:
            case "stranger":
                raise Refusal(RefusalCode.WRONG_CREDENTIALS, "no such player, or not that password")
            case "sloth":
                await self.release.wait()
            case "bug":
                raise RuntimeError("secret detail")
        return SignedIn(PlayerId(len(self.asked)), message.name or "guest", "a-guest-token")


class PlayerInput(NamedTuple):
    """One of PlayerInputs."""

    connection_id: ConnectionId
    message: ClientMessage


Told = Join | ResumeSession | PlayerInput | Leave | Resync
Kind = TypeVar("Kind", bound=Told)


class ScriptedHost:
    """Opens every session at once, keeps what it is told, and says what the test wants said."""

    def __init__(self, link: LocalLink):
        self.link = link
        self.told: list[Told] = []
        self.answers = True
        self.codec = ClientCodec([*our_messages(), Move, Take])
        self._news = asyncio.Event()
        link.attach_host(self.receive)

    def receive(self, message: ToHost) -> None:
        if isinstance(message, PlayerInputs):
            for connection_id, text in zip(message.connection_ids, message.texts, strict=True):
                self.hear(connection_id, text)
        else:
            self.told.append(message)
        self._news.set()
        if not self.answers:
            return
        match message:
            case Join(connection_id=connection_id, player_id=player_id, name=name, guest_token=token):
                self.open(connection_id, player_id, name, token)
            case ResumeSession(connection_id=connection_id, token="good"):
                self.open(connection_id, PlayerId(7), "resumed", None)
            case ResumeSession(connection_id=connection_id):
                self.link.to_edge(Declined(connection_id, RefusalCode.BAD_TOKEN, "unknown or used up"))

    def hear(self, connection_id: ConnectionId, text: bytes) -> None:
        """Keep the input, or refuse it as a host does."""
        try:
            self.told.append(PlayerInput(connection_id, _not_a_sign_in(self.codec.decode(text))))
        except Refusal as refusal:
            REFUSALS.labels(refusal.code.value).inc()
            self.deliver([connection_id], refused(refusal, text))

    def open(self, connection_id: ConnectionId, player_id: PlayerId, name: str, guest_token: str | None) -> None:
        self.link.to_edge(Opened(connection_id, player_id, encode_text(_welcome(player_id, name, guest_token))))

    def of(self, kind: type[Kind]) -> list[Kind]:
        return [message for message in self.told if isinstance(message, kind)]

    async def wait_for(self, kind: type[Kind], count: int = 1) -> Kind:
        """The ``count``-th message of this kind."""
        async with asyncio.timeout(5):
            while len(self.of(kind)) < count:
                self._news.clear()
                await self._news.wait()
        return self.of(kind)[count - 1]

    @property
    def inputs(self) -> list[ClientMessage]:
        return [told.message for told in self.of(PlayerInput)]

    def last_connection(self) -> ConnectionId:
        asked = [told for told in self.told if isinstance(told, Join | ResumeSession)]
        return asked[-1].connection_id

    def close(self, connection_id: ConnectionId, reason: Close, detail: str = "") -> None:
        self.link.to_edge(CloseConnection(connection_id, reason, detail))

    def deliver(self, connection_ids: list[ConnectionId], message: Any) -> None:
        self.link.to_edge(Deliver(connection_ids, encode_text(message)))

    def left(self) -> list[tuple[ConnectionId, str]]:
        return [(leave.connection_id, leave.why) for leave in self.of(Leave)]


class Running(NamedTuple):
    edge: Edge
    host: ScriptedHost
    accounts: ScriptedAccounts
    port: int

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/ws"


@contextlib.asynccontextmanager
async def running_edge(
    *,
    ready: tuple[bool, dict[str, object]] = (True, {"redis": "up"}),
    origins: tuple[str, ...] = (),
    hosts: Hosts | None = None,
    proxies: Proxies | None = None,
    sender: Sender | None = None,
    **limits: Any,
) -> AsyncIterator[Running]:
    """An edge on a free port of 127.0.0.1, with quick deadlines; ``limits`` are fields of EdgeLimits."""
    link = LocalLink()
    host, accounts = ScriptedHost(link), ScriptedAccounts()
    edge = Edge(
        link=link,
        sign_in=accounts.sign_in,
        limits=replace(QUICK, **limits),
        clock=SystemClock(),
        origins=origins,
        hosts=hosts,
        proxies=proxies,
        ready=lambda: ready,
        sender=sender,
    )
    port = await edge.start("127.0.0.1", 0)
    try:
        yield Running(edge, host, accounts, port)
    finally:
        await edge.close(0.2)


class Player:
    """A client that speaks JSON messages over websockets' client."""

    def __init__(self, socket: ClientConnection):
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send(msgspec.json.encode(message).decode())

    async def receive(self) -> dict[str, Any]:
        """The next JSON message."""
        async with asyncio.timeout(5):
            message = await self.socket.recv()
        assert isinstance(message, str), "a world frame came where a message was expected"
        return msgspec.json.decode(message)  # type: ignore[no-any-return]

    async def ask(self, **message: Any) -> dict[str, Any]:
        await self.send(**message)
        return await self.receive()

    async def ask_raw(self, text: str) -> dict[str, Any]:
        await self.socket.send(text)
        return await self.receive()

    async def world(self) -> bytes:
        async with asyncio.timeout(5):
            frame = await self.socket.recv()
        assert isinstance(frame, bytes)
        return frame

    async def closed(self) -> tuple[dict[str, Any], int, str]:
        """(the ``closing`` message, code and text of the close frame), whatever comes before."""
        closing: dict[str, Any] = {}
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(5):
                while True:
                    frame = await self.socket.recv()
                    if isinstance(frame, str) and (message := msgspec.json.decode(frame))["type"] == "closing":
                        closing = message
        received = self.socket.protocol.close_rcvd
        assert received is not None, "no close frame came"
        return closing, received.code, received.reason


@contextlib.asynccontextmanager
async def connected(running: Running, **options: Any) -> AsyncIterator[Player]:
    """A WebSocket that has not signed in."""
    async with connect(running.url, compression=None, ping_interval=None, close_timeout=1, **options) as socket:
        yield Player(socket)


@contextlib.asynccontextmanager
async def playing(running: Running, name: str = "ada", **options: Any) -> AsyncIterator[Player]:
    """A WebSocket that is welcome as ``name``."""
    async with connected(running, **options) as player:
        welcome = await player.ask(type="guest", name=name)
        assert welcome["type"] == "welcome", welcome
        yield player


class Bare:
    """A TCP connection that sends whatever bytes the test likes, and reads only when it is told to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        async with asyncio.timeout(5):
            await self.writer.drain()

    async def rest(self) -> bytes:
        """Return all bytes until the server hangs up."""
        async with asyncio.timeout(10):
            return await self.reader.read(-1)

    async def shake_hands(self, path: str = "/ws", **headers: str) -> bytes:
        """The head of the response."""
        await self.send(handshake(path, **headers))
        async with asyncio.timeout(5):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def frame(self) -> tuple[int, bytes]:
        """(opcode, payload) of the next server frame."""
        async with asyncio.timeout(5):
            first, length = await self.reader.readexactly(2)
            if length == 126:
                (length,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0x0F, await self.reader.readexactly(length)

    async def sign_in(self) -> None:
        await self.shake_hands()
        await self.send(client_frame(b'{"type":"guest","name":"bare"}'))
        _, payload = await self.frame()
        assert msgspec.json.decode(payload)["type"] == "welcome"


@contextlib.asynccontextmanager
async def bare(running: Running, **options: Any) -> AsyncIterator[Bare]:
    reader, writer = await asyncio.open_connection("127.0.0.1", running.port, **options)
    try:
        yield Bare(reader, writer)
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


def handshake(path: str = "/ws", **headers: str) -> bytes:
    fields = {
        "Host": "localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        **headers,
    }
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def client_frame(payload: bytes, opcode: Opcode = Opcode.TEXT, *, fin: bool = True) -> bytes:
    """A masked frame as a client sends it, whether or not the rules allow it."""
    length = len(payload)
    if length < 126:
        size = bytes([0x80 | length])
    else:
        size = b"\xfe" + struct.pack("!H", length) if length < 1 << 16 else b"\xff" + struct.pack("!Q", length)
    mask = secrets.token_bytes(4)
    return bytes([opcode | (0x80 if fin else 0)]) + size + mask + apply_mask(payload, mask)


def at_once() -> Sender:
    """Skips the test where there is no io_uring."""
    try:
        return RingSender(Ring())
    except OSError as error:
        pytest.skip(f"no io_uring here: {error}")


SENDERS = pytest.mark.parametrize("new_sender", [at_once, SocketSender], ids=["at_once", "one_by_one"])


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Both ends of a connection, neither of which blocks; the second has a small receive buffer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        far.connect(listening.getsockname())
        near, _ = listening.accept()
    for raw in (near, far):
        raw.setblocking(False)
    return near, far


def _not_a_sign_in(message: ClientMessage) -> ClientMessage:
    if isinstance(message, SignInMessage):
        raise Refusal(RefusalCode.ALREADY_SIGNED_IN)
    return message


def _welcome(player_id: PlayerId, name: str, guest_token: str | None) -> Welcome:
    return Welcome(
        player_id=player_id,
        entity_id=EntityId(1),
        name=name,
        resume_token="r",
        guest_token=guest_token,
        resumed=name == "resumed",
        last_seq=0,
        tick=1,
        tick_hz=20,
        grace_ms=30_000,
        zone=ZoneDescription("meadow", 100.0, 100.0, 10.0),
        kinds=["player"],
        layout=LAYOUT,
        x=1.0,
        y=1.0,
        inventory={},
        chat=[],
        state={},
    )
