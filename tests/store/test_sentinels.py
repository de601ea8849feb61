"""The primary is found, followed when it changes, and left when it was replaced without knowing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from gameserver.live.sessions import LiveSessions
from gameserver.live.tick_writer import Check, OwnerMissing, ServerChanged, TickWriter
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.following import PERIOD_S
from tests.live.batches import SessionWrite, batch_of, session_write
from tests.servers.ports import free_port
from tests.servers.sentinel import SentinelGroup

ANNA, OURS = PlayerId(5), Epoch(9)


@pytest.fixture
async def store(sentinel_group: SentinelGroup) -> AsyncIterator[Store]:
    store = Store(sentinel_group.url, timeout_s=2.0)
    await store.open()
    yield store
    await store.close()


def write_of(x: str) -> SessionWrite:
    return session_write(ANNA, OURS, [b"x", x.encode(), b"seq", b"1"])


async def test_calls_and_ticks_go_to_the_primary_and_after_a_failover_to_the_new_one(
    sentinel_group: SentinelGroup, store: Store
) -> None:
    live, writer = LiveSessions(store), TickWriter(store)
    await live.open(ANNA, OURS, NodeId("here"), "meadow", {"x": "0"})
    assert (await writer.write(batch_of([write_of("1")]), [Check(ANNA, OURS)])).fenced == set()
    await asyncio.to_thread(sentinel_group.copy)
    await asyncio.to_thread(sentinel_group.failover)
    await asyncio.sleep(PERIOD_S + 0.5)  # what the old primary takes until then is lost with it
    assert await live.read(ANNA, OURS) == {"x": "1", "seq": "1"}
    with pytest.raises(ServerChanged):
        await writer.write(batch_of([write_of("2")]), [Check(ANNA, OURS)])
    assert (await writer.write(batch_of([write_of("2")]), [Check(ANNA, OURS)])).fenced == set()
    assert b"\r\n2\r\n" in sentinel_group.primary.command("HGET", "session:{5}:9", "x")


async def test_a_primary_that_is_killed_costs_refusals_and_nothing_else(
    sentinel_group: SentinelGroup, store: Store
) -> None:
    """Under load: every call ends within its deadline, what was accepted last is there, and nobody has to help."""
    live, writer = LiveSessions(store), TickWriter(store)
    await live.open(ANNA, OURS, NodeId("here"), "meadow", {"x": "0"})
    outcomes: list[type[Exception] | None] = []
    is_over = asyncio.Event()

    async def load() -> None:
        while not is_over.is_set() or outcomes[-1] is not None:
            try:
                async with asyncio.timeout(2 * store.timeout_s + 1):
                    await writer.write(batch_of([write_of(str(len(outcomes)))]), [Check(ANNA, OURS)])
                    await store.ping()
                outcomes.append(None)
            except StoreUnavailable as error:
                outcomes.append(type(error))
            await asyncio.sleep(0.02)

    await asyncio.to_thread(sentinel_group.copy)
    loading = asyncio.create_task(load())
    async with asyncio.timeout(20):
        while None not in outcomes:
            await asyncio.sleep(0.02)
    killed = sentinel_group.primary
    killed.kill()
    await asyncio.to_thread(sentinel_group.failover, killed)
    is_over.set()
    async with asyncio.timeout(3):
        await loading
    assert outcomes.count(ServerChanged) == 1 and outcomes.count(StoreUnavailable) > 1
    assert (await live.read(ANNA, OURS) or {})["x"] == str(len(outcomes) - 1)


async def test_a_primary_that_was_cut_off_is_left_though_it_still_answers(
    sentinel_group: SentinelGroup, store: Store
) -> None:
    live, writer = LiveSessions(store), TickWriter(store)
    await live.open(ANNA, OURS, NodeId("here"), "meadow", {"x": "0"})
    await writer.write(batch_of([write_of("1")]), [Check(ANNA, OURS)])
    zombie = sentinel_group.primary
    await asyncio.to_thread(sentinel_group.copy)
    sentinel_group.cut_off()
    await writer.write(batch_of([write_of("of the zombie")]), [Check(ANNA, OURS)])
    assert b"zombie" in zombie.command("HGET", "session:{5}:9", "x")
    await asyncio.to_thread(sentinel_group.failover)
    await asyncio.sleep(PERIOD_S + 0.5)
    with pytest.raises(ServerChanged):
        await writer.write(batch_of([write_of("2")]), [Check(ANNA, OURS)])
    await writer.write(batch_of([write_of("2")]), [Check(ANNA, OURS)])
    await store.command("test", "SET", "a", "1")
    assert zombie.command("GET", "a") == b"$-1\r\n"
    await asyncio.to_thread(sentinel_group.heal)
    assert (await live.read(ANNA, OURS) or {})["x"] == "2"
    assert b"\r\n2\r\n" in zombie.command("HGET", "session:{5}:9", "x")


async def test_a_session_that_a_failover_lost_is_told_from_one_that_was_taken_over(
    sentinel_group: SentinelGroup, store: Store
) -> None:
    live, writer = LiveSessions(store), TickWriter(store)
    await live.open(ANNA, Epoch(8), NodeId("here"), "meadow", {"x": "0"})
    await writer.write(batch_of([session_write(ANNA, Epoch(8), [b"x", b"1"])]))
    await asyncio.to_thread(sentinel_group.copy)
    sentinel_group.cut_off()
    await live.open(ANNA, OURS, NodeId("here"), "meadow", {})
    assert (await writer.write(batch_of([write_of("1")]), [Check(ANNA, OURS)])).fenced == set()
    await asyncio.to_thread(sentinel_group.failover)
    await asyncio.sleep(PERIOD_S + 0.5)
    with pytest.raises(ServerChanged):
        await writer.write(batch_of([write_of("2")]), [Check(ANNA, OURS)])
    with pytest.raises(OwnerMissing) as missing:
        await writer.write(batch_of([write_of("2")]), [Check(ANNA, OURS)])
    assert missing.value.players == {ANNA}


async def test_one_sentinel_is_enough_and_none_is_too_few(sentinel_group: SentinelGroup) -> None:
    address = sentinel_group.url.split(",")[-1]
    store = Store(f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{free_port()},{address}")
    await store.ping()
    await store.close()
    store = Store(f"redis+sentinel://127.0.0.1:{free_port()}/game")
    with pytest.raises(StoreUnavailable, match="no sentinel"):
        await store.open()
    await store.close()


async def test_a_service_that_no_sentinel_knows_is_unavailable(sentinel_group: SentinelGroup) -> None:
    store = Store(sentinel_group.url.replace("/game/", "/other/"))
    with pytest.raises(StoreUnavailable, match="No such master"):
        await store.ping()
    await store.close()
