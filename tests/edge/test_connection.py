"""The connection without I/O: both ways of reading are one, however the bytes arrive."""

from __future__ import annotations

import itertools
import struct
from itertools import pairwise

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gameserver.edge.connection import Connection, ConnectionEvent, Event
from gameserver.protocol.errors import CLOSES, Close
from tests.edge.scripted import client_frame, handshake

LIMITS = {"message_bytes_max": 2000, "head_bytes_max": 4000}


def accept(protocol: ServerProtocol, request: Request) -> Response:
    return protocol.accept(request)


def opened() -> Connection:
    connection = Connection(accept, **LIMITS)
    assert connection.receive(handshake()) == [ConnectionEvent.OPENED]
    assert connection.take_output().startswith(b"HTTP/1.1 101")
    return connection


def read_all(stream: bytes, cuts: list[int]) -> tuple[list[Event], list[Frame], bool]:
    """Feed ``stream``, cut there, to a new connection after its handshake; return its reactions until the first close.

    Pongs are left out once a close is decided: whether they still go out depends on what was read at once, and so does
    whether anything is still expected of the peer."""
    connection = opened()
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    events: list[Event] = []
    for start, end in pairwise(edges):
        for event in connection.receive(stream[start:end]):
            events.append(event)
            if isinstance(event, Close):
                connection.close(event)
                frames = server_frames(connection.take_output())
                return events, [frame for frame in frames if frame.opcode is not Opcode.PONG], True
            if event is ConnectionEvent.PEER_CLOSED:
                return events, server_frames(connection.take_output()), connection.ended
    return events, server_frames(connection.take_output()), connection.ended


def long_length(payload: bytes) -> bytes:
    """A frame whose length field is longer than it need be; the parser takes it."""
    return b"\x81\xff" + struct.pack("!Q", len(payload)) + b"\0\0\0\0" + payload


payloads = st.one_of(
    st.text(max_size=20).map(str.encode),
    st.sampled_from([b"x" * n for n in (124, 125, 126, 130, 1999, 2000, 2001)]),
)
fragmented = st.lists(payloads, min_size=2, max_size=4).map(
    lambda parts: b"".join(
        client_frame(part, Opcode.TEXT if n == 0 else Opcode.CONT, fin=n == len(parts) - 1)
        for n, part in enumerate(parts)
    )
)
anything = st.one_of(
    payloads.map(client_frame),
    payloads.map(client_frame),
    fragmented,
    st.binary(max_size=125).map(lambda payload: client_frame(payload, Opcode.PING)),
    st.binary(max_size=125).map(lambda payload: client_frame(payload, Opcode.PONG)),
    st.binary(max_size=20).map(lambda payload: client_frame(payload, Opcode.BINARY)),
    st.just(client_frame(b"\x03\xe8bye", Opcode.CLOSE)),
    payloads.map(lambda payload: client_frame(payload, fin=False)),
    payloads.map(long_length),
    st.binary(max_size=20).map(client_frame),  # mostly no UTF-8
    st.binary(max_size=8),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(anything, max_size=6), st.data())
@example([client_frame(b"one"), client_frame(b"two")], None)
def test_short_cut_and_parser_give_the_same_at_any_split(pieces: list[bytes], data: st.DataObject | None) -> None:
    stream = b"".join(pieces)
    ends = [sum(map(len, pieces[: n + 1])) for n in range(len(pieces))]
    byte_by_byte = read_all(stream, list(range(len(stream))))  # never a whole frame in one read: only the parser
    assert read_all(stream, ends) == byte_by_byte  # frame by frame: the short cut wherever it is allowed
    if data is not None:
        some = data.draw(st.lists(st.integers(0, max(0, len(stream))), max_size=8))
        assert read_all(stream, some) == byte_by_byte
        assert read_all(stream, [*ends, *some]) == byte_by_byte


@pytest.mark.parametrize(
    "inner", [client_frame(b"not a message of its own"), client_frame(b"", Opcode.PONG)], ids=["text", "pong"]
)
def test_a_frame_whose_header_alone_has_come_keeps_the_short_cuts_closed(inner: bytes) -> None:
    outer = Frame(Opcode.TEXT, inner).serialize(mask=False)
    masked_with_zeroes = bytes((outer[0], outer[1] | 0x80)) + b"\0\0\0\0"
    connection = opened()
    assert connection.receive(masked_with_zeroes) == []  # the parser holds the header; its buffer is empty
    assert connection.receive(inner) == [Close.BAD_UTF8]  # read as the text of the outer frame, not as a frame


