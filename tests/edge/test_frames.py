"""Frames are what websockets would have written, and the short cut reads only what it may."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.frames import Frame, Opcode

from gameserver.edge import frames
from tests.edge.scripted import client_frame


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65535, 65536, 70000])
def test_server_frames_are_the_bytes_websockets_writes(length: int) -> None:
    payload = b"x" * length
    assert frames.text_frame(payload) == Frame(Opcode.TEXT, payload).serialize(mask=False)
    assert frames.binary_frame(payload) == Frame(Opcode.BINARY, payload).serialize(mask=False)


def test_close_and_ping_frames_are_the_bytes_websockets_writes() -> None:
    assert frames.close_frame(4002, "no input") == Frame(Opcode.CLOSE, b"\x0f\xa2no input").serialize(mask=False)
    assert Frame(Opcode.PING, b"").serialize(mask=False) == frames.PING


@given(st.binary(max_size=125))
def test_a_short_whole_text_is_read_without_the_parser(payload: bytes) -> None:
    frame = client_frame(payload)
    assert frames.short_frames(frame) == ([payload], len(frame))
    assert frames.short_frames(frame + frame + frame[:-1]) == ([payload, payload], 2 * len(frame))


def test_an_empty_pong_is_read_without_the_parser_wherever_it_is() -> None:
    text, pong = client_frame(b"hello"), client_frame(b"", Opcode.PONG)
    assert frames.short_frames(pong) == ([None], 6)
    assert frames.short_frames(pong + text + pong + pong[:-1]) == ([None, b"hello", None], 12 + len(text))


@pytest.mark.parametrize(
    "read",
    [
        b"",
        b"\x81",
        client_frame(b"x" * 126),
        client_frame(b"hello")[:-1],
        client_frame(b"hello", fin=False),
        client_frame(b"hello", Opcode.BINARY),
        client_frame(b"hello", Opcode.PING),
        client_frame(b"", Opcode.PING),
        client_frame(b"!", Opcode.PONG),
        client_frame(b"", Opcode.PONG)[:-1],
        Frame(Opcode.PONG, b"").serialize(mask=False) + b"\0\0\0\0",
        Frame(Opcode.TEXT, b"hello").serialize(mask=False) + b"\0\0\0\0",
        b"\xc1" + client_frame(b"hello")[1:],
        b"\x81\xfe" + b"\0" * 130,  # says 126, which stands for a longer length field
    ],
    ids=range(14),  # masks are random
)
def test_anything_else_is_left_to_the_parser(read: bytes) -> None:
    assert frames.short_frames(read) == ([], 0)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65535, 65536])
def test_the_least_size_on_the_wire_is_that_of_an_ordinary_frame(length: int) -> None:
    assert frames.wire_bytes_min(length) == len(client_frame(b"x" * length))
