"""One WebSocket of a client: bytes in, whole messages out, by callbacks on the event loop.

websockets' Sans-I/O ClientProtocol does the handshake, fragments, control frames and the close. A whole, unfragmented
data frame, which is nearly all there is, takes a short cut around its parser: this class finds the frames' borders
itself and hands everything else to the protocol, frame by frame.
Law: ``on_lost`` is called once, after everything else, and only if the socket was open.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from ssl import SSLContext
from ssl import create_default_context as create_ssl_context
from typing import Protocol, cast

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri
from websockets.utils import apply_mask as apply_mask_slowly

from gameserver.client.errors import ConnectFailed
from gameserver.protocol.constants import SUBPROTOCOL

try:
    from websockets.speedups import apply_mask
except ImportError:  # websockets without its C extension
    apply_mask = apply_mask_slowly

MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # a message from the server beyond this fails the connection
WRITE_BUFFER_BYTES_MAX = 64 * 1024  # beyond this the socket counts as blocked and inputs wait
CLOSE_TIMEOUT_S = 2.0
_HANDSHAKE_BYTES_MAX = 64 * 1024
_WHOLE_TEXT, _WHOLE_BINARY = 0x81, 0x82  # first byte of a frame: FIN and opcode
_MASKED = 0x80


@dataclass(frozen=True)
class Loss:
    """Why a socket is gone. ``code`` is the WebSocket close code; 1006 when there was no close frame."""

    code: int
    text: str


@dataclass
class Traffic:
    """Traffic of a client over all its sockets. Bytes include WebSocket framing, not TCP's."""

    bytes_received: int = 0
    bytes_sent: int = 0
    messages_received: int = 0
    messages_sent: int = 0


class Receiver(Protocol):
    """Callbacks of a socket. They must not block."""

    def on_text(self, payload: bytes) -> None: ...

    def on_binary(self, payload: bytes) -> None: ...

    def on_writable(self) -> None: ...

    def on_lost(self, loss: Loss) -> None: ...


async def connect(
    url: str, receiver: Receiver, traffic: Traffic, *, timeout_s: float, origin: str | None = None
) -> Socket:
    """An open socket speaking our subprotocol. Raises ConnectFailed."""
    try:
        uri = parse_uri(url)
    except InvalidURI as error:
        raise ConnectFailed(str(error)) from error
    ssl: SSLContext | None = create_ssl_context() if uri.secure else None
    protocol = ClientProtocol(
        uri,
        origin=origin,  # type: ignore[arg-type]  # a NewType of str
        extensions=None,  # no compression: frames are small, and the server would pay for it
        subprotocols=[Subprotocol(SUBPROTOCOL)],
        max_size=MESSAGE_BYTES_MAX,
    )
    socket = Socket(protocol, receiver, traffic)
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            await loop.create_connection(lambda: socket, uri.host, uri.port, ssl=ssl)
            await socket.opened
    except TimeoutError as error:
        socket.abort()
        raise ConnectFailed(f"no answer from {url} within {timeout_s:g} s") from error
    except OSError as error:
        raise ConnectFailed(f"cannot connect to {url}: {error.strerror or error}") from error
    except BaseException:
        socket.abort()
        raise
    return socket


