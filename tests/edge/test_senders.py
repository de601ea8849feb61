"""A tick's bytes to many, in one system call or in many: the same comes of it, and no client costs another its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Iterator

import pytest

from gameserver.edge.senders import Sender, SocketSender
from gameserver.edge.wire import Wire
from tests.edge.ends import Ends
from tests.edge.scripted import at_once


@pytest.fixture(params=[at_once, SocketSender], ids=["at_once", "one_by_one"])
def sender(request: pytest.FixtureRequest) -> Iterator[Sender]:
    with contextlib.closing(request.param()) as sender:
        yield sender


def send(sender: Sender, burst: list[tuple[Wire, bytes]]) -> None:
    sender.send([wire for wire, _ in burst], [part for _, part in burst])


@pytest.fixture
def some() -> Iterator[list[Ends]]:
    """Three clients."""
    some = [Ends() for _ in range(3)]
    yield some
    for ends in some:
        ends.peer.close()
        ends.wire._socket.close()


async def test_each_gets_its_bytes_and_nothing_is_kept(sender: Sender, some: list[Ends]) -> None:
    send(sender, [(ends.wire, b"%d" % n * 100) for n, ends in enumerate(some)])
    assert [ends.take(100) for ends in some] == [b"0" * 100, b"1" * 100, b"2" * 100]
    assert all(ends.wire.is_clear and not ends.asked.writes and ends.told == [] for ends in some)


async def test_what_comes_after_a_backlog_waits_behind_it(sender: Sender, some: list[Ends]) -> None:
    slow = some[1]
    slow.wire.write(b"x" * 50_000)
    slow.take(2000)  # the kernel could take something again
    send(sender, [(ends.wire, b"news") for ends in some])
    assert some[0].take(4) == some[2].take(4) == b"news"
    assert slow.take(48_004) == b"x" * 48_000 + b"news"


async def test_what_is_closing_gets_nothing_more(sender: Sender, some: list[Ends]) -> None:
    ended, ending, half = some
    ended.wire.close()
    ending.wire.write(b"x" * 50_000)
    ending.wire.close()
    half.wire.write_eof()
    send(sender, [(ends.wire, b"too late") for ends in some])
    assert ending.take(50_000) == b"x" * 50_000
    await asyncio.sleep(0)
    for ends in some:
        assert ends.peer.recv(10) == b""


async def test_a_number_that_another_has_by_now_gets_nothing(sender: Sender, some: list[Ends]) -> None:
    """A wire that has ended remembers its descriptor, which the system gives to whoever opens one next."""
    gone, bystander = some[0], some[1]
    gone.wire.abort()
    await asyncio.sleep(0)
    os.dup2(bystander.wire.fd, gone.wire.fd)
    try:
        send(sender, [(gone.wire, b"for another"), (bystander.wire, b"for me")])
    finally:
        os.close(gone.wire.fd)
    assert bystander.take(6) == b"for me"
    with pytest.raises(BlockingIOError):
        bystander.peer.recv(1)


async def test_a_client_that_broke_is_told_as_lost_later_and_the_others_get_their_bytes(
    sender: Sender, some: list[Ends]
) -> None:
    broken = some[1]
    broken.reset()
    send(sender, [(ends.wire, b"news") for ends in some])
    assert broken.told == [] and broken.wire.is_closing  # never from inside a call
    send(sender, [(ends.wire, b"more") for ends in some])
    await asyncio.sleep(0)
    assert broken.told == ["lost"] and broken.wire.fileno() == -1
    assert some[0].take(8) == some[2].take(8) == b"newsmore"


async def test_what_a_full_client_is_not_sent_is_kept_and_its_owner_told_once(sender: Sender, some: list[Ends]) -> None:
    full, sent = some[1], [n.to_bytes(4, "big") * 2500 for n in range(10)]
    for piece in sent:
        send(sender, [(full.wire, piece), (some[0].wire, b"news"), (some[2].wire, piece[:4])])
    assert (full.told, full.asked.writes) == (["pause"], True)
    assert full.wire.get_write_buffer_size() > 20_000
    assert some[0].take(40) == b"news" * 10
    assert full.take(100_000) == b"".join(sent)
    assert (full.told, full.asked.writes) == (["pause", "resume"], False)
    assert some[2].take(40) == b"".join(piece[:4] for piece in sent)


async def test_what_the_kernel_takes_nothing_of_is_kept_whole(sender: Sender, some: list[Ends]) -> None:
    full, filled = some[1], 0
    with contextlib.suppress(BlockingIOError):
        while True:
            filled += full.wire._socket.send(bytes(100_000))
    news = b"".join(b"%07d " % n for n in range(100))
    send(sender, [(ends.wire, news) for ends in some])
    assert full.wire.get_write_buffer_size() == len(news) and full.asked.writes
    assert full.take(filled + len(news)) == bytes(filled) + news
    assert some[0].take(len(news)) == some[2].take(len(news)) == news


async def test_a_bug_about_one_client_costs_no_other_its_bytes(sender: Sender, some: list[Ends]) -> None:
    def bug() -> None:
        raise RuntimeError("a bug")

    faulty, other, behind = some
    faulty.pause_writing = bug  # type: ignore[method-assign]
    behind.wire.write(b"x" * 30_000)
    send(sender, [(faulty.wire, bytes(100_000)), (other.wire, bytes(range(250)) * 400), (behind.wire, b"news")])
    await asyncio.sleep(0)
    assert faulty.told == ["lost"]
    assert other.take(100_000) == bytes(range(250)) * 400
    assert behind.take(30_004) == b"x" * 30_000 + b"news"
