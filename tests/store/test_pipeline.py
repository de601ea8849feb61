"""A request's replies are taken in however they are cut into pieces, and none is ever left for the next request."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.exceptions import InvalidResponse, ResponseError

from gameserver.store.pipeline import Pipeline, Replies

REPLIES = [
    (b":0\r\n", 0),
    (b":1\r\n", 1),
    (b"$-1\r\n", None),
    (b"$3\r\nabc\r\n", b"abc"),
    (b"$4\r\n:0\r\n\r\n", b":0\r\n"),
]
CHANGED = b":0\r\n"


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(stream) + 1) for place in places), len(stream)]
    return [stream[begin:end] for begin, end in pairwise(edges) if begin < end]


replies_of = st.lists(st.sampled_from([*REPLIES, *REPLIES[:1] * 5]), min_size=1, max_size=12)


@given(come=replies_of, usual=replies_of, same=st.integers(0, 12), places=st.lists(st.integers(0, 200), max_size=6))
def test_they_are_told_unless_they_are_the_usual_ones_however_they_come(
    come: list[tuple[bytes, object]], usual: list[tuple[bytes, object]], same: int, places: list[int]
) -> None:
    usual = [*come[:same], *usual[same : len(come)]]
    usual += come[len(usual) :]
    replies = Replies(len(come), b"".join(reply for reply, _ in usual))
    pieces = cut(b"".join(reply for reply, _ in come), places)
    assert [replies.take(piece) for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert replies.read() == (None if come == usual else [value for _, value in come])


@pytest.mark.parametrize("other", [b":0\r\n", b":7\r\n"])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("last", [b":9\r\n", b"-ERR no\r\n"])
def test_the_first_error_is_raised_when_all_are_here(other: bytes, first: bool, last: bytes) -> None:
    refused = b"-OOM none left\r\n"
    replies = Replies(3, CHANGED * 3)
    assert not replies.take(refused + other if first else other + refused)
    assert replies.take(last)
    with pytest.raises(ResponseError, match="none left"):
        replies.read()


@pytest.mark.parametrize("more", [b":0\r\n", b":", b"$1\r\n"])
@pytest.mark.parametrize("due", [CHANGED * 2, b":1\r\n:0\r\n"])
def test_more_than_was_asked_for_is_an_error(due: bytes, more: bytes) -> None:
    with pytest.raises(InvalidResponse):
        Replies(2, CHANGED * 2).take(due + more)


def test_what_is_no_reply_is_an_error() -> None:
    with pytest.raises(InvalidResponse):
        Replies(2, CHANGED * 2).take(b":0\r\nHTTP/1.1 400 Bad Request\r\n")


# --- on a connection ---


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    peer = Peer()
    server = await asyncio.start_server(peer.met, "127.0.0.1", 0)
    _, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    peer.pipeline = Pipeline(writer.transport)  # type: ignore[arg-type]
    await peer.is_met.wait()
    yield peer
    writer.transport.abort()
    peer.writer.close()
    server.close()


class Peer:
    """The other end, played by hand."""

    pipeline: Pipeline
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def __init__(self) -> None:
        self.is_met = asyncio.Event()

    async def met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.is_met.set()

    async def say(self, words: bytes) -> None:
        self.writer.write(words)
        await asyncio.sleep(0.02)


async def test_requests_take_turns(peer: Peer) -> None:
    for number in range(3):
        asking = asyncio.create_task(peer.pipeline.ask(b"ask", 2, CHANGED * 2))
        assert await peer.reader.readexactly(3) == b"ask"
        await peer.say(b":0\r\n")
        assert not asking.done()
        await peer.say(b":%d\r\n" % number)
        assert await asking == ([0, number] if number else None)
        assert peer.pipeline.is_clean


LONG, COUNT = b"x" * 20_000, 1000  # more than a server reads, and replies to, at once


@pytest.mark.parametrize("pieces", [[1000], [999, 1], [900, 50, 50], [10, 990], [1, 1, 998]])
async def test_replies_to_a_long_request_may_come_in_any_pieces(peer: Peer, pieces: list[int]) -> None:
    for _ in range(2):
        asking = asyncio.create_task(peer.pipeline.ask(LONG, COUNT, CHANGED * COUNT))
        await peer.reader.readexactly(len(LONG))
        for piece in pieces:
            assert not asking.done()
            await peer.say(CHANGED * piece)
        async with asyncio.timeout(1.0):
            assert await asking is None


@pytest.mark.skipif(sys.platform != "linux", reason="only done there")
async def test_few_of_many_replies_wake_nobody(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    woken: list[int] = []
    received = Pipeline.data_received

    def note(pipeline: Pipeline, data: bytes) -> None:
        woken.append(len(data))
        received(pipeline, data)

    monkeypatch.setattr(Pipeline, "data_received", note)
    asking = asyncio.create_task(peer.pipeline.ask(LONG, COUNT, CHANGED * COUNT))
    await peer.reader.readexactly(len(LONG))
    for _ in range(10):
        await peer.say(CHANGED * 100)
    assert await asking is None
    assert woken == [3200, 400, 400]  # 3 bytes a reply at least, and then whatever comes


async def test_a_connection_lost_after_few_of_many_replies_ends_the_request(peer: Peer) -> None:
    asking = asyncio.create_task(peer.pipeline.ask(LONG, COUNT, CHANGED * COUNT))
    await peer.reader.readexactly(len(LONG))
    await peer.say(CHANGED * 10)
    peer.writer.close()
    async with asyncio.timeout(1.0):
        with pytest.raises(ConnectionResetError):
            await asking


async def test_what_nobody_asked_for_makes_it_unclean(peer: Peer) -> None:
    await peer.say(b":0\r\n")
    assert not peer.pipeline.is_clean


async def test_what_comes_behind_the_replies_makes_it_unclean(peer: Peer) -> None:
    asking = asyncio.create_task(peer.pipeline.ask(b"ask", 1, CHANGED))
    await peer.reader.readexactly(3)
    await peer.say(b":0\r\n")
    await peer.say(b":0\r\n")
    assert await asking is None
    assert not peer.pipeline.is_clean


async def test_a_lost_connection_ends_the_request(peer: Peer) -> None:
    asking = asyncio.create_task(peer.pipeline.ask(b"ask", 1, CHANGED))
    await peer.reader.readexactly(3)
    peer.writer.close()
    with pytest.raises(ConnectionResetError):
        await asking
    assert not peer.pipeline.is_clean


@pytest.mark.skipif(sys.platform != "linux", reason="no low-water mark is set there")
async def test_the_end_of_the_connection_leaves_no_descriptor_behind(peer: Peer) -> None:
    kept = peer.pipeline._socket
    assert kept is not None and kept.fileno() >= 0
    peer.pipeline._transport.abort()
    for _ in range(2):
        await asyncio.sleep(0)
    assert kept.fileno() == -1


async def test_who_says_that_nothing_more_comes_ends_the_request(peer: Peer) -> None:
    """The request ends even while a part of it still waits to leave."""
    asking = asyncio.create_task(peer.pipeline.ask(b"x" * 20_000_000, 1, CHANGED))
    await asyncio.sleep(0.02)
    peer.writer.write_eof()
    async with asyncio.timeout(1.0):
        with pytest.raises(ConnectionResetError):
            await asking
    assert not peer.pipeline.is_clean


async def test_nonsense_ends_the_request(peer: Peer) -> None:
    asking = asyncio.create_task(peer.pipeline.ask(b"ask", 1, CHANGED))
    await peer.reader.readexactly(3)
    await peer.say(b"nonsense\r\n")
    with pytest.raises(InvalidResponse):
        await asking
