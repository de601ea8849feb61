"""The outbox skips frames, keeps messages, and asks for a full view in time."""

from __future__ import annotations

import msgspec
import pytest

from gameserver.edge.outbox import Joiner
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.refused import refused
from tests.edge.bench import Bench

pytestmark = pytest.mark.plain  # the wire is a stand-in


def test_messages_and_world_of_one_turn_leave_in_one_write_in_order() -> None:
    bench = Bench()
    bench.outbox.message(b"a")
    assert not bench.outbox.world(b"w", False)
    bench.outbox.message(b"b")
    assert len(bench.marked) == 1
    assert bench.written() == [b"awb"]
    bench.outbox.message(b"c")
    assert bench.written() == [b"c"]
    assert bench.outbox.world(b"v", False)  # the first thing in it
    assert not bench.outbox.world(b"w", False)
    assert bench.written() == [b"vw"]
    assert bench.tally.sent_bytes == 6


def test_world_frames_are_skipped_while_congested_and_a_full_one_is_asked_for_once() -> None:
    bench = Bench()
    bench.outbox.congest()
    for _ in range(3):
        bench.outbox.world(b"w", False)
    assert bench.written() == []
    assert bench.tally.frames_skipped == 3
    assert bench.outbox.drain()
    bench.outbox.world(b"delta", False)  # builds on a skipped one
    assert bench.written() == []
    bench.outbox.world(b"full", True)
    bench.outbox.world(b"delta", False)
    assert bench.written() == [b"fulldelta"]
    bench.outbox.congest()
    assert not bench.outbox.drain()  # nothing was skipped


def test_a_full_frame_that_comes_while_congested_again_is_asked_for_again() -> None:
    bench = Bench()
    bench.outbox.congest()
    bench.outbox.world(b"w", False)
    assert bench.outbox.drain()
    bench.outbox.congest()
    bench.outbox.world(b"full", True)
    assert bench.outbox.drain()
    bench.outbox.world(b"delta", False)
    bench.outbox.world(b"full", True)
    assert bench.written() == [b"full"]


def test_messages_are_kept_while_congested_until_the_cap() -> None:
    bench = Bench(bytes_max=100)
    bench.outbox.congest()
    bench.wire.waiting_bytes = 60
    assert bench.outbox.message(b"x" * 30)
    assert not bench.outbox.message(b"x" * 11)  # counts what waits in the wire and here
    assert bench.outbox.message(b"x" * 10)
    assert bench.written() == [b"x" * 40]
    assert bench.outbox.message(b"x" * 40)


def test_pings_and_pongs_are_left_out_while_congested_but_what_ends_the_connection_is_not() -> None:
    bench = Bench()
    bench.outbox.congest()
    bench.outbox.control(b"pong")
    assert bench.written() == []
    bench.outbox.last(b"close")
    assert bench.written() == [b"close"]


def test_nothing_is_written_to_a_wire_that_is_closing() -> None:
    bench = Bench()
    bench.outbox.message(b"a")
    bench.wire.is_closing = True
    assert bench.written() == []
    assert bench.tally.sent_bytes == 0


def test_a_frame_alone_is_sent_as_it_is_and_frames_that_several_get_are_joined_once() -> None:
    joiner = Joiner()
    alone, first, second, other = (Bench(joiner=joiner) for _ in range(4))
    world, said, more = b"world", b"said", b"more"
    for bench in (alone, first, second, other):
        bench.outbox.world(world, True)
    for bench in (first, second):
        bench.outbox.message(said)
    other.outbox.message(more)
    assert alone.written()[0] is world
    (one,), (same), (another,) = first.written(), second.written(), other.written()
    assert one == b"worldsaid" and same[0] is one
    assert another == b"worldmore"


def test_a_refusal_names_the_seq_of_what_was_refused_if_one_can_be_read() -> None:
    refusal = Refusal(RefusalCode.TOO_FAR, "out of reach", field="id", retry_after_ms=5)
    told = refused(refusal, b'{"type":"take","seq":12}')
    assert (told.code, told.reason, told.seq, told.field, told.retry_after_ms) == (
        "too_far", "out of reach", 12, "id", 5,
    )  # fmt: skip
    unreadable = [b"", b"{", b"\xff", b"[]", b"1", b'{"seq":true}', b'{"seq":"1"}', b'{"seq":1.5}', b'{"seq":0}']
    for text in [*unreadable, b'{"seq":-1}', b'{"seq":9007199254740992}', b'{"seq":1', b"[" * 5000]:
        assert refused(refusal, text).seq is None, text
    assert b"seq" not in msgspec.json.encode(refused(refusal))
