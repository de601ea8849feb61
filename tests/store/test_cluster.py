"""A real Redis Cluster: calls and ticks find whoever owns a player's slot, and follow when that is another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import TypeVar

import pytest
from redis.crc import key_slot

from gameserver.check.redis import check_redis
from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.live.cluster_writer import ClusterWriter, slot_of
from gameserver.live.nodes import NodeLeases
from gameserver.live.sessions import LiveSessions, Removal
from gameserver.live.tick_writer import Check, Found, OwnerMissing, ServerChanged
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.cluster import Claim, believe, claims_in, owners_by
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.following import PERIOD_S
from tests.live.batches import SessionWrite, batch_of, session_write
from tests.servers.cluster import ClusterNode, RedisCluster
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis

Answer = TypeVar("Answer")

HERE, THERE = NodeId("here"), NodeId("there")
OURS, NEWER = Epoch(9), Epoch(10)
PLAYERS = [PlayerId(number) for number in range(1, 31)]  # in slots of all three primaries


@pytest.fixture
def cluster(shared_cluster: RedisCluster) -> RedisCluster:
    """Empty; its primaries have no replicas."""
    for node in shared_cluster.primaries:
        node.go_on()
        node.ask("FLUSHALL")
    return shared_cluster


@pytest.fixture
async def store(cluster: RedisCluster) -> AsyncIterator[Store]:
    store = Store(cluster.url, timeout_s=2.0)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
async def idle_store(cluster: RedisCluster) -> AsyncIterator[Store]:
    """Not opened, so it does not ask in turn who owns what. It gives up long before the nodes give up one another."""
    store = Store(cluster.url, timeout_s=1.5)
    yield store
    await store.close()


@pytest.fixture
async def own_store(own_cluster: RedisCluster) -> AsyncIterator[Store]:
    """On a cluster that the test may break."""
    store = Store(own_cluster.url, timeout_s=1.0)
    await store.open()
    yield store
    await store.close()


def writer_on(store: Store) -> ClusterWriter:
    assert store.cluster is not None
    return ClusterWriter(store, store.cluster)


def write_of(player: PlayerId, x: str) -> SessionWrite:
    return session_write(player, OURS, [b"x", x.encode(), b"seq", b"1"])


async def open_sessions(store: Store) -> None:
    for player in PLAYERS:
        await LiveSessions(store).open(player, OURS, HERE, "meadow", {"x": "0"})


async def xs(store: Store) -> set[str]:
    """Return the ``x`` of all players."""
    live = LiveSessions(store)
    return {(await live.read(player, OURS) or {})["x"] for player in PLAYERS}


async def well(call: Callable[[], Awaitable[Answer]]) -> Answer:
    """Return the answer of a call to servers that are well. If it passes its deadline on a busy machine, repeat it."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await call()
            except ServerChanged:
                raise
            except StoreUnavailable:
                await asyncio.sleep(0.05)


def everybody(x: str) -> Batch:
    return batch_of(write_of(player, x) for player in PLAYERS)


def owner_and_another(cluster: RedisCluster, player: PlayerId) -> tuple[ClusterNode, ClusterNode]:
    owner = cluster.owner_of(keys.owner(player))
    return owner, next(node for node in cluster.primaries if node is not owner)


ALL_CHECKED = [Check(player, OURS) for player in PLAYERS]


# --- the contract ---


async def test_sessions_are_opened_written_fenced_and_removed_wherever_their_slot_is(store: Store) -> None:
    live, writer = LiveSessions(store), writer_on(store)
    await open_sessions(store)
    assert (await writer.write(everybody("1"), ALL_CHECKED)).fenced == set()
    assert await xs(store) == {"1"}
    fenced = set(PLAYERS[::3])
    for player in fenced:
        assert (await live.open(player, NEWER, THERE, "meadow", {}))["x"] == "1"
    assert (await writer.write(everybody("666"), ALL_CHECKED)).fenced == fenced
    for player in PLAYERS:
        epoch, node = (NEWER, THERE) if player in fenced else (OURS, HERE)
        assert await live.remove(player, epoch, node, 1) is Removal.REMOVED
    assert await live.sessions_of(THERE) == set()
    with pytest.raises(OwnerMissing) as missing:
        await writer.write(Batch(), ALL_CHECKED)
    assert missing.value.players == set(PLAYERS)


async def test_a_hash_that_vanished_is_found_wherever_its_slot_is(store: Store) -> None:
    writer = writer_on(store)
    await open_sessions(store)
    torn = frozenset(PLAYERS[::3])
    for player in torn:
        await store.command("test", "DEL", keys.session(player, OURS))
    found = await writer.write(Batch(), [Check(player, OURS, fields=1) for player in PLAYERS])
    assert found == Found(torn=torn)
    found = await writer.write(everybody("1"))
    assert found.grown >= torn and not found.torn, "nobody is looked at"


