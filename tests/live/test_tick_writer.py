"""The contract of the tick's writes: one round trip, fenced players told, replies and order kept whatever happens."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest

from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.live.sessions import LiveSessions
from gameserver.live.tick_writer import NOTHING_FOUND, Check, Found, OwnerMissing, ServerChanged, TickWriter
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.resp import pack
from tests.live.batches import SessionWrite, batch_of, session_write
from tests.servers.redis import RunningRedis

ANNA, BERT = PlayerId(5), PlayerId(6)
HERE = NodeId("here")
OURS, NEWER = Epoch(9), Epoch(10)


OF_ANNA, OF_BERT = Check(ANNA, OURS), Check(BERT, OURS)


def write_of(player: PlayerId, x: str, epoch: Epoch = OURS) -> SessionWrite:
    return session_write(player, epoch, [b"x", x.encode(), b"seq", b"1"])


async def x_of(store: Store, player: PlayerId, epoch: Epoch = OURS) -> str | None:
    fields = await LiveSessions(store).read(player, epoch)
    return fields["x"] if fields else None


@pytest.fixture
async def open_sessions(live: LiveSessions) -> None:
    """Anna's and Bert's sessions are ours."""
    for player in (ANNA, BERT):
        await live.open(player, OURS, HERE, "meadow", {"zone": "meadow", "x": "0"})


@pytest.fixture
async def patient_store(own_redis: RunningRedis) -> AsyncIterator[Store]:
    """On a server that the test may pause, without running into the deadline."""
    store = Store(own_redis.url, timeout_s=5.0)
    yield store
    own_redis.go_on()
    await store.close()


# --- what is written ---


async def test_a_write_changes_the_named_fields_and_keeps_the_others(
    writer: TickWriter, live: LiveSessions, open_sessions: None
) -> None:
    assert (await writer.write(batch_of([write_of(ANNA, "1.5"), write_of(BERT, "2.5")]))).fenced == set()
    assert await live.read(ANNA, OURS) == {"zone": "meadow", "x": "1.5", "seq": "1"}
    assert await live.read(BERT, OURS) == {"zone": "meadow", "x": "2.5", "seq": "1"}


async def test_an_empty_batch_needs_no_server() -> None:
    store = Store("redis://127.0.0.1:1")
    assert (await TickWriter(store).write(Batch())).fenced == set()
    await store.close()


async def test_any_bytes_come_back_as_they_were(writer: TickWriter, store: Store, open_sessions: None) -> None:
    for text in ("", "žluťoučký 🐎", "1\r\n*1\r\n$8\r\nFLUSHALL\r\n", "x" * 100_000):
        await writer.write(batch_of([write_of(ANNA, text)]))
        assert await x_of(store, ANNA) == text


async def test_a_batch_larger_than_any_buffer_is_written_whole(writer: TickWriter, store: Store) -> None:
    batch = batch_of(write_of(PlayerId(number), "y" * 5000) for number in range(1, 1001))
    await writer.write(batch)
    assert len(await store.command("test", "KEYS", "session:*")) == 1000


async def test_writes_at_the_same_time_take_turns(writer: TickWriter, store: Store, open_sessions: None) -> None:
    await asyncio.gather(*(writer.write(batch_of([write_of(ANNA, str(x))]), [OF_ANNA]) for x in range(50)))
    assert await x_of(store, ANNA) == "49"


async def test_all_writes_use_one_connection(writer: TickWriter, store: Store, open_sessions: None) -> None:
    for x in range(5):
        await writer.write(batch_of([write_of(ANNA, str(x))]))
    clients = await store.command("test", "CLIENT LIST")
    assert len([client for client in clients if client["name"].startswith("tick-")]) == 1


# --- the fence ---


async def test_fenced_players_are_told_and_only_they(
    writer: TickWriter, live: LiveSessions, open_sessions: None
) -> None:
    await live.open(ANNA, NEWER, NodeId("there"), "meadow", {})
    batch = batch_of([write_of(ANNA, "666"), write_of(BERT, "2.5")])
    assert (await writer.write(batch, [OF_ANNA, OF_BERT])).fenced == {ANNA}


async def test_an_owner_is_only_read_where_it_is_asked_for(
    writer: TickWriter, live: LiveSessions, open_sessions: None
) -> None:
    await live.open(ANNA, NEWER, NodeId("there"), "meadow", {})
    assert (await writer.write(batch_of([write_of(ANNA, "666"), write_of(BERT, "2.5")]), [OF_BERT])).fenced == set()


async def test_a_hash_that_lost_a_field_is_torn_until_it_has_all_again(
    writer: TickWriter, live: LiveSessions, store: Store, open_sessions: None
) -> None:
    of_anna = Check(ANNA, OURS, fields=3)
    assert await writer.write(batch_of([write_of(ANNA, "1")]), [of_anna]) == Found(grown=frozenset({ANNA}))
    assert await writer.write(batch_of([write_of(ANNA, "2")]), [of_anna]) == NOTHING_FOUND
    await store.command("test", "HDEL", keys.session(ANNA, OURS), "zone")
    assert await writer.write(batch_of([write_of(ANNA, "3")]), [of_anna]) == Found(torn=frozenset({ANNA}))
    assert await writer.write(Batch(), [of_anna]) == Found(torn=frozenset({ANNA})), "nothing is written, and it is seen"
    await writer.write(batch_of([session_write(ANNA, OURS, [b"zone", b"meadow"])]))
    assert await writer.write(Batch(), [of_anna]) == NOTHING_FOUND


async def test_a_hash_that_vanished_grows_with_the_next_write(
    writer: TickWriter, store: Store, open_sessions: None
) -> None:
    await store.command("test", "DEL", keys.session(ANNA, OURS))
    found = await writer.write(batch_of([write_of(ANNA, "1"), write_of(BERT, "1")]))
    assert found.grown == {ANNA, BERT}, "Bert's got its first seq"
    await store.command("test", "DEL", keys.session(ANNA, OURS))
    found = await writer.write(batch_of([write_of(ANNA, "2"), write_of(BERT, "2")]), [Check(BERT, OURS, fields=3)])
    assert found == Found(grown=frozenset({ANNA}))


async def test_a_key_of_another_type_costs_nobody_else_and_is_deleted(
    writer: TickWriter, live: LiveSessions, store: Store, open_sessions: None
) -> None:
    key, batch = keys.session(ANNA, OURS), batch_of([write_of(ANNA, "1"), write_of(BERT, "1")])
    await store.command("test", "SET", key, "no hash")
    found = await writer.write(batch, [Check(BERT, OURS)])
    assert found.grown >= {ANNA} and not found.torn and await x_of(store, BERT) == "1"
    assert await writer.write(Batch(), [Check(ANNA, OURS, fields=3)]) == Found(torn=frozenset({ANNA}))
    await writer.write(batch)
    assert await x_of(store, ANNA) == "1"


async def test_a_pointer_of_another_type_is_a_lost_one(
    writer: TickWriter, live: LiveSessions, store: Store, open_sessions: None
) -> None:
    await store.command("test", "SET", keys.owner(ANNA), "no hash")
    with pytest.raises(OwnerMissing) as missing:
        await writer.write(batch_of([write_of(ANNA, "1"), write_of(BERT, "2")]), [OF_ANNA, OF_BERT])
    assert missing.value.players == {ANNA}
    assert await live.owner(ANNA) is None
    await live.restore(ANNA, OURS, HERE, "meadow", {"x": "1", "seq": "1"}, None)
    assert (await writer.write(batch_of([write_of(ANNA, "1")]), [OF_ANNA])).fenced == set()


async def test_who_is_fenced_is_not_torn(writer: TickWriter, live: LiveSessions, open_sessions: None) -> None:
    await live.open(ANNA, NEWER, NodeId("there"), "meadow", {})
    found = await writer.write(Batch(), [Check(ANNA, OURS, fields=2), Check(BERT, OURS, fields=2)])
    assert found == Found(fenced=frozenset({ANNA}))


async def test_the_owner_is_read_after_the_write(own_redis: RunningRedis, patient_store: Store) -> None:
    """Otherwise a takeover between the two could move a hash without our write, and the write still be acked."""
    live, writer = LiveSessions(patient_store), TickWriter(patient_store)
    await live.open(ANNA, OURS, HERE, "meadow", {})
    await live.open(BERT, OURS, HERE, "meadow", {})
    own_redis.command("CONFIG", "SET", "slowlog-log-slower-than", "0")
    await writer.write(batch_of([write_of(ANNA, "1"), write_of(BERT, "1")]), [OF_ANNA, OF_BERT])
    newest_first = re.findall(rb"\r\n(HSET|HGET|HLEN)\r\n", own_redis.command("SLOWLOG", "GET", "20"))
    assert newest_first == [b"HGET", b"HLEN", b"HGET", b"HLEN", b"HSET", b"HSET"]


async def test_a_missing_owner_is_neither_fenced_nor_stored(
    writer: TickWriter, store: Store, open_sessions: None
) -> None:
    await store.command("test", "FLUSHALL")
    with pytest.raises(OwnerMissing) as missing:
        await writer.write(batch_of([write_of(ANNA, "1"), write_of(BERT, "2")]), [OF_ANNA, OF_BERT])
    assert missing.value.players == {ANNA, BERT}
    assert isinstance(missing.value, StoreUnavailable)  # who does not know better gives no ack and tries again
    assert (await writer.write(batch_of([write_of(ANNA, "1")]))).fenced == set()


async def test_an_older_owner_is_one_that_the_server_lost(
    writer: TickWriter, live: LiveSessions, store: Store, open_sessions: None
) -> None:
    await store.command("test", "HSET", "owner:{5}", "epoch", OURS - 1)
    with pytest.raises(OwnerMissing) as missing:
        await writer.write(batch_of([write_of(BERT, "2")]), [OF_BERT, OF_ANNA])
    assert missing.value.players == {ANNA}


# --- failures ---


async def test_a_killed_server_is_unavailable_and_works_again_after_its_restart(
    own_redis: RunningRedis, hasty_store: Store
) -> None:
    live, writer = LiveSessions(hasty_store), TickWriter(hasty_store)
    await live.open(ANNA, OURS, HERE, "meadow", {})
    await writer.write(batch_of([write_of(ANNA, "1")]), [OF_ANNA])
    own_redis.wait_until_written()
    own_redis.kill()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await writer.write(batch_of([write_of(ANNA, "2")]), [OF_ANNA])
    own_redis.start()
    assert await x_of(hasty_store, ANNA) == "1"  # what was written survived the kill
    with pytest.raises(ServerChanged):  # which it cannot know
        await writer.write(batch_of([write_of(ANNA, "3")]), [OF_ANNA])
    assert await x_of(hasty_store, ANNA) == "1", "nothing is written until the caller knows"
    assert (await writer.write(batch_of([write_of(ANNA, "3")]), [OF_ANNA])).fenced == set()
    assert await x_of(hasty_store, ANNA) == "3"


async def test_a_connection_that_the_server_closed_is_noticed_before_the_next_write(
    writer: TickWriter, store: Store, open_sessions: None
) -> None:
    await writer.write(batch_of([write_of(ANNA, "1")]))
    await store.command("test", "CLIENT KILL", "TYPE", "normal")
    await asyncio.sleep(0.05)
    await writer.write(batch_of([write_of(ANNA, "2")]))
    assert await x_of(store, ANNA) == "2"


async def test_a_silent_server_is_unavailable_when_the_deadline_passes_and_works_when_it_wakes(
    own_redis: RunningRedis, hasty_store: Store
) -> None:
    writer = TickWriter(hasty_store)
    await writer.write(batch_of([write_of(ANNA, "before")]))
    own_redis.pause()
    async with asyncio.timeout(5):  # many times the deadline of the store
        for attempt in range(3):
            with pytest.raises(StoreUnavailable, match="deadline"):
                await writer.write(batch_of([write_of(ANNA, f"silence {attempt}")]))
    own_redis.go_on()
    await writer.write(batch_of([write_of(ANNA, "after")]))
    assert await x_of(hasty_store, ANNA) == "after"


@pytest.mark.plain  # a step of the writer is replaced
async def test_a_deadline_that_connecting_lost_ends_the_write_all_the_same(
    own_redis: RunningRedis, hasty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = TickWriter(hasty_store)
    await writer.write(batch_of([write_of(ANNA, "1")]))

    async def lose_it() -> None:
        """Lose the result as ``asyncio.wait_for`` of Python 3.11 does when it is cancelled at that very moment."""
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)

    monkeypatch.setattr(writer, "_make_ready", lose_it)
    own_redis.pause()
    async with asyncio.timeout(5):  # many times the deadline of the store
        with pytest.raises(StoreUnavailable):
            await writer.write(batch_of([write_of(ANNA, "2")]))
    monkeypatch.undo()
    own_redis.go_on()
    await writer.write(batch_of([write_of(ANNA, "3")]))
    assert await x_of(hasty_store, ANNA) == "3"


async def test_a_write_that_was_given_up_is_never_applied_after_a_newer_one(redis_server: RunningRedis) -> None:
    """Closing a connection does not take back what is still on its way to the server."""
    async with _SlowRoad(redis_server) as road:
        store = Store(road.url, timeout_s=0.3)
        writer = TickWriter(store)
        await writer.write(batch_of([write_of(ANNA, "before")]))
        road.hold()
        with pytest.raises(StoreUnavailable, match="deadline"):
            await writer.write(batch_of([write_of(ANNA, "older")]))
        await writer.write(batch_of([write_of(ANNA, "newer")]))
        await road.deliver_what_was_held()
        assert await x_of(store, ANNA) == "newer"
        await store.close()


@pytest.mark.parametrize("moment_s", [0.0, 0.001, 0.05])
async def test_a_cancelled_write_never_leaves_its_replies_to_the_next(
    own_redis: RunningRedis, patient_store: Store, moment_s: float
) -> None:
    live, writer = LiveSessions(patient_store), TickWriter(patient_store)
    for player in (ANNA, BERT):
        await live.open(player, OURS, HERE, "meadow", {})
    await live.open(ANNA, NEWER, NodeId("there"), "meadow", {})
    await writer.write(batch_of([write_of(BERT, "0")]))
    own_redis.pause()
    cancelled = asyncio.create_task(writer.write(batch_of([write_of(ANNA, "666")]), [OF_ANNA]))
    await asyncio.sleep(moment_s)
    cancelled.cancel()
    next_one = asyncio.create_task(writer.write(batch_of([write_of(BERT, "1")]), [OF_BERT]))
    await asyncio.sleep(0.02)
    own_redis.go_on()
    assert (await next_one).fenced == set()  # and not {ANNA}, nor Bert's by the pointer of Anna
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    assert (await writer.write(batch_of([write_of(ANNA, "666")]), [OF_ANNA])).fenced == {ANNA}


async def test_a_caller_cancelled_while_waiting_its_turn_disturbs_nobody(
    own_redis: RunningRedis, patient_store: Store
) -> None:
    writer = TickWriter(patient_store)
    await writer.write(batch_of([write_of(ANNA, "0")]))
    own_redis.pause()
    first, waiting = (asyncio.create_task(writer.write(batch_of([write_of(ANNA, x)]))) for x in ("1", "2"))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.sleep(0.02)
    own_redis.go_on()
    assert (await first).fenced == set()
    assert await x_of(patient_store, ANNA) == "1"


async def test_one_refused_command_makes_the_whole_write_unavailable_and_the_next_works(
    writer: TickWriter, store: Store, open_sessions: None
) -> None:
    batch = batch_of([write_of(ANNA, "1")])
    batch.add(BERT, pack(b"HSET", b"session:{6}:9"))
    batch.add(*write_of(ANNA, "2"))
    with pytest.raises(StoreUnavailable, match="wrong number of arguments"):
        await writer.write(batch, [OF_ANNA])
    assert (await writer.write(batch_of([write_of(ANNA, "3")]), [OF_ANNA])).fenced == set()
    assert await x_of(store, ANNA) == "3"


async def test_a_server_out_of_memory_is_unavailable_until_it_has_some(
    own_redis: RunningRedis, patient_store: Store
) -> None:
    writer = TickWriter(patient_store)
    own_redis.command("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreUnavailable, match="OOM"):
        await writer.write(batch_of([write_of(ANNA, "1")]))
    own_redis.command("CONFIG", "SET", "maxmemory", "0")
    await writer.write(batch_of([write_of(ANNA, "2")]))
    assert await x_of(patient_store, ANNA) == "2"


async def test_a_primary_that_became_a_replica_is_unavailable_and_a_changed_server_when_it_is_primary_again(
    own_redis: RunningRedis, patient_store: Store
) -> None:
    writer = TickWriter(patient_store)
    await writer.write(batch_of([write_of(ANNA, "1")]))
    own_redis.command("REPLICAOF", "127.0.0.1", "1")
    with pytest.raises(StoreUnavailable, match=r"(?i)read only"):
        await writer.write(batch_of([write_of(ANNA, "2")]))
    with pytest.raises(StoreUnavailable, match="replica"):
        await writer.write(batch_of([write_of(ANNA, "2")]))
    own_redis.command("REPLICAOF", "NO", "ONE")
    with pytest.raises(ServerChanged):
        await writer.write(batch_of([write_of(ANNA, "3")]))
    await writer.write(batch_of([write_of(ANNA, "3")]))
    assert await x_of(patient_store, ANNA) == "3"


async def test_the_same_server_over_a_new_connection_is_not_a_changed_one(
    writer: TickWriter, store: Store, open_sessions: None
) -> None:
    await writer.write(batch_of([write_of(ANNA, "1")]))
    await store.command("test", "CLIENT KILL", "TYPE", "normal")
    await asyncio.sleep(0.05)
    assert (await writer.write(batch_of([write_of(ANNA, "2")]), [OF_ANNA])).fenced == set()


async def test_a_user_who_may_not_end_connections_is_refused_at_the_first_write(own_redis: RunningRedis) -> None:
    for words in (("game", "on", ">secret", "~*", "+@all", "-client|kill"), ("default", "off")):
        own_redis.command("ACL", "SETUSER", *words)
    address = f"127.0.0.1:{own_redis.port}/0" if own_redis.port else ""
    url = f"redis://game:secret@{address}" if address else f"unix://game@{own_redis.socket_path}?password=secret"
    store = Store(url, timeout_s=5.0)
    with pytest.raises(StoreUnavailable, match=r"client\|kill"):
        await TickWriter(store).write(batch_of([write_of(ANNA, "1")]))
    await store.close()


class _SlowRoad:
    """A road to the server on which a connection's bytes can be held up, and arrive after those of a later one."""

    def __init__(self, server: RunningRedis):
        self._to = server
        self._open: list[tuple[asyncio.Event, asyncio.StreamWriter]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> _SlowRoad:
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for _, upstream in self._open:
            upstream.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def hold(self) -> None:
        for may_pass, _ in self._open:
            may_pass.clear()

    async def deliver_what_was_held(self) -> None:
        for may_pass, _ in self._open:
            may_pass.set()
        await asyncio.gather(*self._tasks[:1], return_exceptions=True)  # the first is the one that was held
        await asyncio.sleep(0.1)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._to.port:
            answers, upstream = await asyncio.open_connection("127.0.0.1", self._to.port)
        else:
            answers, upstream = await asyncio.open_unix_connection(self._to.socket_path)
        may_pass = asyncio.Event()
        may_pass.set()
        self._open.append((may_pass, upstream))
        self._tasks.append(asyncio.create_task(_copy(reader, upstream, may_pass)))
        self._tasks.append(asyncio.create_task(_copy(answers, writer, may_pass)))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, may_pass: asyncio.Event) -> None:
    chunk = b"-"
    while chunk:
        try:
            chunk = await reader.read(65536)
        except ConnectionResetError:
            return
        await may_pass.wait()
        writer.write(chunk)
        await writer.drain()
    writer.close()
