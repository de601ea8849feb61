"""Calls to Redis: their deadlines, and one name for their failures.

Law: every call has a deadline, is never retried by the driver, cannot be torn in half by the cancellation of whoever
waits for it, and fails only as ``StoreUnavailable``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

import structlog
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException, RedisError

from gameserver.observability.metrics import STORE_ERRORS, STORE_SECONDS
from gameserver.store.address import Host, parse
from gameserver.store.cluster import Cluster
from gameserver.store.server import OneServer, Send
from gameserver.store.standing import Standing
from gameserver.tasks import finish

T = TypeVar("T")
CONNECTIONS_MAX = 16  # ordinary calls in flight; further callers wait for a connection until their deadline

_seconds = cache(STORE_SECONDS.labels)
log = structlog.get_logger(__name__)


class StoreUnavailable(Exception):  # noqa: N818  an expected state of the world, named as callers speak of it
    """Redis is away, too slow, loading, out of memory, read-only or refuses us. Whether the call took effect is not
    known; every call may be repeated without harm."""


class Store:
    """A Redis (or Valkey) server, the one that sentinels name, or a cluster. ``url``: see ``store/address.py``.

    ``timeout_s`` bounds each call as a whole: finding the server, waiting for a connection, connecting, sending and
    the reply. ``connections_max`` is for each server.
    """

    def __init__(self, url: str, *, timeout_s: float = 1.0, connections_max: int = CONNECTIONS_MAX):
        address = parse(url)
        self.timeout_s = timeout_s
        self.cluster = Cluster(address, timeout_s, connections_max) if address.seeds else None
        self._servers = self.cluster or OneServer(address, timeout_s, connections_max)
        self._dedicated: list[AbstractConnection] = []
        self._calls: set[asyncio.Task[Any]] = set()
        self._following: asyncio.Task[None] | None = None
        self._standing = Standing()
        self._is_closed = False

    async def open(self) -> None:
        """Check that every server answers. Raises StoreUnavailable."""
        self._following = asyncio.get_running_loop().create_task(self._servers.follow(), name="redis failover")
        await self.ping()

    async def close(self, patience_s: float | None = None) -> None:
        """Wait for the calls under way (each has its deadline), for ``patience_s`` at most; cut what is left, and close
        every connection."""
        self._is_closed = True
        await finish(self._calls, patience_s)
        for connection in self._dedicated:
            await connection.disconnect(nowait=True)
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
        await self._servers.close()

    async def ping(self) -> None:
        """Raises StoreUnavailable when a server does not answer, or is still loading its data."""
        await self._call("ping", lambda: self._servers.send_to_all("PING"))

    async def ask_all(self, *words: str | int) -> list[Any]:
        """Return the reply of each server, of a cluster of each primary. Raises StoreUnavailable."""
        return await self._call("ask_all", lambda: self._servers.send_to_all(*words))

    async def command(self, operation: str, *words: str | int) -> Any:
        """One command and its reply, as text. ``operation`` is its name in the metrics. Raises StoreUnavailable."""
        return await self.run(operation, lambda send: send(*words))

    async def shut_down(self) -> None:
        """End the server. Raises StoreUnavailable."""
        await self.run("shutdown", _send_shutdown)

    async def run(self, operation: str, work: Callable[[Send], Awaitable[T]]) -> T:
        """Do ``work`` within the deadline, in a task of its own: when the caller is cancelled the work still ends as
        it would have. Raises StoreUnavailable."""
        return await self._call(operation, lambda: work(self._servers.send))

    async def _call(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        task = asyncio.get_running_loop().create_task(self._timed(operation, work), name=f"redis {operation}")
        self._calls.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait((task,))
        return task.result()

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._calls.discard(task)
        error = None if task.cancelled() else task.exception()  # asked for here: its caller may have been cancelled
        if error is not None and not isinstance(error, StoreUnavailable):
            log.error("redis_call_failed", task=task.get_name(), exc_info=error)

    def dedicated_connection(self, host: Host | None = None) -> AbstractConnection:
        """A connection outside the pool, not yet connected, with the same address, credentials and TLS; of a cluster,
        to the node at ``host``. The caller uses it alone; it is closed with the store."""
        connection = self._servers.dedicated_connection(host)
        self._dedicated.append(connection)
        return connection

    @contextmanager
    def measured(self, operation: str) -> Iterator[None]:
        """Time the block under ``operation`` and turn the driver's errors into StoreUnavailable."""
        if self._is_closed:
            raise StoreUnavailable(f"{operation}: the store is closed")
        started_s = time.perf_counter()
        try:
            yield
        except (RedisError, RedisClusterException, OSError) as error:  # asyncio's TimeoutError is an OSError
            STORE_ERRORS.labels("redis").inc()
            self._standing.failed(error)
            raise StoreUnavailable(f"{operation}: {str(error) or 'the deadline passed'}") from error
        except StoreUnavailable as error:  # of a part of this, after which another part may have been well
            self._standing.failed(error)
            raise
        else:
            self._standing.answered()
        finally:
            _seconds("redis", operation).observe(time.perf_counter() - started_s)

    async def _timed(self, operation: str, work: Callable[[], Awaitable[T]]) -> T:
        with self.measured(operation):
            async with asyncio.timeout(self.timeout_s):
                return await work()


async def _send_shutdown(send: Send) -> None:
    """Send SHUTDOWN. A server that ends closes the connection without an answer, which is no failure."""
    with suppress(RedisConnectionError):
        await send("SHUTDOWN")