async def test_leases_and_lists_of_nodes_are_found_again(store: Store) -> None:
    leases = NodeLeases(store)
    assert await leases.renew(HERE, "first", 5000)
    assert not await leases.renew(HERE, "second", 5000)
    assert await leases.renew(THERE, "third", 5000)
    assert await leases.all_nodes() == {HERE, THERE}
    await leases.release(HERE)
    assert not await leases.alive(HERE)
    assert await leases.alive(THERE)


async def test_each_primary_gets_one_buffer_on_one_connection(store: Store, cluster: RedisCluster) -> None:
    writer = writer_on(store)
    await writer.write(everybody("0"))

    def counted() -> list[tuple[int, int]]:
        """HSETs done, and connections of ticks, of each primary."""
        found = []
        for node in cluster.primaries:
            calls = node.ask("INFO", "commandstats")["cmdstat_hset"]["calls"]
            ticks = [client for client in node.ask("CLIENT LIST") if client["name"].startswith("tick-")]
            found.append((calls, len(ticks)))
        return found

    before = counted()
    for x in range(5):
        await writer.write(everybody(str(x)))
    written = [after[0] - first[0] for first, after in zip(before, counted(), strict=True)]
    players = [sum(cluster.owner_of(keys.owner(p)) is node for p in PLAYERS) for node in cluster.primaries]
    assert written == [5 * count for count in players]
    assert all(players)
    assert [ticks for _, ticks in counted()] == [1, 1, 1]


