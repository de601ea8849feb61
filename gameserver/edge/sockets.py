"""One player's socket: the wire's callbacks around a ``Connection``, its stage, deadlines and message budget.

Law: a client's demands are bounded before they are judged. Reads are fed to the parser in slices, every frame
costs a token, and once a close is decided all later bytes are dropped.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final, Protocol

import structlog
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gameserver.clock import Clock
from gameserver.edge.connection import Answer, Connection, ConnectionEvent, Event
from gameserver.edge.frames import PING, text_frame
from gameserver.edge.limits import EdgeLimits
from gameserver.edge.outbox import Joiner, Outbox
from gameserver.edge.pollers import DrainedPoller, LoopPoller
from gameserver.edge.proxies import Proxies
from gameserver.edge.proxy_header import BadHeaderError, read_header
from gameserver.edge.tally import Tally
from gameserver.edge.wire import Wire
from gameserver.http.site import serialized_security_headers
from gameserver.link.audiences import AudienceTable
from gameserver.observability.metrics import CLOSES, CONNECTIONS, REFUSALS, REFUSED_PROXY_HEADERS
from gameserver.protocol.codec import encode_text
from gameserver.protocol.errors import Close, Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId
from gameserver.protocol.messages import ServerMessage
from gameserver.protocol.refused import refused
from gameserver.rate_limit import TokenBucket
from gameserver.speedups import whole_text

_SLICE_BYTES: Final = 512  # fed to the parser at once: at most 85 frames before the message budget is asked again
_UNANSWERED_PINGS_MIN = 2  # after a stall of our own, pongs are still waiting to be read: the time alone proves nothing
_NO_ROOM = (
    b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 5\r\n"
    + serialized_security_headers()
    + b"\r\n"
)
_CLOSED_BY_CLIENT, _CONNECTION_LOST = "closed_by_client", "connection_lost"  # beside the rows of Close, in CLOSES
log = structlog.get_logger(__name__)


class Stage(Enum):
    HANDSHAKE = auto()  # no whole HTTP request yet
    GREETING = auto()  # a sign-in message is awaited
    SIGNING_IN = auto()  # accounts were asked
    OPENING = auto()  # the host was asked
    PLAYING = auto()
    CLOSING = auto()  # its last bytes have been written
    GONE = auto()


class Listener(Protocol):
    """Callbacks for a client's messages and its end. The door implements them."""

    def text_received(self, socket: ClientSocket, text: bytes) -> None: ...
    def drained(self, socket: ClientSocket) -> None: ...
    def lost(self, socket: ClientSocket, why: str) -> None: ...


@dataclass(slots=True, kw_only=True)
class EdgeContext:
    """The parts that all sockets of an edge share."""

    answer: Answer
    proxies: Proxies
    limits: EdgeLimits
    clock: Clock
    tally: Tally
    listener: Listener
    mark: Callable[[Outbox], None]
    joiner: Joiner
    now_s: float  # when players were last read; everything of one read counts as having come at once
    at_once: LoopPoller = field(default_factory=LoopPoller)  # for handshakes, at either end of a connection
    on_tick: DrainedPoller  # for everybody in between
    emptied: asyncio.Event = field(default_factory=asyncio.Event)  # set when the last socket goes
    sockets: dict[ConnectionId, ClientSocket] = field(default_factory=dict)  # all of them
    connected: dict[ConnectionId, ClientSocket] = field(default_factory=dict)  # those that became WebSockets
    outboxes: AudienceTable[Outbox] = field(default_factory=AudienceTable)  # of those that play


