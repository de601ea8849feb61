"""One connection without I/O: bytes in, messages and happenings out, bytes to write left in ``take_output``.

``websockets`` does the handshake, fragments, control frames and the closing handshake. The common cases, one short
whole text frame in one read and the answer to a ping, go around its parser. That is right only where the parser stands
between two frames; it does when every byte fed to it has come out again as a frame. A frame with a needlessly long
length field comes out shorter than it went in: then the count never returns to zero and the short cut stays closed,
which is slow but not wrong.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import cast

from websockets.exceptions import PayloadTooBig, ProtocolError
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from gameserver.edge.frames import close_frame, short_frames, text_frame, wire_bytes_min
from gameserver.edge.handshake import select_subprotocol
from gameserver.http.site import secure, serialized_security_headers
from gameserver.protocol.codec import encode_text
from gameserver.protocol.constants import SUBPROTOCOL
from gameserver.protocol.errors import CLOSES, Close
from gameserver.protocol.messages import Closing

Answer = Callable[[ServerProtocol, Request], Response]

_END_OF_HEAD = b"\r\n\r\n"
_METHODS = frozenset((b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"CONNECT", b"TRACE"))
_websockets_log = logging.getLogger("gameserver.edge.websockets")
_websockets_log.setLevel(logging.ERROR)  # the library logs every connection at INFO and every frame at DEBUG


class ConnectionEvent(Enum):
    OPENED = auto()  # the WebSocket is open
    ANSWERED = auto()  # it was plain HTTP, and the response is in the output
    PONG = auto()
    PING = auto()  # answered already
    FRAGMENT = auto()  # part of a message
    PEER_CLOSED = auto()  # a close frame came; ours, if it was owed, is in the output


Event = bytes | ConnectionEvent | Close
"""A whole text message · something that happened · why this connection must be closed."""


class Connection:
    """``answer`` decides on the HTTP request; with a response 101 the connection becomes a WebSocket."""

    __slots__ = (
        "_answer",
        "_head",
        "_head_bytes_max",
        "_message",
        "_out",
        "_protocol",
        "_unparsed",
        "between_frames",
        "ended",
    )

    def __init__(self, answer: Answer, *, head_bytes_max: int, message_bytes_max: int):
        self._answer = answer
        self._head_bytes_max = head_bytes_max
        self._protocol = ServerProtocol(
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            select_subprotocol=select_subprotocol,
            extensions=None,  # no compression: 14 KiB a connection instead of 64, and no decompression bomb
            max_size=message_bytes_max,
            logger=_websockets_log,
        )
        self._head: bytearray | None = bytearray()  # of the HTTP request; None once it was answered
        self._message: bytearray | None = None  # of a message whose last fragment is not here yet
        self._unparsed = 0  # bytes fed to the parser that have not come out as frames
        self.between_frames = False  # open, and the next read begins a frame: it may do without the parser
        self._out: list[bytes] = []
        self.ended = False  # nothing may be written after the next result of ``take_output``

    def receive(self, read: bytes) -> list[Event]:
        """Return the events that the bytes ``read`` complete. No event follows a ``Close`` or PEER_CLOSED."""
        if not self.between_frames:
            return self._parse(read)
        found, taken = short_frames(read)
        events: list[Event] = []
        for text in found:
            event = ConnectionEvent.PONG if text is None else _checked(text)
            events.append(event)
            if event is Close.BAD_UTF8:
                return events
        if taken < len(read):
            events += self._parse(read[taken:] if taken else read)
        return events

    def close(self, reason: Close, detail: str = "") -> None:
        """Put the message ``closing`` and the close frame into the output. Only once, and only when open."""
        row = CLOSES[reason]
        text = f"{row.text}: {detail}" if detail else row.text
        closing = Closing(row.code, reason.value, text, row.may_return, row.retry_after_ms)
        self._out.append(text_frame(encode_text(closing)))
        self.between_frames = False
        if self._protocol.state is OPEN and reason is not Close.BAD_UTF8:
            self._protocol.send_close(row.code, row.text)
            self._take_protocol_output()
        else:  # the client breaks the rules of WebSocket: nothing more is expected from it
            self._out.append(close_frame(row.code, row.text))
            self.ended = True

    def give_up_handshake(self) -> None:
        """The request did not come in time: answer 408."""
        self._respond(self._protocol.reject(408, "No complete request came in time.\n"))

    def take_output(self) -> bytes:
        """Bytes to write now."""
        out, self._out = b"".join(self._out), []
        return out

    def _parse(self, read: bytes) -> list[Event]:
        if self._head is not None:
            return self._shake_hands(self._head, read)
        self._unparsed += len(read)
        self._protocol.receive_data(read)
        events = self._events()
        self.between_frames = self._unparsed == 0 and self._message is None and self._protocol.state is OPEN
        return events

    # --- HTTP ---

    def _shake_hands(self, head: bytearray, read: bytes) -> list[Event]:
        # The parser gets the head alone: before the answer it must not see the bytes behind it.
        searched = max(0, len(head) - len(_END_OF_HEAD) + 1)
        fed = len(head)
        head += read
        end = head.find(_END_OF_HEAD, searched)
        head_bytes = len(head) if end < 0 else end + len(_END_OF_HEAD)
        if head_bytes > self._head_bytes_max:
            return self._respond(self._protocol.reject(431, "The request is too large.\n"))
        self._protocol.receive_data(bytes(head[fed:head_bytes]))
        if requests := self._protocol.events_received():
            return self._answer_request(cast(Request, requests[0]), bytes(head[head_bytes:]))
        if self._protocol.eof_sent:
            return self._respond_to_garbage(bytes(head))
        return []

    def _answer_request(self, request: Request, rest: bytes) -> list[Event]:
        response = self._answer(self._protocol, request)
        events = self._respond(response)
        if response.status_code != 101:
            return events
        self.ended = False
        self.between_frames = True
        return [ConnectionEvent.OPENED, *(self._parse(rest) if rest else ())]

    def _respond(self, response: Response) -> list[Event]:
        self._head = None
        if response.status_code != 101:
            secure(response)
        if not self._protocol.eof_sent:
            self._protocol.send_response(response)
        self._take_protocol_output()
        self.ended = True
        return [ConnectionEvent.ANSWERED]

    def _respond_to_garbage(self, head: bytes) -> list[Event]:
        if head.partition(b" ")[0] in _METHODS:  # the parser takes no request with a body
            response = self._protocol.reject(405, "Only GET and HEAD are understood here.\n")
            response.headers["Allow"] = "GET, HEAD"
        else:
            response = self._protocol.reject(400, "This is not an HTTP request.\n")
        events = self._respond(response)
        if self._out:  # for some failures the parser has answered already
            self._out = [_with_security_headers(b"".join(self._out))]
        else:  # for others it just hangs up
            self._out.append(response.serialize())
        return events

    # --- frames ---

    def _events(self) -> list[Event]:
        events: list[Event] = []
        for frame in self._protocol.events_received():
            assert isinstance(frame, Frame)
            self._unparsed -= wire_bytes_min(len(frame.data))
            events.append(event := self._event(frame))
            if isinstance(event, Close):
                break
        else:
            if self._protocol.parser_exc is None:
                self._take_protocol_output()
                return events
            events.append(_why_failed(self._protocol.parser_exc))
        self._protocol.data_to_send()  # pongs that no longer matter, and a close frame: ours says more
        return events

    def _event(self, frame: Frame) -> Event:
        match frame.opcode:
            case Opcode.TEXT if frame.fin:
                return _checked(bytes(frame.data))
            case Opcode.TEXT:
                self._message = bytearray(frame.data)
                return ConnectionEvent.FRAGMENT
            case Opcode.CONT:
                return self._continue(frame)
            case Opcode.PING:
                return ConnectionEvent.PING
            case Opcode.PONG:
                return ConnectionEvent.PONG
            case Opcode.CLOSE:
                return ConnectionEvent.PEER_CLOSED
            case _:
                return Close.BAD_FRAME

    def _continue(self, frame: Frame) -> Event:
        if self._message is None:  # it began as binary, and we are closing for that
            return ConnectionEvent.FRAGMENT
        self._message += frame.data
        if not frame.fin:
            return ConnectionEvent.FRAGMENT
        message, self._message = bytes(self._message), None
        return _checked(message)

    def _take_protocol_output(self) -> None:
        for data in self._protocol.data_to_send():
            if data:
                self._out.append(data)
            else:  # SEND_EOF
                self.ended = True


def _with_security_headers(response: bytes) -> bytes:
    return response.replace(_END_OF_HEAD, b"\r\n" + serialized_security_headers() + b"\r\n", 1)


def _checked(text: bytes) -> Event:
    """Return the text of a whole message, or the close that RFC 6455 wants for text that is not UTF-8."""
    if not text.isascii():
        try:
            text.decode()
        except UnicodeDecodeError:
            return Close.BAD_UTF8
    return text


def _why_failed(error: Exception) -> Close:
    """Return the close for the parser's error."""
    if isinstance(error, PayloadTooBig):
        return Close.TOO_BIG
    if isinstance(error, UnicodeDecodeError):
        return Close.BAD_UTF8
    return Close.PROTOCOL_ERROR if isinstance(error, ProtocolError) else Close.INTERNAL