async def test_one_node_is_enough_to_find_the_others_and_none_is_too_few(cluster: RedisCluster) -> None:
    store = Store(f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{cluster.primaries[1].port}")
    await open_sessions(store)
    await store.ping()
    await store.close()
    store = Store(f"redis+cluster://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="no node"):
        await store.open()
    await store.close()


async def test_a_server_that_is_no_cluster_is_unavailable_and_says_why(redis7_server: RunningRedis) -> None:
    store = Store(f"redis+cluster://127.0.0.1:{redis7_server.port}")
    with pytest.raises(StoreUnavailable, match="cluster support disabled"):
        await store.open()
    await store.close()


async def test_a_slot_that_nobody_owns_is_unavailable_until_somebody_does(
    idle_store: Store, cluster: RedisCluster
) -> None:
    owner, slot = cluster.owner_of(keys.owner(PLAYERS[0])), slot_of(PLAYERS[0])
    owner.ask("CLUSTER", "DELSLOTS", slot)
    writer, live = writer_on(idle_store), LiveSessions(idle_store)
    for call in (lambda: writer.write(everybody("1")), writer.ping, idle_store.ping, lambda: live.owner(PLAYERS[0])):
        with pytest.raises(StoreUnavailable, match="no node owns"):
            await call()
    owner.ask("CLUSTER", "ADDSLOTS", slot)
    cluster.wait_until_well()
    assert idle_store.cluster is not None
    await idle_store.cluster.refresh()
    with pytest.raises(ServerChanged):
        await writer.write(everybody("1"))
    await writer.write(everybody("1"))


async def test_settings_that_could_lose_sessions_are_found_once_and_nothing_is_left(cluster: RedisCluster) -> None:
    for node in cluster.primaries[1:]:
        node.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    found = await check_redis(cluster.url, 1.0)
    for node in cluster.primaries[1:]:
        node.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert ["allkeys-lru" in finding.problem for finding in found] == [True]
    assert [node.ask("DBSIZE") for node in cluster.primaries] == [0] * len(cluster.primaries)


# --- when a slot has another owner ---


async def test_a_slot_that_was_moved_costs_one_write_of_everything(idle_store: Store, cluster: RedisCluster) -> None:
    writer, player = writer_on(idle_store), PLAYERS[0]
    await open_sessions(idle_store)
    await writer.write(everybody("1"), ALL_CHECKED)
    source, target = owner_and_another(cluster, player)
    cluster.begin_move(slot_of(player), source, target)
    cluster.move_keys(slot_of(player), source, target)
    with pytest.raises(StoreUnavailable, match="ASK"):
        await writer.write(everybody("2"))
    cluster.end_move(slot_of(player), source, target)
    with pytest.raises(ServerChanged):
        await writer.write(everybody("3"))
    assert (await writer.write(everybody("3"), ALL_CHECKED)).fenced == set()
    assert target.ask("HGET", keys.session(player, OURS), "x") == "3"


async def test_calls_go_after_what_is_on_its_way(store: Store, cluster: RedisCluster) -> None:
    live, player = LiveSessions(store), PLAYERS[1]
    await live.open(player, OURS, HERE, "meadow", {"x": "0"})
    source, target = owner_and_another(cluster, player)
    cluster.begin_move(slot_of(player), source, target)
    cluster.move_keys(slot_of(player), source, target)
    assert await live.read(player, OURS) == {"x": "0"}
    with pytest.raises(StoreUnavailable, match="rehashing"):  # a key that is not there might be on its way
        await live.open(player, NEWER, HERE, "meadow", {})
    cluster.end_move(slot_of(player), source, target)
    assert await live.open(player, NEWER, HERE, "meadow", {}) == {"x": "0"}


async def become_primary_anew(node: ClusterNode) -> None:
    """It says that it has another history than before, and our connections are gone."""
    node.ask("DEBUG", "CHANGE-REPL-ID")
    node.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    await asyncio.sleep(0.05)  # in which we hear of it


async def test_a_primary_that_changed_is_told_of_when_the_others_are_well_again(
    idle_store: Store, cluster: RedisCluster
) -> None:
    """It says so once, perhaps in a write that fails by another one; and it gets nothing before that is told."""
    writer = writer_on(idle_store)
    await open_sessions(idle_store)
    await writer.write(everybody("1"), ALL_CHECKED)
    changed, silent = owner_and_another(cluster, PLAYERS[0])
    for again in (lambda: writer.write(everybody("2")), writer.ping):
        await become_primary_anew(changed)
        silent.pause()  # not for so long that the others would mind
        with pytest.raises(StoreUnavailable, match="deadline"):
            await again()
        silent.go_on()
        with pytest.raises(ServerChanged):
            await again()
        assert (await writer.write(everybody("3"), ALL_CHECKED)).fenced == set()


async def test_a_change_is_not_told_by_a_ping_before_what_was_given_up_can_arrive_no_more(
    idle_store: Store, cluster: RedisCluster
) -> None:
    writer = writer_on(idle_store)
    await writer.write(everybody("1"))
    changed, silent = owner_and_another(cluster, PLAYERS[0])
    await become_primary_anew(changed)
    for _ in range(2):
        silent.pause()
        with pytest.raises(StoreUnavailable, match="deadline"):
            await writer.ping()
        silent.go_on()
        await asyncio.sleep(0.2)  # in which the others hear of it
    with pytest.raises(ServerChanged):
        await writer.ping()
    await writer.ping()


async def test_a_primary_that_is_killed_costs_refusals_and_nothing_else(
    own_store: Store, own_cluster: RedisCluster
) -> None:
    """Under load: every call ends within its deadline, what was accepted last is there, and nobody has to help."""
    writer = writer_on(own_store)
    await well(lambda: open_sessions(own_store))
    outcomes: list[type[Exception] | None] = []
    is_over = asyncio.Event()

    async def load() -> None:
        while not is_over.is_set() or outcomes[-1] is not None:
            try:
                async with asyncio.timeout(2 * own_store.timeout_s + 1):
                    await writer.write(everybody(str(len(outcomes))), ALL_CHECKED)
                    await own_store.ping()
                outcomes.append(None)
            except StoreUnavailable as error:
                outcomes.append(type(error))
            await asyncio.sleep(0.02)

    killed = own_cluster.owner_of(keys.owner(PLAYERS[0]))
    await asyncio.to_thread(own_cluster.wait_until_in_step, killed)
    loading = asyncio.create_task(load())
    async with asyncio.timeout(20):
        while None not in outcomes:
            await asyncio.sleep(0.02)
    killed.kill()
    await asyncio.to_thread(own_cluster.wait_until_replaced, killed)
    is_over.set()
    async with asyncio.timeout(3):
        await loading
    assert outcomes.count(ServerChanged) == 1 and outcomes.count(StoreUnavailable) > 1
    assert await xs(own_store) == {str(len(outcomes) - 1)}


async def test_a_primary_that_slept_through_its_replacement_is_not_written_to(
    own_store: Store, own_cluster: RedisCluster
) -> None:
    writer = writer_on(own_store)
    await well(lambda: open_sessions(own_store))
    await well(lambda: writer.write(everybody("1"), ALL_CHECKED))
    asleep = own_cluster.owner_of(keys.owner(PLAYERS[0]))
    await asyncio.to_thread(own_cluster.wait_until_in_step, asleep)
    asleep.pause()
    with pytest.raises(StoreUnavailable, match="deadline"):
        await writer.write(everybody("2"))
    with pytest.raises(StoreUnavailable, match="deadline"):
        await LiveSessions(own_store).read(PLAYERS[0], OURS)
    replica = await asyncio.to_thread(own_cluster.wait_until_replaced, asleep)
    await asyncio.sleep(PERIOD_S + own_store.timeout_s)  # it is asked, too, and does not answer
    with pytest.raises(ServerChanged):
        await writer.write(everybody("3"), ALL_CHECKED)
    assert (await well(lambda: writer.write(everybody("3"), ALL_CHECKED))).fenced == set()
    asleep.go_on()
    assert (await well(lambda: writer.write(everybody("4"), ALL_CHECKED))).fenced == set()
    assert await xs(own_store) == {"4"}
    assert replica.ask("HGET", keys.session(PLAYERS[0], OURS), "x") == "4"


# --- whom to believe ---


def line(node: str, slots: str, *, epoch: int, flags: str = "master") -> str:
    port = 7000 + int(node)
    return f"{node} 10.0.0.1:{port}@{port + 10000},node{node} {flags} - 0 0 {epoch} connected {slots}"


def heard(*answers: list[str], before: Mapping[str, Claim] = {}) -> dict[str, Claim]:
    claims = [claim for answer in answers for claim in claims_in("\n".join(answer), ("10.0.0.9", 6379))]
    return believe(claims, before)


def owned(believed: Mapping[str, Claim]) -> dict[int, set[int]]:
    """Ports -> slots."""
    found: dict[int, set[int]] = {}
    for slot, host in enumerate(owners_by(believed.values())):
        if host is not None:
            found.setdefault(host[1], set()).add(slot)
    return found


ZOMBIE = [line("1", "0-9", epoch=1, flags="myself,master"), line("2", "", epoch=1, flags="slave")]
REPLACED = [line("1", "", epoch=1, flags="master,fail"), line("2", "0-9", epoch=7, flags="myself,master")]


def test_a_primary_that_was_cut_off_is_outvoted_by_the_higher_epoch() -> None:
    for answers in ((ZOMBIE, REPLACED), (REPLACED, ZOMBIE)):
        assert owned(heard(*answers)) == {7002: set(range(10))}


def test_a_primary_that_was_cut_off_is_not_believed_either_when_only_it_answers_any_more() -> None:
    before = heard(ZOMBIE, REPLACED)
    for _ in range(2):
        before = heard(ZOMBIE, before=before)
        assert owned(before) == {7002: set(range(10))}


def test_a_cluster_that_was_made_anew_on_the_same_addresses_is_believed() -> None:
    before = heard([line("1", "0-9", epoch=9, flags="myself,master"), line("2", "10-19", epoch=8)])
    anew = ["x1 10.0.0.1:7002@17002 myself,master - 0 0 1 connected 0-19"]
    assert owned(heard(anew, before=before)) == {7002: set(range(20))}


def test_what_a_node_says_of_itself_counts_before_what_others_have_heard() -> None:
    """Number 3 has not heard that slot 5 left number 1, whose epoch is the highest."""
    one = [line("1", "0-4 6-9", epoch=8, flags="myself,master"), line("2", "5", epoch=7)]
    two = [line("1", "0-4 6-9", epoch=8), line("2", "5", epoch=7, flags="myself,master")]
    three = [line("1", "0-9", epoch=8), line("3", "", epoch=2, flags="myself,master")]
    assert owned(heard(one, two, three)) == {7001: {0, 1, 2, 3, 4, 6, 7, 8, 9}, 7002: {5}}
    assert owned(heard(three)) == {7001: set(range(10))}


def test_a_slot_on_its_way_is_still_where_it_was_and_who_has_no_address_is_nowhere() -> None:
    moving = [line("1", "0-2 [2->-2]", epoch=1, flags="myself,master"), line("2", "4", epoch=2, flags="master,noaddr")]
    assert owned(heard(moving)) == {7001: {0, 1, 2}}


def test_a_node_that_does_not_know_its_own_address_is_where_it_was_asked_and_one_with_tls_by_its_name() -> None:
    alone = "1 :7001@17001 myself,master - 0 0 1 connected 0"
    assert [claim.host for claim in claims_in(alone, ("10.0.0.9", 6379))] == [("10.0.0.9", 7001)]
    named = line("1", "0", epoch=1)
    assert [claim.host for claim in claims_in(named, ("10.0.0.9", 6379), by_name=True)] == [("node1", 7001)]
    v6 = "1 ::1:7001@17001 master - 0 0 1 connected 0"
    assert [claim.host for claim in claims_in(v6, ("10.0.0.9", 6379))] == [("::1", 7001)]


def test_all_keys_of_a_player_are_in_the_slot_the_writer_takes() -> None:
    for player in PLAYERS:
        assert {key_slot(key.encode()) for key in (keys.owner(player), keys.session(player, OURS))} == {slot_of(player)}
