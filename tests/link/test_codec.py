"""Every message of the link survives the way through bytes, and nothing else is taken for one."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gameserver.link.codec import decode_to_edge, decode_to_host, encode
from gameserver.link.messages import (
    CloseConnection,
    Declined,
    Deliver,
    InputsWanted,
    Join,
    Leave,
    Opened,
    PhaseEnded,
    PlayerInputs,
    ResumeSession,
    Resync,
    TickFrames,
    ToEdge,
    ToHost,
    WorldFrame,
)
from gameserver.protocol.errors import Close, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId

ONE, TWO = ConnectionId((2**24 - 1) << 40 | 7), ConnectionId(1)
TO_HOST: list[ToHost] = [
    Join(ONE, PlayerId(5), "Ada", "a token"),
    Join(TWO, PlayerId(6), "Zoë 🦊"),
    ResumeSession(ONE, "5.token"),
    PlayerInputs([ONE, TWO, ONE], [b'{"type":"move"}', b"", b"\xff"]),
    Leave(ONE, "closed_by_client"),
    Resync(TWO),
]
TO_EDGE: list[ToEdge] = [
    Opened(ONE, PlayerId(5), b'{"type":"welcome"}'),
    Declined(ONE, RefusalCode.BAD_TOKEN, "unknown or used up", 2000),
    Deliver([ONE, TWO], b'{"type":"ack"}'),
    TickFrames("meadow", 2**31, 3, [WorldFrame(b"\x01\x00", [ONE, TWO], 4, True), WorldFrame(b"", [], 4)]),
    CloseConnection(TWO, Close.TAKEN_OVER, "elsewhere"),
    InputsWanted(),
    PhaseEnded(),
]


def test_the_lists_above_have_every_message() -> None:
    assert {type(message) for message in TO_HOST} == set(get_args(ToHost))
    assert {type(message) for message in TO_EDGE} == set(get_args(ToEdge))


@pytest.mark.parametrize("message", TO_HOST, ids=lambda message: type(message).__name__)
def test_a_message_for_the_host_survives_the_way_through_bytes(message: ToHost) -> None:
    assert decode_to_host(encode(message)) == message
    with pytest.raises(msgspec.DecodeError):
        decode_to_edge(encode(message))


@pytest.mark.parametrize("message", TO_EDGE, ids=lambda message: type(message).__name__)
def test_a_message_for_the_edge_survives_the_way_through_bytes(message: ToEdge) -> None:
    assert decode_to_edge(encode(message)) == message
    with pytest.raises(msgspec.DecodeError):
        decode_to_host(encode(message))


@given(st.sampled_from([*TO_HOST, *TO_EDGE]), st.data())
def test_a_message_that_is_cut_off_is_refused(message: ToHost | ToEdge, data: st.DataObject) -> None:
    encoded = encode(message)
    part = encoded[: data.draw(st.integers(0, len(encoded) - 1))]
    for decode in (decode_to_host, decode_to_edge):
        with pytest.raises(msgspec.DecodeError):
            decode(part)


@given(st.binary(max_size=200))
@example(b"\x91\xa3\x00\x00\x80")  # a text that is not UTF-8
def test_bytes_that_are_no_message_are_refused(noise: bytes) -> None:
    for decode in (decode_to_host, decode_to_edge):
        with pytest.raises(msgspec.DecodeError):
            decode(noise)
