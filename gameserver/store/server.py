"""One Redis server, or the primary that sentinels name, and the pool of connections to it.

Law: the driver repeats nothing. It cannot know whether a call that failed took effect.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection, SSLConnection, UnixDomainSocketConnection
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.exceptions import NoScriptError, ResponseError

from gameserver.failpoints import Guard, is_off
from gameserver.store.address import Address, Host
from gameserver.store.sentinels import PrimaryConnection, PrimarySSLConnection, Sentinels

Send = Callable[..., Awaitable[Any]]  # the words of one command -> its reply, with the driver's own errors


class OneServer:
    """Calls to it raise the driver's own errors."""

    def __init__(self, address: Address, timeout_s: float, connections_max: int):
        self._sentinels = Sentinels(address, timeout_s) if address.sentinels else None
        self._pool = new_pool(_options(address, self._sentinels), timeout_s, connections_max)
        self._call: Send = Redis(connection_pool=self._pool).execute_command

    async def send(self, *words: str | int) -> Any:
        try:
            return await self._call(*words)
        except NoScriptError:
            raise
        except ResponseError:
            # Read-only, no replicas, …: it may be the primary no more. The next call looks for it again, also behind
            # a name that now leads elsewhere.
            await self._pool.disconnect(inuse_connections=False)
            raise

    async def send_to_all(self, *words: str | int) -> list[Any]:
        """Return the answers of all servers to a command without a key; there is one server."""
        return [await self.send(*words)]

    def dedicated_connection(self, host: Host | None = None) -> AbstractConnection:
        assert host is None, "there is one server"
        connection: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        return connection

    async def follow(self) -> None:
        """Until cancelled, if there is anything to follow."""
        if self._sentinels is not None:
            await self._sentinels.follow()

    async def close(self) -> None:
        await self._pool.disconnect()
        if self._sentinels is not None:
            await self._sentinels.close()


def new_pool(options: Mapping[str, Any], timeout_s: float, connections_max: int) -> BlockingConnectionPool:
    """The one place that connects to a server. ``options`` are redis-py's, and win over our settings."""
    ours: dict[str, Any] = {
        "max_connections": connections_max,
        "timeout": timeout_s,  # waiting for a free connection; the call's own deadline is the tighter one
        "retry": _retry(),
        "socket_connect_timeout": timeout_s,  # the default is 5 s, beyond any deadline of ours
        "socket_timeout": timeout_s,
        "health_check_interval": 0,  # a ping that fails is a call that fails: without retries it only adds a round trip
        "protocol": 2,  # RESP3 lets the server push messages between the replies that the tick's writer counts
        "decode_responses": True,  # all we store is readable text
    }
    if options.get("connection_class") is not UnixDomainSocketConnection:
        # The kernel's probes notice a peer that vanished without a word while the connection was idle (30 s + 3 · 5 s).
        ours["socket_keepalive"] = True
    return BlockingConnectionPool(**{**ours, **options})


def _options(address: Address, sentinels: Sentinels | None) -> dict[str, Any]:
    if sentinels is None:
        return address.options
    is_tls = address.options.get("connection_class") is SSLConnection
    kind = PrimarySSLConnection if is_tls else PrimaryConnection
    return {**address.options, "sentinels": sentinels, "connection_class": kind}


def _retry() -> Retry:
    """None: the driver's default repeats every write up to ten times, also those that took effect."""
    if is_off(Guard.RETRIES_OFF):
        return Retry(ExponentialWithJitterBackoff(base=0.01, cap=1.0), 10)
    return Retry(NoBackoff(), 0)
