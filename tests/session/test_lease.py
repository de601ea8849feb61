"""One of several processes with the same name gets the node's lease. On a real server; a process is an object here."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gameserver.clock import SystemClock
from gameserver.live.nodes import NodeLeases
from gameserver.protocol.ids import NodeId
from gameserver.session.instance import Instance
from gameserver.session.lease import PATIENCE, RENEWALS_PER_LEASE, Lease, NodeNameInUse
from gameserver.store.connection import Store

NODE = NodeId("node")
TTL_S = 1.0
PERIOD_S = TTL_S / RENEWALS_PER_LEASE


@pytest.fixture
async def store(one_redis_url: str) -> AsyncIterator[Store]:
    store = Store(one_redis_url)
    yield store
    await store.close()


def lease_on(store: Store, ttl_s: float = TTL_S) -> Lease:
    return Lease(NodeLeases(store), NODE, SystemClock(), ttl_s)


@asynccontextmanager
async def running(*leases: Lease) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(lease.run()) for lease in leases]
    yield
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def hold(store: Store, instance: Instance | str, ttl_s: float = 60.0) -> None:
    assert await NodeLeases(store).renew(NODE, str(instance), int(ttl_s * 1000))


def elsewhere(ttl_s: float = TTL_S) -> Instance:
    return Instance("token", int(ttl_s * 1000), "another machine", "1", "1")


async def test_a_name_that_nobody_has_is_taken_at_once(store: Store) -> None:
    lease = lease_on(store)
    await lease.acquire()
    assert lease.holds() and await lease.is_ours()


async def test_the_second_living_process_does_not_get_the_name(store: Store) -> None:
    first, second = lease_on(store), lease_on(store)
    await first.acquire()
    async with running(first):
        with pytest.raises(NodeNameInUse, match=r"node_id.* calls itself node .*GAMESERVER_NODE_ID"):
            await second.acquire()
        assert await first.is_ours() and first.holds() and not second.holds()
        assert not await second.is_ours()


async def test_a_process_on_another_machine_has_the_time_that_its_own_lease_gives_it(store: Store) -> None:
    """Its period may be longer than ours. It renews once in a period."""
    await hold(store, elsewhere(5 * TTL_S))

    async def renew() -> None:
        while True:
            await asyncio.sleep(5 * PERIOD_S)
            await hold(store, elsewhere(5 * TTL_S))

    renewing = asyncio.create_task(renew())
    with pytest.raises(NodeNameInUse):
        await lease_on(store).acquire()
    renewing.cancel()
    await asyncio.gather(renewing, return_exceptions=True)


@pytest.mark.parametrize("holder", [str(elsewhere()), "of an older version", "a:b:c:d:e", ""])
async def test_who_does_not_renew_is_dead_and_is_not_waited_for_longer(store: Store, holder: str) -> None:
    await hold(store, holder)
    lease, began_s = lease_on(store), time.monotonic()
    await lease.acquire()
    assert time.monotonic() - began_s < PATIENCE * PERIOD_S + 0.5
    assert lease.holds() and await lease.is_ours()


async def test_the_last_renewal_of_a_dead_process_that_comes_late_is_no_sign_of_life(store: Store) -> None:
    await hold(store, elsewhere())
    taking = asyncio.create_task(lease_on(store).acquire())
    await asyncio.sleep(PERIOD_S / 2)
    await hold(store, elsewhere())
    await taking


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells")
async def test_a_process_of_this_machine_that_has_ended_is_not_waited_for(store: Store) -> None:
    await hold(store, await asyncio.to_thread(ended_process))
    began_s = time.monotonic()
    await lease_on(store, ttl_s=12).acquire()
    assert time.monotonic() - began_s < 0.5


def ended_process() -> Instance:
    """It counts as dead once it is killed, even if nobody has asked for its exit code."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    instance = Instance.parse(child.stdout.readline().strip())
    assert instance.process_id == str(child.pid) and not instance.is_dead()
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert instance.is_dead()
    child.wait()
    child.stdout.close()
    assert instance.is_dead()
    return instance


CHILD = """
import time
from gameserver.session.instance import Instance
print(Instance.of_this_process(60_000), flush=True)
time.sleep(60)
"""


def test_who_runs_who_ran_elsewhere_and_whose_number_another_process_has_now() -> None:
    here = Instance.of_this_process(1000)
    assert Instance.parse(str(here)) == here
    assert not here.is_dead()
    assert not here._replace(machine="another", process_id="999999999").is_dead()
    assert not here._replace(machine="", process_id="999999999").is_dead()
    if here.started:
        assert here._replace(started="1").is_dead()
        assert here._replace(process_id="999999999").is_dead()


async def test_who_finds_another_living_process_in_its_place_has_lost_the_name_for_good(store: Store) -> None:
    first = lease_on(store)
    await first.acquire()
    await store.command("test", "DEL", f"node:{NODE}")  # it slept
    second = lease_on(store)
    await second.acquire()
    async with running(first, second):
        async with asyncio.timeout(3 * TTL_S):
            await first.lost.wait()
        assert not first.holds() and not await first.is_ours()
        assert await second.is_ours() and not second.lost.is_set()
    await second.give_up()
    async with running(first):
        await asyncio.sleep(3 * PERIOD_S)
    assert not first.holds() and not await NodeLeases(store).alive(NODE)


async def test_a_dead_processes_late_renewal_takes_the_name_for_one_lease_only(store: Store) -> None:
    lease = lease_on(store)
    await lease.acquire()
    await store.command("test", "SET", f"node:{NODE}", str(elsewhere()), "PX", 600)
    async with running(lease):
        await asyncio.sleep(PERIOD_S * 1.5)
        assert not await lease.is_ours()
        async with asyncio.timeout(3):
            while not await lease.is_ours():
                await asyncio.sleep(0.02)
        await asyncio.sleep(PERIOD_S * 1.5)
        assert lease.holds() and not lease.lost.is_set()
