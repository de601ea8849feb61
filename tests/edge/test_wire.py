"""A wire over a real TCP connection: what is kept, in which order it leaves, and how it ends."""

from __future__ import annotations

import asyncio
import select
import socket
from collections.abc import Iterator

import pytest

from tests.edge.ends import Ends, EpollLike


@pytest.fixture
def ends() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    ends.peer.close()
    ends.wire._socket.close()


async def test_what_the_kernel_takes_is_not_kept_and_not_waited_for(ends: Ends) -> None:
    ends.wire.write(b"hello")
    assert ends.take(5) == b"hello"
    assert (ends.wire.get_write_buffer_size(), ends.asked.writes, ends.asked.times) == (0, False, 1)


async def test_what_the_kernel_does_not_take_is_kept_in_order_and_leaves_when_it_can(ends: Ends) -> None:
    sent = [n.to_bytes(4, "big") * 2500 for n in range(10)]
    for piece in sent:
        ends.wire.write(piece)
    assert (ends.told, ends.asked.writes) == (["pause"], True)  # told once
    assert ends.wire.get_write_buffer_size() > 20_000
    assert ends.take(100_000) == b"".join(sent)
    assert not ends.asked.writes and ends.asked.reads  # nothing is asked about writing without a backlog
    assert ends.told == ["pause", "resume"]
    ends.wire.write(b"more")
    assert ends.take(4) == b"more" and not ends.asked.writes


async def test_writing_is_resumed_below_the_low_water_mark_and_not_before(ends: Ends) -> None:
    ends.wire.write(b"x" * 60_000)
    while "resume" not in ends.told:
        assert ends.wire.get_write_buffer_size() > 5000
        ends.take(2000)
    assert 0 <= ends.wire.get_write_buffer_size() <= 5000


async def test_one_look_reads_no_more_than_it_may(ends: Ends) -> None:
    ends.give(b"x" * 2500)
    for _ in range(4):
        ends.wire.readable()
    assert ends.told == ["read 1000", "read 1000", "read 500"]


async def test_closing_sends_what_waits_and_reads_nothing_any_more(ends: Ends) -> None:
    ends.wire.write(b"x" * 50_000)
    ends.wire.close()
    ends.wire.write(b"too late")
    ends.give(b"unheard")
    ends.wire.readable()
    await asyncio.sleep(0)
    assert ends.told == ["pause"] and not ends.asked.reads
    assert ends.take(50_000) == b"x" * 50_000
    assert "lost" not in ends.told  # never from inside a call
    await asyncio.sleep(0)
    assert ends.told[-1] == "lost" and ends.wire.fileno() == -1
    assert (ends.asked.reads, ends.asked.writes) == (False, False)


async def test_aborting_ends_at_once_and_is_told_once_and_later(ends: Ends) -> None:
    ends.wire.write(b"x" * 50_000)
    ends.wire.abort()
    ends.wire.abort()
    ends.wire.close()
    ends.wire.write(b"too late")
    ends.wire.readable()
    ends.wire.writable()
    assert ends.told == ["pause"]
    await asyncio.sleep(0)
    assert ends.told == ["pause", "lost"]


async def test_the_end_of_our_half_comes_after_what_waits(ends: Ends) -> None:
    ends.wire.write(b"x" * 50_000)
    ends.wire.write_eof()
    ends.wire.write(b"too late")
    assert ends.take(50_000) == b"x" * 50_000
    select.select([ends.peer], [], [], 5)
    assert ends.peer.recv(10) == b""  # the end, not "nothing yet"
    ends.give(b"still heard")
    ends.wire.readable()
    assert ends.read == b"still heard"


async def test_a_peer_that_ends_is_sent_what_waits(ends: Ends) -> None:
    ends.wire.write(b"x" * 50_000)
    ends.peer.shutdown(socket.SHUT_WR)
    select.select([ends.wire], [], [], 5)
    ends.wire.readable()
    assert ends.wire.is_closing
    assert ends.take(50_000) == b"x" * 50_000
    await asyncio.sleep(0)
    assert ends.told[-1] == "lost"


@pytest.mark.parametrize("found_by", ["write", "writable", "readable", "write_eof"])
async def test_a_connection_that_broke_is_told_as_lost_whatever_finds_out(ends: Ends, found_by: str) -> None:
    if found_by == "writable":
        ends.wire.write(b"x" * 3_000_000)
        assert ends.asked.writes
    ends.reset()
    if found_by == "write":
        ends.wire.write(b"x")
    else:
        getattr(ends.wire, found_by)()
    await asyncio.sleep(0)
    assert ends.told[-1] == "lost" and ends.wire.fileno() == -1


async def test_a_bug_of_the_owner_is_not_taken_for_one_of_the_connection(ends: Ends) -> None:
    def data_received(data: bytes) -> None:
        raise BrokenPipeError("of something else")

    ends.data_received = data_received  # type: ignore[method-assign]
    ends.give(b"hello")
    with pytest.raises(BrokenPipeError):
        ends.wire.readable()
    assert not ends.wire.is_closing


async def test_a_wire_can_be_handed_to_another_poller(ends: Ends) -> None:
    other = EpollLike()
    ends.wire.write(b"x" * 50_000)
    ends.wire.move_to(other)
    assert (ends.asked.reads, ends.asked.writes) == (False, False)
    assert (other.reads, other.writes) == (True, True)
