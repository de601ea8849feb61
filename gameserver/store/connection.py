"""The connection to Redis: how it is made, how long it may take, and what its failures are called.

Owns the redis-py client and its pool. Law: every call has a deadline, is never retried by the driver, cannot be torn
in half by the cancellation of whoever waits for it, and fails only as ``StoreUnavailable``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import structlog
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from gameserver.failpoints import Guard, is_off
from gameserver.observability.metrics import STORE_ERRORS, STORE_SECONDS, STORE_UP
from gameserver.store.address import Address, parse
from gameserver.store.sentinels import PrimaryConnection, PrimarySSLConnection, Sentinels
from gameserver.tasks import finish

T = TypeVar("T")
Send = Callable[..., Awaitable[Any]]  # the words of one command -> its reply, with the driver's own errors
CONNECTIONS_MAX = 16  # ordinary calls in flight; further callers wait for a connection until their deadline

log = structlog.get_logger()


class StoreUnavailable(Exception):  # noqa: N818  an expected state of the world, named as callers speak of it
    """Redis is away, too slow, loading, out of memory, read-only or refuses us. Whether the call took effect is not
    known; every call may be repeated without harm."""


class Store:
    """A Redis (or Valkey) server, or the one that sentinels name. ``url``: see ``store/address.py``.

    ``timeout_s`` bounds each call as a whole: finding the server, waiting for a connection, connecting, sending and
    the reply.
    """

    def __init__(self, url: str, *, timeout_s: float = 1.0, connections_max: int = CONNECTIONS_MAX):
        address = parse(url)
        self.timeout_s = timeout_s
        self._sentinels = Sentinels(address, timeout_s) if address.sentinels else None
        self._pool = _pool(address, self._sentinels, timeout_s, connections_max)
        self._client: Redis = Redis(connection_pool=self._pool)
        self._dedicated: list[AbstractConnection] = []
        self._calls: set[asyncio.Task[Any]] = set()
        self._following: asyncio.Task[None] | None = None
        self._is_closed = False

    async def open(self) -> None:
        """Check that the server answers, and warn of settings that break our promises. Raises StoreUnavailable."""
        if self._sentinels is not None:
            self._following = asyncio.get_running_loop().create_task(self._sentinels.follow(), name="redis failover")
        await self.ping()
        about = await self.command("info", "INFO")
        for warning in _warnings(about):
            log.warning("redis_setting", warning=warning)

    async def close(self, patience_s: float | None = None) -> None:
        """Wait for the calls under way (each has its deadline), for ``patience_s`` at most; cut what is left, and close
        every connection."""
        self._is_closed = True
        await finish(self._calls, patience_s)
        for connection in self._dedicated:
            await connection.disconnect(nowait=True)
        await self._pool.disconnect()
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        if self._sentinels is not None:
            await self._sentinels.close()

    async def ping(self) -> None:
        """Raises StoreUnavailable when the server does not answer, or is still loading its data."""
        await self.command("ping", "PING")

    async def command(self, operation: str, *words: str | int) -> Any:
        """One command and its reply, as text. ``operation`` is its name in the metrics. Raises StoreUnavailable."""
        return await self.run(operation, lambda send: send(*words))

    async def run(self, operation: str, work: Callable[[Send], Awaitable[T]]) -> T:
        """Do ``work`` within the deadline, in a task of its own: when the caller is cancelled the work still ends as
        it would have. Raises StoreUnavailable."""
        task = asyncio.get_running_loop().create_task(self._timed(operation, work), name=f"redis {operation}")
        self._calls.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait((task,))
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        error = None if task.cancelled() else task.exception()  # asked for here: its caller may have been cancelled
        if error is not None and not isinstance(error, StoreUnavailable):
            log.error("a call to redis ended by a bug of ours", call=task.get_name(), exc_info=error)

    def dedicated_connection(self) -> AbstractConnection:
        """A connection outside the pool, not yet connected, with the same address, credentials and TLS. The caller
        uses it alone; it is closed with the store."""
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        self._dedicated.append(connection)
        return connection

    @contextmanager
    def measured(self, operation: str) -> Iterator[None]:
        """Time what happens inside under ``operation`` and turn the driver's errors into StoreUnavailable."""
        started_s = time.perf_counter()
        try:
            if self._is_closed:
                raise StoreUnavailable(f"{operation}: the store is closed")
            yield
        except (RedisError, RedisClusterException, OSError) as error:  # asyncio's TimeoutError is an OSError
            STORE_ERRORS.labels(store="redis").inc()
            STORE_UP.labels(store="redis").set(0)
            raise StoreUnavailable(f"{operation}: {str(error) or 'the deadline passed'}") from error
        else:
            STORE_UP.labels(store="redis").set(1)
        finally:
            STORE_SECONDS.labels(store="redis", operation=operation).observe(time.perf_counter() - started_s)

    async def _timed(self, operation: str, work: Callable[[Send], Awaitable[T]]) -> T:
        with self.measured(operation):
            async with asyncio.timeout(self.timeout_s):
                try:
                    return await work(self._client.execute_command)
                except ResponseError:
                    # Read-only, no replicas, …: it may be the primary no more. The next call looks for it again, also
                    # behind a name that now leads elsewhere.
                    await self._pool.disconnect(inuse_connections=False)
                    raise


def _pool(
    address: Address, sentinels: Sentinels | None, timeout_s: float, connections_max: int
) -> BlockingConnectionPool:
    """The one place that knows how an address becomes connections."""
    options = dict(address.options)
    kind = options.get("connection_class")
    if sentinels is not None:
        options["sentinels"] = sentinels
        options["connection_class"] = PrimarySSLConnection if kind is SSLConnection else PrimaryConnection
    if kind is not UnixDomainSocketConnection:
        # The kernel's probes notice a peer that vanished without a word while the connection was idle (30 s + 3 · 5 s).
        options.setdefault("socket_keepalive", True)
    ours = {
        "max_connections": connections_max,
        "timeout": timeout_s,  # waiting for a free connection; the call's own deadline is the tighter one
        "retry": _retry(),
        "socket_connect_timeout": timeout_s,  # the default is 5 s, beyond any deadline of ours
        "socket_timeout": timeout_s,
        "health_check_interval": 0,  # a ping that fails is a call that fails: without retries it only adds a round trip
        "protocol": 2,  # RESP3 lets the server push messages between the replies that the tick's writer counts
        "decode_responses": True,  # all we store is readable text
    }
    return BlockingConnectionPool(**{**ours, **options})  # what the url says counts, as it does with redis-py


def _retry() -> Retry:
    """None: the driver's default repeats every write up to ten times, also those that took effect."""
    if is_off(Guard.RETRIES_OFF):
        return Retry(ExponentialWithJitterBackoff(base=0.01, cap=1.0), 10)
    return Retry(NoBackoff(), 0)


def _warnings(about: dict[str, Any]) -> Iterator[str]:
    """Settings of the server (as INFO tells them) under which it may lose live sessions."""
    policy = about.get("maxmemory_policy", "noeviction")
    if policy.startswith("allkeys"):
        yield f"maxmemory-policy {policy} deletes live sessions when memory is short; use noeviction"
    if about.get("aof_enabled") == 0:
        yield "appendonly is off: if Redis dies, live sessions fall back to their last checkpoint"
