"""The contract of node leases, on Redis 7.0 and on the embedded Valkey."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.live import keys
from gameserver.live.nodes import Holding, NodeLeases
from gameserver.protocol.ids import NodeId
from gameserver.store.connection import Store

HERE = NodeId("here")
LONG_MS = 60_000


@pytest.fixture
def leases(store: Store) -> NodeLeases:
    return NodeLeases(store)


async def test_a_renewed_node_is_alive_and_listed(leases: NodeLeases) -> None:
    assert not await leases.alive(HERE)
    assert await leases.renew(HERE, "process 1", LONG_MS)
    assert await leases.alive(HERE)
    assert await leases.all_nodes() == {HERE}


async def test_a_lease_that_is_not_renewed_ends_and_the_node_stays_listed(leases: NodeLeases) -> None:
    await leases.renew(HERE, "process 1", 30)
    await asyncio.sleep(0.1)
    assert not await leases.alive(HERE)
    assert await leases.all_nodes() == {HERE}


async def test_renewing_prolongs_the_lease(leases: NodeLeases, store: Store) -> None:
    await leases.renew(HERE, "process 1", 1000)
    await leases.renew(HERE, "process 1", LONG_MS)
    assert await store.command("test", "PTTL", keys.node(HERE)) > 1000


async def test_another_instance_of_the_node_waits_for_the_end_of_the_lease(store: Store) -> None:
    first, second = NodeLeases(store), NodeLeases(store)
    assert await first.renew(HERE, "process 1", 300)
    assert not await second.renew(HERE, "process 2", LONG_MS)
    await asyncio.sleep(0.4)
    assert await second.renew(HERE, "process 2", LONG_MS)
    assert not await first.renew(HERE, "process 1", LONG_MS)


async def test_a_released_lease_is_free_at_once(store: Store) -> None:
    first, second = NodeLeases(store), NodeLeases(store)
    await first.renew(HERE, "process 1", LONG_MS)
    await first.release(HERE)
    assert not await first.alive(HERE)
    assert await second.renew(HERE, "process 2", LONG_MS)


async def test_a_lease_that_went_to_another_instance_is_not_released(store: Store) -> None:
    first, second = NodeLeases(store), NodeLeases(store)
    await first.renew(HERE, "process 1", 30)
    await asyncio.sleep(0.1)
    await second.renew(HERE, "process 2", LONG_MS)
    await first.release(HERE)
    assert await second.alive(HERE)


async def test_releasing_what_was_never_held_does_nothing(store: Store) -> None:
    holder, stranger = NodeLeases(store), NodeLeases(store)
    await holder.renew(HERE, "process 1", LONG_MS)
    await stranger.release(HERE)
    assert await holder.alive(HERE)


async def test_a_forgotten_node_is_listed_again_when_it_renews(leases: NodeLeases) -> None:
    await leases.renew(HERE, "process 1", LONG_MS)
    await leases.forget(HERE)
    assert await leases.all_nodes() == set()
    await leases.renew(HERE, "process 1", LONG_MS)
    assert await leases.all_nodes() == {HERE}


async def test_the_lease_of_one_that_is_known_to_be_dead_is_taken_over_and_of_no_other(leases: NodeLeases) -> None:
    assert await leases.renew(HERE, "process 1", LONG_MS)
    assert not await leases.renew(HERE, "process 2", LONG_MS, instead_of="process 0")
    assert await leases.renew(HERE, "process 2", LONG_MS, instead_of="process 1")
    assert not await leases.renew(HERE, "process 1", LONG_MS)


async def test_a_look_shows_each_renewal_and_that_there_is_no_lease(leases: NodeLeases) -> None:
    assert await leases.look(HERE) is None
    await leases.renew(HERE, "process 1", LONG_MS)
    first = await leases.look(HERE)
    assert first is not None and first == await leases.look(HERE)
    assert first.instance == "process 1"
    await asyncio.sleep(0.01)
    await leases.renew(HERE, "process 1", LONG_MS)
    second = await leases.look(HERE)
    assert isinstance(second, Holding) and second.expires_ms > first.expires_ms
