"""A client that reads too slowly: world frames are skipped, messages are kept up to a cap; on both event loops, and
whether a tick's bytes leave in one system call or in many."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import msgspec
import pytest
import uvloop
from websockets.frames import Opcode

from gameserver.edge.senders import Sender
from gameserver.link.messages import Resync, TickFrames, WorldFrame
from gameserver.observability.metrics import REGISTRY
from gameserver.protocol.ids import ConnectionId
from gameserver.protocol.messages import Event
from tests.edge.scripted import SENDERS, Bare, NewSender, Player, Running, playing, running_edge

SMALL: dict[str, Any] = {
    "send_buffer_bytes": 4096,
    "high_water_bytes": 20_000,
    "low_water_bytes": 5000,
    "outbox_bytes_max": 100_000,
}
LOOPS = pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
NewLoop = Callable[[], asyncio.AbstractEventLoop]


def run(new_loop: NewLoop, scenario: Callable[[], Awaitable[None]]) -> None:
    async def within() -> None:
        async with asyncio.timeout(20):
            await scenario()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(within())


@contextlib.asynccontextmanager
async def slow_reader(running: Running) -> AsyncIterator[Bare]:
    """A signed-in client with a small receive buffer that reads nothing by itself."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", running.port))
    reader, writer = await asyncio.open_connection(sock=raw, limit=1024)
    client = Bare(reader, writer)
    await client.sign_in()
    cast(asyncio.ReadTransport, writer.transport).pause_reading()
    try:
        yield client
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


def read_again(client: Bare) -> None:
    cast(asyncio.ReadTransport, client.writer.transport).resume_reading()


@contextlib.asynccontextmanager
async def crowd(sender: Sender) -> AsyncIterator[tuple[Running, Player, ConnectionId, Bare, ConnectionId]]:
    """An edge with small buffers, a quick client, and one that does not read until told to."""
    async with running_edge(**SMALL, sender=sender) as running, playing(running, "quick") as quick:
        quick_id = running.host.last_connection()
        async with slow_reader(running) as client:
            yield running, quick, quick_id, client, running.host.last_connection()


def tick(running: Running, connection_ids: list[ConnectionId], payload: bytes, full: bool = False) -> None:
    running.host.link.to_edge(TickFrames("meadow", 1, 1, [WorldFrame(payload, connection_ids, full=full)]))


def skipped() -> float:
    return REGISTRY.get_sample_value("gameserver_frames_skipped_total") or 0.0


@LOOPS
@SENDERS
def test_frames_are_skipped_then_one_resync_and_a_full_frame_resume_the_flow(
    new_loop: NewLoop, new_sender: NewSender
) -> None:
    async def scenario() -> None:
        async with crowd(new_sender()) as (running, quick, quick_id, client, slow_id):
            before = skipped()
            for n in range(200):
                tick(running, [slow_id, quick_id], n.to_bytes(4, "big") * 500)
                assert await quick.world() == n.to_bytes(4, "big") * 500  # not held up
            await asyncio.sleep(0.05)
            assert skipped() > before + 100
            assert running.host.of(Resync) == []

            read_again(client)
            received = [await client.frame()]
            while not running.host.of(Resync):
                received.append(await client.frame())
            tick(running, [slow_id], b"delta on a skipped one")
            tick(running, [slow_id], b"full", full=True)
            tick(running, [slow_id], b"delta")
            while received[-1][1] != b"delta":
                received.append(await client.frame())
            payloads = [payload for opcode, payload in received if opcode == Opcode.BINARY]
            assert payloads[-2:] == [b"full", b"delta"]
            assert b"delta on a skipped one" not in payloads
            whole = [int.from_bytes(payload[:4], "big") for payload in payloads[:-2]]
            assert whole == list(range(len(whole)))  # all before the gap, none after it
            assert [resync.connection_id for resync in running.host.of(Resync)] == [slow_id]

    run(new_loop, scenario)


@LOOPS
@SENDERS
def test_messages_beyond_the_cap_close_the_slow_client_and_nobody_else(
    new_loop: NewLoop, new_sender: NewSender
) -> None:
    async def scenario() -> None:
        async with crowd(new_sender()) as (running, quick, quick_id, client, slow_id):
            for n in range(200):
                running.host.deliver([slow_id, quick_id], Event("noise", {"n": n, "text": "x" * 1000}))
                assert (await quick.receive())["fields"]["n"] == n
            assert (slow_id, "slow_client") in running.host.left()
            read_again(client)
            numbers, reason = [], ""
            while not reason:
                opcode, payload = await client.frame()
                message = msgspec.json.decode(payload) if opcode == Opcode.TEXT else {}
                if message.get("type") == "event":
                    numbers.append(message["fields"]["n"])
                reason = message.get("reason", "")
            assert reason == "slow_client"
            assert numbers == list(range(len(numbers)))  # none lost before the close
            assert 80 <= len(numbers) < 130

    run(new_loop, scenario)


@LOOPS
@SENDERS
def test_a_client_that_never_reads_is_gone_after_its_moment(new_loop: NewLoop, new_sender: NewSender) -> None:
    async def scenario() -> None:
        async with running_edge(**SMALL, sender=new_sender()) as running, slow_reader(running):
            slow_id = running.host.last_connection()
            connections = REGISTRY.get_sample_value("gameserver_connections") or 0.0
            for _ in range(200):
                running.host.deliver([slow_id], Event("noise", {"text": "x" * 1000}))
            while REGISTRY.get_sample_value("gameserver_connections") != connections - 1:
                await asyncio.sleep(0.01)

    run(new_loop, scenario)


@LOOPS
@SENDERS
def test_a_tick_and_its_messages_reach_the_client_in_order(new_loop: NewLoop, new_sender: NewSender) -> None:
    async def scenario() -> None:
        async with running_edge(sender=new_sender()) as running, playing(running) as player:
            connection_id = running.host.last_connection()
            running.host.deliver([connection_id], Event("before", {}))
            tick(running, [connection_id], b"world", full=True)
            running.host.deliver([connection_id], Event("after", {}))
            assert (await player.receive())["name"] == "before"
            assert await player.world() == b"world"
            assert (await player.receive())["name"] == "after"

    run(new_loop, scenario)


@LOOPS
@SENDERS
def test_a_socket_that_dies_within_a_tick_costs_nobody_else_the_tick(new_loop: NewLoop, new_sender: NewSender) -> None:
    async def scenario() -> None:
        async with running_edge(sender=new_sender()) as running, playing(running, "dying"):
            dying_id = running.host.last_connection()
            async with playing(running, "living") as living:
                living_id = running.host.last_connection()
                running.edge._context.sockets[dying_id].abort()  # as when the network resets it in this very turn
                tick(running, [dying_id, living_id], b"world", full=True)
                running.host.deliver([dying_id, living_id], Event("noise", {}))
                assert await living.world() == b"world"
                assert (await living.receive())["name"] == "noise"

    run(new_loop, scenario)