def test_a_text_between_fragments_is_a_protocol_error_and_not_a_message() -> None:
    connection = opened()
    assert connection.receive(client_frame(b"a", fin=False)) == [ConnectionEvent.FRAGMENT]
    assert connection.receive(client_frame(b"b")) == [Close.PROTOCOL_ERROR]


def test_a_character_may_be_cut_by_a_fragment() -> None:
    connection = opened()
    text = "é".encode()
    stream = client_frame(text[:1], fin=False) + client_frame(text[1:], Opcode.CONT)
    assert connection.receive(stream) == [ConnectionEvent.FRAGMENT, text]


def test_fragments_become_one_message_with_a_ping_in_between() -> None:
    connection = opened()
    stream = client_frame(b"a", fin=False) + client_frame(b"?", Opcode.PING) + client_frame(b"b", Opcode.CONT)
    assert connection.receive(stream) == [ConnectionEvent.FRAGMENT, ConnectionEvent.PING, b"ab"]
    assert connection.take_output() == Frame(Opcode.PONG, b"?").serialize(mask=False)
    assert connection.receive(client_frame(b"c")) == [b"c"]


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (client_frame(b"x" * 2001), Close.TOO_BIG),
        (client_frame(b"x" * 1500, fin=False) + client_frame(b"x" * 501, Opcode.CONT), Close.TOO_BIG),
        (b"\x81\xff" + struct.pack("!Q", 10_000_000), Close.TOO_BIG),
        (client_frame(b"x", Opcode.BINARY), Close.BAD_FRAME),
        (client_frame(b"x", Opcode.BINARY, fin=False), Close.BAD_FRAME),
        (client_frame(b"x", Opcode.CONT), Close.PROTOCOL_ERROR),
        (client_frame(b"", Opcode.CONT, fin=False), Close.PROTOCOL_ERROR),
        (client_frame(b"x", fin=False) + client_frame(b"x"), Close.PROTOCOL_ERROR),
        (client_frame(b"x", fin=False) + client_frame(b"", Opcode.CLOSE), Close.PROTOCOL_ERROR),
        (Frame(Opcode.TEXT, b"not masked").serialize(mask=False), Close.PROTOCOL_ERROR),
        (Frame(Opcode.PONG, b"").serialize(mask=False), Close.PROTOCOL_ERROR),
        *((bytes((0x81 | bit, 0x80)) + b"\0\0\0\0", Close.PROTOCOL_ERROR) for bit in (0x40, 0x20, 0x10)),
        (b"\xca\x80\0\0\0\0", Close.PROTOCOL_ERROR),  # a pong with a reserved bit
        *((bytes((0x80 | opcode, 0x80)) + b"\0\0\0\0", Close.PROTOCOL_ERROR) for opcode in (3, 4, 5, 6, 7, 11, 15)),
        (client_frame(b"x" * 126, Opcode.PING), Close.PROTOCOL_ERROR),
        (client_frame(b"x" * 126, Opcode.PONG), Close.PROTOCOL_ERROR),
        (client_frame(b"", Opcode.PING, fin=False), Close.PROTOCOL_ERROR),
        (client_frame(b"", Opcode.PONG, fin=False), Close.PROTOCOL_ERROR),
        (client_frame(b"", Opcode.CLOSE, fin=False), Close.PROTOCOL_ERROR),
        (client_frame(b"\x03", Opcode.CLOSE), Close.PROTOCOL_ERROR),
        *(
            (client_frame(struct.pack("!H", code), Opcode.CLOSE), Close.PROTOCOL_ERROR)
            for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535)
        ),
        (client_frame(b"\x03\xe8\xff", Opcode.CLOSE), Close.BAD_UTF8),
        (client_frame(b"\xff"), Close.BAD_UTF8),
        (client_frame(b"\xed\xa0\x80" * 60), Close.BAD_UTF8),  # a surrogate; too long for the short cuts
        (client_frame(b"\xc3", fin=False) + client_frame(b"x", Opcode.CONT), Close.BAD_UTF8),
    ],
    ids=itertools.count(),  # masks are random
)
def test_what_breaks_the_rules_is_answered_by_closing_and_a_close_frame(stream: bytes, reason: Close) -> None:
    connection = opened()
    assert connection.receive(stream)[-1] is reason
    connection.close(reason)
    first, last = server_frames(connection.take_output())
    assert msgspec.json.decode(first.data)["reason"] == reason.value
    row = CLOSES[reason]
    assert (last.opcode, last.data) == (Opcode.CLOSE, struct.pack("!H", row.code) + row.text.encode())