class Socket(asyncio.Protocol):
    """An open WebSocket. ``connect`` makes one."""

    def __init__(self, protocol: ClientProtocol, receiver: Receiver, traffic: Traffic):
        self.is_blocked = False  # the write buffer is full: send only urgent data
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.lost: asyncio.Future[Loss] = asyncio.get_running_loop().create_future()
        self._protocol = protocol
        self._receiver = receiver
        self._traffic = traffic
        self._transport: asyncio.Transport | None = None
        self._unread = b""  # the beginning of a frame whose end has not come yet
        self._fragments: list[bytes] = []
        self._fragments_opcode: Opcode | None = None
        self._is_open = False
        self._was_open = False
        self._closing_timer: asyncio.TimerHandle | None = None
        self._silence_timer: asyncio.TimerHandle | None = None

    # --- calls of the client ---

    @property
    def is_open(self) -> bool:
        """Messages sent now will be written."""
        return self._is_open and self._protocol.state is State.OPEN

    def send_text(self, payload: bytes) -> None:
        """Write one text message; silently nothing when the socket is no longer open."""
        if not self.is_open or self._transport is None:
            return
        self._traffic.messages_sent += 1
        if len(payload) < 126:
            mask = os.urandom(4)  # RFC 6455 section 5.3: unpredictable to whoever chose the payload
            self._write(bytes((_WHOLE_TEXT, _MASKED | len(payload))) + mask + apply_mask(payload, mask))
        else:
            self._protocol.send_text(payload)
            self._flush()

    def ping(self) -> None:
        if self.is_open:
            self._protocol.send_ping(b"")
            self._flush()

    def watch_silence(self, silence_max_s: float) -> None:
        """Drop the connection when it stays silent for ``silence_max_s`` in spite of pings."""
        self._check_silence(silence_max_s / 3, self._traffic.bytes_received, 0)

    def _check_silence(self, third_s: float, received_before: int, quiet_thirds: int) -> None:
        quiet_thirds = 0 if self._traffic.bytes_received != received_before else quiet_thirds + 1
        if quiet_thirds > 3:
            self.abort()
            return
        if quiet_thirds > 1:  # the first third counts from a moment that was just now
            self.ping()
        self._silence_timer = asyncio.get_running_loop().call_later(
            third_s, self._check_silence, third_s, self._traffic.bytes_received, quiet_thirds
        )

    async def close(self) -> None:
        """Close properly, or after two seconds not so properly."""
        if self.is_open:
            self._protocol.send_close(1000)
            self._flush()
        elif not self.opened.done() or self._transport is None:
            self.abort()
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT_S):
                await asyncio.shield(self.lost)
        except TimeoutError:
            self.abort()
            await asyncio.shield(self.lost)  # the loop calls connection_lost on its next turn

    def abort(self) -> None:
        """Drop the connection at once: nothing is sent or received any more."""
        self._is_open = False
        if self._transport is not None:
            self._transport.abort()

    # --- calls of the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but name
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        self._protocol.send_request(self._protocol.connect())
        self._flush()

    def data_received(self, data: bytes) -> None:
        self._traffic.bytes_received += len(data)
        if self._unread:
            data = self._unread + data
        if not self._was_open:
            self._unread = self._take_handshake(data)
        elif not self._is_open:
            self._unread = b""  # aborted; the end is on its way
        elif self._protocol.state is State.OPEN:
            at = self._take_frames(data)
            self._unread = data[at:] if at < len(data) else b""
        else:
            self._unread = b""
            self._take_unusual(data, len(data))

    def eof_received(self) -> bool:
        self._protocol.receive_eof()
        self._flush()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        self._is_open = False
        self._transport = None
        for timer in (self._closing_timer, self._silence_timer):
            if timer is not None:
                timer.cancel()
        if not self.opened.done():
            self.opened.set_exception(ConnectFailed(self._handshake_failure()))
        close = self._protocol.close_rcvd
        loss = Loss(close.code, close.reason) if close else Loss(1006, str(error) if error else "connection lost")
        if not self.lost.done():
            self.lost.set_result(loss)
        if self._was_open:
            self._receiver.on_lost(loss)

    def pause_writing(self) -> None:
        self.is_blocked = True

    def resume_writing(self) -> None:
        self.is_blocked = False
        self._receiver.on_writable()

    # --- details ---

    def _take_handshake(self, data: bytes) -> bytes:
        """Feed the HTTP head to the protocol alone, so that no frame behind it ends up in its buffer."""
        end = data.find(b"\r\n\r\n")
        if end < 0 and len(data) <= _HANDSHAKE_BYTES_MAX:
            return data
        self._protocol.receive_data(data[: end + 4])
        for event in self._protocol.events_received():
            if isinstance(event, Response) and self._protocol.state is State.OPEN:
                return self._open(data[end + 4 :])
        self._flush()
        if self._protocol.handshake_exc is not None:
            self.abort()
        return b""

    def _open(self, rest: bytes) -> bytes:
        if self._protocol.subprotocol != SUBPROTOCOL:
            self._protocol.handshake_exc = RuntimeError(f"the server does not speak {SUBPROTOCOL}")
            self.abort()
            return b""
        self._is_open = self._was_open = True
        if not self.opened.done():
            self.opened.set_result(None)
        return rest[self._take_frames(rest) :]

    def _take_frames(self, data: bytes) -> int:
        """Hand on every whole frame; returns where the first unfinished one starts."""
        at, size = 0, len(data)
        while size - at >= 2:
            first, length = data[at], data[at + 1]
            start = at + 2
            if 126 <= length < _MASKED:
                start += 2 if length == 126 else 8
                if size < start:
                    break
                length = int.from_bytes(data[at + 2 : start], "big")
            if data[at + 1] >= _MASKED or length > MESSAGE_BYTES_MAX:
                return self._take_unusual(data[at:], size)
            end = start + length
            if end > size:
                break
            self._traffic.messages_received += 1
            if first == _WHOLE_BINARY and self._fragments_opcode is None:
                self._receiver.on_binary(data[start:end])
            elif first == _WHOLE_TEXT and self._fragments_opcode is None:
                self._receiver.on_text(data[start:end])
            else:
                self._take_unusual(data[at:end], end)
            at = end
            if self._protocol.state is not State.OPEN:
                return self._take_unusual(data[at:], size)
        return at

    def _take_unusual(self, frame: bytes, end: int) -> int:
        """Leave control frames, fragments and broken frames to the protocol of websockets."""
        if frame:
            self._protocol.receive_data(frame)
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take_fragment(event)
        self._flush()
        return end

    def _take_fragment(self, frame: Frame) -> None:
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        if frame.opcode is not Opcode.CONT:
            self._fragments_opcode = frame.opcode
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            opcode, payload = self._fragments_opcode, b"".join(self._fragments)
            self._fragments, self._fragments_opcode = [], None
            (self._receiver.on_text if opcode is Opcode.TEXT else self._receiver.on_binary)(payload)

    def _write(self, chunk: bytes) -> None:
        assert self._transport is not None
        self._traffic.bytes_sent += len(chunk)
        self._transport.write(chunk)

    def _flush(self) -> None:
        for chunk in self._protocol.data_to_send():
            if self._transport is None:
                return
            if chunk:
                self._write(chunk)
            elif self._transport.can_write_eof():
                self._transport.write_eof()
            else:
                self._transport.close()  # TLS has no half-close
        if self._closing_timer is None and self._was_open and self._protocol.state is State.CLOSING:
            # The server closes TCP first; one that does not is not waited for.
            self._closing_timer = asyncio.get_running_loop().call_later(CLOSE_TIMEOUT_S, self.abort)

    def _handshake_failure(self) -> str:
        error = self._protocol.handshake_exc
        if isinstance(error, InvalidStatus):
            return f"the server answered HTTP {error.response.status_code}"
        return str(error) if error else "the connection was closed during the handshake"
