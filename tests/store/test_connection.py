"""Every failure of the server is one exception within the deadline, nothing is sent twice, no reply goes astray."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from structlog.testing import capture_logs

from gameserver.live.tick_writer import TickWriter
from gameserver.observability.metrics import REGISTRY
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.store.connection import Store, StoreUnavailable
from tests.live.batches import batch_of, session_write
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis


async def test_an_open_store_answers(store: Store) -> None:
    await store.open()
    await store.ping()


async def test_a_url_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="scheme"):
        Store("http://localhost")


async def test_a_server_that_is_not_there_is_unavailable() -> None:
    store = Store(f"redis://127.0.0.1:{free_port()}")
    with pytest.raises(StoreUnavailable, match="ping"):
        await store.open()
    await store.close()


async def test_a_killed_server_is_unavailable_and_works_again_after_its_restart(
    own_redis: RunningRedis, hasty_store: Store
) -> None:
    await hasty_store.command("test", "SET", "a", "1")
    own_redis.wait_until_written()
    own_redis.kill()
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await hasty_store.command("test", "GET", "a")
    own_redis.start()
    assert await hasty_store.command("test", "GET", "a") == "1"


async def test_a_server_that_does_not_answer_is_unavailable_when_the_deadline_passes(
    own_redis: RunningRedis, hasty_store: Store
) -> None:
    await hasty_store.ping()
    own_redis.pause()
    async with asyncio.timeout(5):  # ten times the deadline of the store
        with pytest.raises(StoreUnavailable, match="deadline"):
            await hasty_store.ping()
    own_redis.go_on()
    await hasty_store.ping()


async def test_more_calls_than_connections_wait_and_all_are_answered(redis_url: str) -> None:
    store = Store(redis_url, timeout_s=5.0, connections_max=2)
    replies = await asyncio.gather(*(store.command("test", "ECHO", str(number)) for number in range(50)))
    clients = await store.command("test", "CLIENT LIST", "TYPE", "normal")
    await store.close()
    assert replies == [str(number) for number in range(50)]
    assert len(clients) <= 3  # ours, and perhaps the fixture's, which is just being closed


async def test_calls_that_wait_for_a_connection_have_the_same_deadline(own_redis: RunningRedis) -> None:
    store = Store(own_redis.url, timeout_s=0.3, connections_max=1)
    await store.ping()
    own_redis.pause()
    async with asyncio.timeout(5):
        outcomes = await asyncio.gather(*(store.ping() for _ in range(20)), return_exceptions=True)
    own_redis.go_on()
    assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
    await store.ping()
    await store.close()


async def test_a_cancelled_call_never_leaves_its_reply_to_the_next_caller(
    own_redis: RunningRedis,
) -> None:
    store = Store(own_redis.url, timeout_s=5.0, connections_max=1)
    await store.ping()
    own_redis.pause()
    cancelled = asyncio.create_task(store.command("test", "ECHO", "for the one who left"))
    await asyncio.sleep(0.05)
    cancelled.cancel()
    next_one = asyncio.create_task(store.command("test", "ECHO", "for the next"))
    await asyncio.sleep(0.05)
    own_redis.go_on()
    assert await next_one == "for the next"
    assert cancelled.cancelled()
    await store.close()


async def test_a_cancelled_call_still_does_its_work(own_redis: RunningRedis) -> None:
    store = Store(own_redis.url, timeout_s=5.0, connections_max=1)
    await store.ping()
    own_redis.pause()
    ahead = asyncio.create_task(store.ping())
    cancelled = asyncio.create_task(store.command("test", "SET", "a", "1"))  # waits for the only connection
    await asyncio.sleep(0.05)
    cancelled.cancel()
    await asyncio.sleep(0.05)
    own_redis.go_on()
    await asyncio.gather(ahead, cancelled, return_exceptions=True)
    await store.close()  # waits for the work
    assert own_redis.command("GET", "a") == b"$1\r\n1\r\n"


async def test_a_cancelled_call_that_fails_later_is_no_surprise_to_the_loop(
    own_redis: RunningRedis, hasty_store: Store
) -> None:
    surprises: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, surprise: surprises.append(surprise))
    await hasty_store.ping()
    own_redis.pause()
    cancelled = asyncio.create_task(hasty_store.ping())
    await asyncio.sleep(0.05)
    cancelled.cancel()
    with suppress(asyncio.CancelledError):
        await cancelled
    del cancelled
    while hasty_store._calls:
        await asyncio.sleep(0.05)
    gc.collect()  # where asyncio complains of failures that nobody asked for
    assert surprises == []


async def test_a_write_whose_reply_is_lost_is_sent_once() -> None:
    async with _server_that_loses_replies() as (url, received):
        store = Store(url, timeout_s=2.0)
        with pytest.raises(StoreUnavailable):
            await store.command("test", "INCRBY", "gold", 1)
        await store.close()
    assert received.count(b"INCRBY") == 1


@pytest.mark.parametrize(
    ("breaking", "mending"),
    [
        (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
        (("CONFIG", "SET", "min-replicas-to-write", "1"), ("CONFIG", "SET", "min-replicas-to-write", "0")),
    ],
    ids=["out of memory", "read-only", "no replicas"],
)
async def test_a_server_that_refuses_writes_is_unavailable_until_it_takes_them_again(
    own_redis: RunningRedis, breaking: tuple[str, ...], mending: tuple[str, ...]
) -> None:
    store = Store(own_redis.url, timeout_s=5.0)
    own_redis.command(*breaking)
    with pytest.raises(StoreUnavailable, match=r"(?i)memory|read only|replicas"):
        await store.command("test", "SET", "a", "1")
    own_redis.command(*mending)
    await store.command("test", "SET", "a", "1")
    await store.close()


async def test_a_server_that_cannot_write_to_its_disk_is_unavailable_until_it_can(own_redis: RunningRedis) -> None:
    store = Store(own_redis.url, timeout_s=5.0)
    writer = TickWriter(store)
    with own_redis.full_disk():
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="MISCONF"):
                await store.command("test", "SET", "a", "1")
            with pytest.raises(StoreUnavailable, match="MISCONF"):
                await writer.write(batch_of([session_write(PlayerId(1), Epoch(1), [b"x", b"1"])]))
    await store.command("test", "SET", "a", "1")
    await writer.write(batch_of([session_write(PlayerId(1), Epoch(1), [b"x", b"1"])]))
    await store.close()


async def test_a_server_that_is_loading_its_data_is_unavailable_until_it_has(own_redis: RunningRedis) -> None:
    store = Store(own_redis.url, timeout_s=5.0)
    await store.command("test", "MSET", *(word for number in range(300) for word in (f"key{number}", "x" * 100)))
    await store.command("test", "CONFIG SET", "aof-use-rdb-preamble", "yes")
    await store.command("test", "BGREWRITEAOF")
    while (await store.command("test", "INFO", "persistence"))["aof_rewrite_in_progress"]:
        await asyncio.sleep(0.02)
    own_redis.kill()
    own_redis.options = ("--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024")
    own_redis.start(wait=False)
    await asyncio.sleep(0.05)  # until the loop has seen that the connections are closed
    async with asyncio.timeout(20):
        while b"LOADING" not in own_redis.command("PING"):
            await asyncio.sleep(0.005)
    with pytest.raises(StoreUnavailable, match=r"(?i)loading"):
        await store.command("test", "GET", "key0")
    own_redis.wait_until_ready()
    assert await store.command("test", "GET", "key0") == "x" * 100
    await store.close()


async def test_a_wrong_password_is_unavailable_and_a_right_one_works(own_redis: RunningRedis) -> None:
    assert own_redis.command("CONFIG", "SET", "requirepass", "secret") == b"+OK\r\n"
    wrong, right = Store(_with_password(own_redis, "guess")), Store(_with_password(own_redis, "secret"))
    with pytest.raises(StoreUnavailable):
        await wrong.ping()
    await right.ping()
    await wrong.close()
    await right.close()


async def test_a_closed_store_is_unavailable_instead_of_connecting_again(redis_url: str) -> None:
    store = Store(redis_url)
    await store.ping()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.ping()


async def test_calls_are_timed_and_failures_counted(own_redis: RunningRedis, hasty_store: Store) -> None:
    def errors() -> float:
        return REGISTRY.get_sample_value("gameserver_store_errors_total", {"store": "redis"}) or 0

    def up() -> float | None:
        return REGISTRY.get_sample_value("gameserver_store_up", {"store": "redis"})

    await hasty_store.ping()
    assert up() == 1
    before = errors()
    own_redis.kill()
    with pytest.raises(StoreUnavailable):
        await hasty_store.ping()
    assert (errors(), up()) == (before + 1, 0)
    timed = REGISTRY.get_sample_value("gameserver_store_seconds_count", {"store": "redis", "operation": "ping"})
    assert timed is not None
    assert timed >= 2


def _with_password(server: RunningRedis, password: str) -> str:
    if server.port:
        return f"redis://:{password}@127.0.0.1:{server.port}/0"
    return f"{server.url}?password={password}"


@asynccontextmanager
async def _server_that_loses_replies() -> AsyncIterator[tuple[str, bytearray]]:
    """Answers CLIENT SETINFO, takes any other command and closes without a reply."""
    received = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            received.extend(chunk)
            if b"SETINFO" not in chunk:
                break
            writer.write(b"+OK\r\n" * chunk.count(b"SETINFO"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}", received


async def test_a_call_that_redis_refuses_does_not_make_redis_away(own_redis: RunningRedis) -> None:
    """A script that Redis has forgotten after a restart, and a command that this user may not use."""
    own_redis.command("ACL", "SETUSER", "modest", "on", ">geheim", "~*", "+@all", "-ping")
    modest = Store(own_redis.url.replace("://", "://modest:geheim@"), timeout_s=2.0)
    with capture_logs() as logged:
        with pytest.raises(StoreUnavailable):
            await modest.command("evalsha", "EVALSHA", "0" * 40, 1, "key")
        with pytest.raises(StoreUnavailable):
            await modest.ping()
    await modest.close()
    assert logged == [] and REGISTRY.get_sample_value("gameserver_store_up", {"store": "redis"}) == 1


async def test_that_redis_went_away_and_came_back_is_told_once_each(own_redis: RunningRedis) -> None:
    store = Store(own_redis.url, timeout_s=0.3)
    await store.open()
    try:
        with capture_logs() as logged:
            own_redis.kill()
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await store.ping()
            own_redis.start()
            for _ in range(8):
                await store.ping()
                await asyncio.sleep(0.2)
        assert [line["event"] for line in logged] == ["redis_away", "redis_back"]
        assert logged[1]["away_s"] >= 0
    finally:
        await store.close()