def test_a_peer_that_closes_gets_its_close_frame_back() -> None:
    connection = opened()
    assert connection.receive(client_frame(b"\x03\xe8bye", Opcode.CLOSE)) == [ConnectionEvent.PEER_CLOSED]
    assert connection.take_output() == Frame(Opcode.CLOSE, b"\x03\xe8bye").serialize(mask=False)
    assert connection.ended


def test_after_our_close_the_peers_close_frame_ends_it() -> None:
    connection = opened()
    connection.close(Close.IDLE)
    assert not connection.ended
    assert connection.receive(client_frame(b"late")) == [b"late"]
    assert connection.receive(client_frame(struct.pack("!H", 4002), Opcode.CLOSE)) == [ConnectionEvent.PEER_CLOSED]
    assert connection.ended


def test_frames_sent_with_the_handshake_are_read_after_it() -> None:
    connection = Connection(accept, **LIMITS)
    assert connection.receive(handshake() + client_frame(b"early")) == [ConnectionEvent.OPENED, b"early"]
    assert connection.receive(client_frame(b"next")) == [b"next"]


@pytest.mark.parametrize("cut", [1, 10, -1, -2, -3])
def test_a_handshake_may_come_in_pieces(cut: int) -> None:
    connection = Connection(accept, **LIMITS)
    request = handshake()
    assert connection.receive(request[:cut]) == []
    assert connection.receive(request[cut:]) == [ConnectionEvent.OPENED]


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\n\r\n\r\n", b"400"),
        (b"hello\r\n\r\n", b"400"),
        (b"GET / HTTP/2.0\r\n\r\n", b"400"),
        (b"GET /\xff HTTP/1.1\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", b"400"),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", b"405"),
        (b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"405"),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 4000 + b"\r\n\r\n", b"431"),
        (b"x" * 5000, b"431"),
        (b"GET / HTTP/1.1\r\n" + b"X: x\r\n" * 200 + b"\r\n", b"431"),
    ],
)
def test_what_is_no_request_is_answered_as_http(request_bytes: bytes, status: bytes) -> None:
    for pieces in ([request_bytes], [request_bytes[n : n + 1] for n in range(len(request_bytes))]):
        connection = Connection(accept, **LIMITS)
        events: list[Event] = []
        for piece in pieces:
            if not events:
                events = connection.receive(piece)
        assert events == [ConnectionEvent.ANSWERED]
        response = connection.take_output()
        assert response.startswith(b"HTTP/1.1 " + status)
        head, _, body = response.partition(b"\r\n\r\n")
        for header in (b"X-Content-Type-Options: nosniff", b"Referrer-Policy: ", b"Content-Security-Policy: "):
            assert head.count(header) == 1
        assert b"Content-Length: %d\r\n" % len(body) in head + b"\r\n"
        assert connection.ended


def test_a_second_request_in_the_same_read_is_not_mistaken_for_frames() -> None:
    connection = Connection(lambda protocol, _: protocol.reject(404, "no"), **LIMITS)
    assert connection.receive(b"GET / HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n") == [ConnectionEvent.ANSWERED]
    assert connection.take_output().count(b"HTTP/1.1") == 1


def test_a_client_may_offer_our_subprotocol_or_none_but_not_only_others() -> None:
    for offered, expected in (("gameserver.v1", b"101"), ("chat, gameserver.v1", b"101"), ("chat", b"400")):
        connection = Connection(accept, **LIMITS)
        connection.receive(handshake(**{"Sec-WebSocket-Protocol": offered}))
        response = connection.take_output()
        assert response.startswith(b"HTTP/1.1 " + expected)
        assert (b"Sec-WebSocket-Protocol: gameserver.v1" in response) == (expected == b"101")


def test_compression_is_never_agreed_on() -> None:
    connection = Connection(accept, **LIMITS)
    connection.receive(handshake(**{"Sec-WebSocket-Extensions": "permessage-deflate"}))
    assert b"permessage-deflate" not in connection.take_output()


def server_frames(data: bytes) -> list[Frame]:
    """The frames in ``data``, all shorter than 64 KiB."""
    frames = []
    while data:
        length, at = data[1], 2
        if length == 126:
            (length,), at = struct.unpack_from("!H", data, 2), 4
        frames.append(Frame(Opcode(data[0] & 0x0F), data[at : at + length]))
        data = data[at + length :]
    return frames