class ClientSocket:
    """One TCP connection of a client, from accept to its end."""

    def __init__(self, connection_id: ConnectionId, context: EdgeContext, raw: socket.socket, address: str):
        now_s = context.clock.monotonic_s()
        limits = context.limits
        self.connection_id = connection_id
        self.address = address
        self.stage = Stage.HANDSHAKE
        self.known_to_host = False  # the host knows of this connection and must be told when it ends
        self.failed_sign_ins = 0
        self._context = context
        self._limits = limits
        self._wire = Wire(raw, self, context.at_once, limits)
        self._outbox = Outbox(self._wire, limits.outbox_bytes_max, context.mark, context.tally, context.joiner)
        self._connection = Connection(
            self._answer, head_bytes_max=limits.head_bytes_max, message_bytes_max=limits.message_bytes_max
        )
        self._proxy_header = bytearray() if context.proxies.owes_header(address) else None  # until it is whole
        self._budget = TokenBucket(limits.messages_per_s, limits.message_burst)
        self._patience = TokenBucket(limits.too_many_per_s, limits.too_many_burst)
        self._deadline_s = now_s + limits.handshake_s
        self._next_ping_s = math.inf
        self._pong_at_s = now_s
        self._unanswered_pings = 0
        self._discarded_bytes = 0
        self._ignores_input = False  # closing, and not even listening for the peer's close frame

    def start(self) -> None:
        """Serve this client, or turn it away if there is no room."""
        context, limits = self._context, self._limits
        if len(context.sockets) >= limits.connections_max + limits.waiting_sockets_max:
            self.stage = Stage.GONE
            self._wire.write(_NO_ROOM)
            self._wire.close()
            return
        context.sockets[self.connection_id] = self
        self._wire.start()

    # --- calls of the wire ---

    def data_received(self, data: bytes) -> None:
        if self._connection.between_frames and (text := whole_text(data)) is not None and text.isascii():
            self._text(text)
        elif len(data) <= _SLICE_BYTES:
            self._take_in(data)
        else:
            for at in range(0, len(data), _SLICE_BYTES):
                self._take_in(data[at : at + _SLICE_BYTES])

    def pause_writing(self) -> None:
        self._outbox.congest()

    def resume_writing(self) -> None:
        if self._outbox.drain() and self.stage is Stage.PLAYING:
            self._context.listener.drained(self)

    def connection_lost(self) -> None:
        self._let_go(_CONNECTION_LOST)
        self.stage = Stage.GONE
        self._context.sockets.pop(self.connection_id, None)
        if not self._context.sockets:
            self._context.emptied.set()
        if self._context.connected.pop(self.connection_id, None):
            CONNECTIONS.dec()

    # --- calls of the door and the edge ---

    def enter(self, stage: Stage, within_s: float = math.inf) -> None:
        """Be at this stage, and past it within that time."""
        if stage is Stage.PLAYING:
            self._context.outboxes.put(self.connection_id, self._outbox)
        elif stage is Stage.CLOSING:
            self._wire.move_to(self._context.at_once)
        self.stage = stage
        self._deadline_s = self._context.clock.monotonic_s() + within_s

    def send(self, message: ServerMessage) -> None:
        self.send_frame(text_frame(encode_text(message)))

    def send_frame(self, frame: bytes) -> None:
        """Queue a ready text frame; a client that left too much unread is closed instead."""
        if not self._outbox.message(frame):
            self.close(Close.SLOW_CLIENT)

    def refuse(self, refusal: Refusal, text: bytes = b"") -> None:
        """Tell the client that its message ``text`` was not obeyed."""
        REFUSALS.labels(refusal.code.value).inc()
        self.send(refused(refusal, text))

    def close(self, reason: Close, detail: str = "") -> None:
        """End the connection: ``closing``, a close frame, a moment for the peer, then the axe."""
        if self.stage is Stage.HANDSHAKE:
            self._wire.abort()
        if self.stage in (Stage.HANDSHAKE, Stage.CLOSING, Stage.GONE):
            return
        self._let_go(reason.value)
        self._connection.close(reason, detail)
        self._outbox.last(self._connection.take_output())
        # A flood is not listened to any longer, so its close frame will not be seen: say at once that nothing follows.
        self._ignores_input = reason is Close.FLOOD
        if self._connection.ended or self._ignores_input:
            self._wire.write_eof()
        self.enter(Stage.CLOSING, self._limits.closing_s)

    def abort(self) -> None:
        self._wire.abort()

    def sweep(self, now_s: float) -> None:
        """Look at the deadlines; called every ``sweep_every_s``."""
        if now_s >= self._deadline_s:
            self._too_late()
        elif now_s >= self._next_ping_s and self.stage not in (Stage.CLOSING, Stage.GONE):
            self._ping(now_s)

    # --- reading ---

    def _take_in(self, read: bytes) -> None:
        if self.stage is Stage.CLOSING:
            self._discard(read)
            return
        if self._proxy_header is not None:
            read = self._take_proxy_header(self._proxy_header, read)
            if not read:
                return
        for event in self._connection.receive(read):
            if self._is_over():
                return
            if type(event) is bytes:
                self._text(event)
            else:
                self._handle(event)

    def _text(self, text: bytes) -> None:
        context = self._context
        context.tally.messages_received += 1
        if self._budget.take(context.now_s):
            context.listener.text_received(self, text)
        else:
            self._one_too_many(text)

    def _is_over(self) -> bool:
        return self.stage is Stage.CLOSING or self.stage is Stage.GONE

    def _one_too_many(self, text: bytes = b"") -> None:
        if self._patience.take(self._context.now_s):
            retry_after_ms = self._budget.wait_ms(self._context.now_s)
            self.refuse(Refusal(RefusalCode.TOO_MANY, "too many messages", retry_after_ms=retry_after_ms), text)
        else:
            self.close(Close.FLOOD)

    def _handle(self, event: Event) -> None:
        match event:
            case ConnectionEvent.OPENED:
                self._opened()
            case ConnectionEvent.ANSWERED:
                self._answered()
            case ConnectionEvent.PEER_CLOSED:
                self._peer_closed()
            case Close():
                self.close(event)
            case _:
                self._control(event)

    def _control(self, event: Event) -> None:
        # Not for another event: a ping may be behind it, whose pong is in the output already.
        pongs = self._connection.take_output() if event is ConnectionEvent.PING else b""
        if not self._budget.take(self._context.now_s):
            self._one_too_many()
        elif event is ConnectionEvent.PONG:
            self._unanswered_pings = 0
            self._pong_at_s = self._context.now_s
        elif pongs:
            self._outbox.control(pongs)

    def _discard(self, read: bytes) -> None:
        self._discarded_bytes += len(read)
        if self._discarded_bytes > self._limits.discarded_bytes_max:
            self._wire.pause_reading()
        if self._ignores_input or self._connection.ended:
            return
        for event in self._connection.receive(read):
            if event is ConnectionEvent.PEER_CLOSED:
                self._wire.close()
                return
            self._ignores_input = self._ignores_input or not self._budget.take(self._context.now_s)

    # --- beginnings and ends ---

    def _take_proxy_header(self, header: bytearray, read: bytes) -> bytes:
        """Note the client's address when the PROXY header is whole; return the bytes behind the header."""
        header += read
        try:
            whole = read_header(bytes(header))
        except BadHeaderError as error:
            REFUSED_PROXY_HEADERS.inc()
            log.info("proxy_header_refused", address=self.address, reason=str(error))
            self._ignores_input = True
            self.enter(Stage.CLOSING, self._limits.closing_s)
            self._wire.abort()
            return b""
        if whole is None:
            return b""
        self.address = whole.client or self.address
        self._proxy_header = None
        return bytes(header[whole.bytes :])

    def _answer(self, protocol: ServerProtocol, request: Request) -> Response:
        self.address = self._context.proxies.client(self.address, request.headers.get_all("X-Forwarded-For"))
        return self._context.answer(protocol, request)

    def _opened(self) -> None:
        context = self._context
        now_s = context.now_s = context.clock.monotonic_s()
        context.connected[self.connection_id] = self
        CONNECTIONS.inc()
        self._pong_at_s = now_s
        self._next_ping_s = now_s + self._limits.ping_interval_s
        self.enter(Stage.GREETING, self._limits.sign_in_timeout_s)
        self._outbox.last(self._connection.take_output())
        self._wire.move_to(context.on_tick)

    def _answered(self) -> None:
        self._outbox.last(self._connection.take_output())
        self._wire.write_eof()
        self.enter(Stage.CLOSING, self._limits.response_s)

    def _peer_closed(self) -> None:
        self._let_go(_CLOSED_BY_CLIENT)
        self._outbox.last(self._connection.take_output())
        self.enter(Stage.CLOSING, self._limits.closing_s)
        self._wire.close()

    def _let_go(self, why: str) -> None:
        """This player is no longer served here: once per WebSocket."""
        self._context.outboxes.drop(self.connection_id)
        if self.stage in (Stage.HANDSHAKE, Stage.CLOSING, Stage.GONE):
            return
        CLOSES.labels(why).inc()
        log.info("connection_closed", connection_id=self.connection_id, reason=why, stage=self.stage.name.lower())
        self._context.listener.lost(self, why)

    def _too_late(self) -> None:
        match self.stage:
            case Stage.HANDSHAKE:
                self._connection.give_up_handshake()
                self._answered()
            case Stage.GREETING:
                self.close(Close.NO_LOGIN)
            case Stage.OPENING:
                log.error("host_did_not_answer", connection_id=self.connection_id)
                self.close(Close.INTERNAL)
            case _:
                self._wire.abort()

    def _ping(self, now_s: float) -> None:
        silent_s = now_s - self._pong_at_s
        if silent_s >= self._limits.pong_timeout_s and self._unanswered_pings >= _UNANSWERED_PINGS_MIN:
            self.close(Close.NO_PONG)
            return
        self._next_ping_s = now_s + self._limits.ping_interval_s
        self._unanswered_pings += 1
        self._outbox.control(PING)
