"""Players are read when a tick asks for it: all in one pass, none more than its share, and nobody at another's cost."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import structlog

from gameserver.config import Settings
from gameserver.edge.limits import limits_of
from gameserver.edge.pollers import DrainedPoller, EpollLike, LoopPoller, SelectorsPoll
from gameserver.edge.sockets import ClientSocket
from gameserver.edge.wire import Wire
from gameserver.link.messages import TickFrames, WorldFrame
from gameserver.protocol.ids import ConnectionId
from tests.edge.ends import reset
from tests.edge.scripted import (
    SENDERS,
    Bare,
    NewSender,
    PlayerInput,
    Running,
    bare,
    client_frame,
    playing,
    running_edge,
    tcp_pair,
)

BY_HAND: dict[str, Any] = {"read_within_s": 3600.0}
MOVE = client_frame(b'{"type":"move","dx":1,"dy":0}')
AT_ONCE = LoopPoller()


@contextlib.asynccontextmanager
async def read_often(running: Running) -> AsyncIterator[None]:
    """Read the edge again and again inside the block."""

    async def read() -> None:
        while True:
            running.edge.read()
            await asyncio.sleep(0.005)

    reading = asyncio.create_task(read())
    try:
        yield
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


@contextlib.asynccontextmanager
async def player(running: Running) -> AsyncIterator[Bare]:
    async with bare(running) as client:
        async with read_often(running):
            await client.sign_in()
        yield client


def socket_of(running: Running, connection_id: ConnectionId) -> ClientSocket:
    return running.edge._context.sockets[connection_id]


def waits_for(running: Running, connection_id: ConnectionId) -> tuple[bool, bool]:
    """Return whether the wire waits to be read, and to be written."""
    wire = socket_of(running, connection_id)._wire
    return wire._reads, wire._writes


async def test_what_players_send_waits_for_the_tick_and_is_then_read_at_once() -> None:
    async with running_edge(**BY_HAND) as running, player(running) as one, player(running) as other:
        for _ in range(5):  # five packets each
            for client in (one, other):
                await client.send(MOVE)
                await asyncio.sleep(0.01)
        assert running.host.inputs == []
        running.edge.read()
        assert len(running.host.inputs) == 10
        running.edge.read()
        assert len(running.host.inputs) == 10


async def test_one_read_takes_no_more_of_a_client_than_its_share() -> None:
    plenty: dict[str, Any] = {"messages_per_s": 1e6, "message_burst": 10**6, "read_bytes": 4096}
    edge = running_edge(**BY_HAND, **plenty)
    async with edge as running, player(running) as greedy, player(running) as modest:
        await greedy.send(MOVE * 1000)
        await modest.send(MOVE)
        await asyncio.sleep(0.05)
        share = 4096 // len(MOVE)
        for times in range(1, 4):
            running.edge.read()
            greedys, modests = (count_of(running, n) for n in (-2, -1))
            assert share * times <= greedys <= (share + 1) * times
            assert modests == 1


def count_of(running: Running, which: int) -> int:
    """Inputs of the ``which``-th connection."""
    connection_id = list(running.edge._context.sockets)[which]
    return sum(told.connection_id == connection_id for told in running.host.of(PlayerInput))


async def test_without_ticks_the_edge_reads_by_itself() -> None:
    async with running_edge(read_within_s=0.05) as running, playing(running) as client:
        await client.send(type="move", dx=1, dy=0)
        await running.host.wait_for(PlayerInput)


@SENDERS
async def test_writing_is_asked_about_only_while_something_waits(new_sender: NewSender) -> None:
    edge = running_edge(**BY_HAND, send_buffer_bytes=4096, sender=new_sender())
    async with edge as running, player(running) as client:
        connection_id = running.host.last_connection()
        assert waits_for(running, connection_id) == (True, False)
        payload = bytes(range(256)) * 200
        for _ in range(60):
            frames = [WorldFrame(payload, [connection_id], full=True)]
            running.host.link.to_edge(TickFrames("meadow", 1, 1, frames))
            running.edge.flush()
        assert waits_for(running, connection_id) == (True, True)
        async with read_often(running):
            assert await client.frame() == (2, payload)
            async with asyncio.timeout(5):
                while waits_for(running, connection_id) != (True, False):
                    assert await client.frame() == (2, payload)


@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
async def test_a_bug_about_one_wire_costs_that_one_and_no_other(asked: Callable[[], EpollLike]) -> None:
    poller = DrainedPoller(1000, asked())
    owners = [Owner(poller, raises=True), Owner(poller, raises=False)]
    for owner in owners:
        owner.far.send(b"hello")
    await asyncio.sleep(0.02)
    poller.drain()
    assert owners[1].read == b"hello"
    await asyncio.sleep(0)
    assert owners[0].is_lost and not owners[1].is_lost
    await end(owners)
    assert not any(poller._wires)
    poller.close()
    poller.drain()  # as a tick after the edge was closed does


@pytest.mark.plain  # a wire that is broken on purpose
@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
async def test_a_pass_that_was_broken_off_loses_nothing_of_what_it_did_not_come_to(
    asked: Callable[[], EpollLike],
) -> None:
    class Broken(Wire):
        is_broken = True

        def was_read(self, read: bytes | int) -> None:
            raise RuntimeError("a bug")

        def abort(self) -> None:
            if self.is_broken:
                raise RuntimeError("another")
            super().abort()

    poller = DrainedPoller(1000, asked())
    broken, *others = owners = [Owner(poller, raises=False, wire_type=Broken if at == 0 else Wire) for at in range(4)]
    for owner in owners:
        owner.far.send(b"hello")
        await asyncio.sleep(0.01)  # so that they come in this order
    with pytest.raises(RuntimeError, match="another"):
        poller.drain()
    assert [owner.read for owner in others] == [b""] * 3
    broken.wire.is_broken = False  # type: ignore[attr-defined]
    poller.drain()
    assert [owner.read for owner in others] == [b"hello"] * 3
    await end(owners)
    poller.close()


@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
async def test_what_waited_leaves_with_a_pass_and_a_peer_that_went_is_noticed(asked: Callable[[], EpollLike]) -> None:
    poller = DrainedPoller(1000, asked())
    owner = Owner(poller, raises=False)
    owner.far.setblocking(False)
    owner.wire.write(bytes(4_000_000))
    waiting_bytes, taken = owner.wire.get_write_buffer_size(), 0
    assert waiting_bytes > 0
    async with asyncio.timeout(5):
        while taken < 4_000_000:
            with contextlib.suppress(BlockingIOError):
                taken += len(owner.far.recv(1 << 20))
            poller.drain()
            await asyncio.sleep(0)
    assert owner.wire.get_write_buffer_size() == 0 and owner.read == b""
    owner.far.close()
    await asyncio.sleep(0.02)
    poller.drain()
    await asyncio.sleep(0)
    assert owner.is_lost and not any(poller._wires)
    poller.close()


@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
async def test_who_goes_while_others_are_read_does_not_stop_the_pass(asked: Callable[[], EpollLike]) -> None:
    poller = DrainedPoller(1000, asked())
    owners = [Owner(poller, raises=False) for _ in range(3)]
    for owner in owners:
        owner.ends = [other.wire for other in owners]  # whoever is read first ends them all
        owner.far.send(b"hello")
    await asyncio.sleep(0.02)
    with structlog.testing.capture_logs() as logged:
        poller.drain()
    await asyncio.sleep(0)
    assert logged == []
    assert all(owner.is_lost for owner in owners) and sum(owner.read == b"hello" for owner in owners) == 1
    for owner in owners:
        owner.far.close()
    poller.close()


@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
async def test_who_is_moved_while_others_are_read_loses_nothing_that_came(asked: Callable[[], EpollLike]) -> None:
    poller = DrainedPoller(1000, asked())
    owners = [Owner(poller, raises=False) for _ in range(3)]
    for owner in owners:
        owner.moves = [other.wire for other in owners]  # whoever is read first moves them all
        owner.far.send(b"hello")
    await asyncio.sleep(0.02)
    poller.drain()
    assert sorted(owner.read for owner in owners) == [b"", b"", b"hello"] and not any(poller._wires)
    for owner in owners:
        owner.far.send(b", again")
    await asyncio.sleep(0.02)  # now the loop reads them, also what waited before
    assert [owner.read for owner in owners] == [b"hello, again"] * 3
    await end(owners)
    poller.close()


@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
@pytest.mark.parametrize("said", [b"last", b"x" * 1000, b"x" * 2500])
async def test_an_end_behind_the_last_words_is_noticed_though_nothing_new_comes(
    asked: Callable[[], EpollLike], said: bytes
) -> None:
    poller = DrainedPoller(1000, asked())
    owner = Owner(poller, raises=False)
    owner.far.send(said)
    owner.far.shutdown(socket.SHUT_WR)
    await asyncio.sleep(0.02)
    for _ in range(len(said) // 1000 + 1):
        assert not owner.is_lost
        poller.drain()
        await asyncio.sleep(0)
    assert owner.read == said
    poller.drain()
    await asyncio.sleep(0)
    assert owner.is_lost and not any(poller._wires)
    owner.far.close()
    poller.close()


@pytest.mark.parametrize("asked", [select.epoll, SelectorsPoll])
async def test_a_peer_that_resets_is_noticed(asked: Callable[[], EpollLike]) -> None:
    poller = DrainedPoller(1000, asked())
    owner = Owner(poller, raises=False)
    reset(owner.far)
    await asyncio.sleep(0.02)
    poller.drain()
    await asyncio.sleep(0)
    assert owner.is_lost and not any(poller._wires)
    poller.close()


class Owner:
    """Has a wire to itself."""

    def __init__(self, poller: DrainedPoller, raises: bool, wire_type: type[Wire] = Wire):
        near, self.far = tcp_pair()
        self.raises = raises
        self.read = b""
        self.is_lost = False
        self.ends: list[Wire] = []
        self.moves: list[Wire] = []
        self.wire = wire_type(near, self, poller, limits_of(Settings()))
        self.wire.start()

    def data_received(self, data: bytes) -> None:
        if self.raises:
            raise RuntimeError("a bug")
        self.read += data
        for wire in self.ends:
            wire.abort()
        for wire in self.moves:
            wire.move_to(AT_ONCE)

    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...

    def connection_lost(self) -> None:
        self.is_lost = True


async def end(owners: list[Owner]) -> None:
    """Both ends of each."""
    for owner in owners:
        owner.wire.abort()
        owner.far.close()
    await asyncio.sleep(0)
