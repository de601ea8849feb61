"""Sentinels: they name the primary, and connections go there.

Every connection asks the sentinels when it connects, and makes sure that the found server calls itself a primary. A
primary that was cut off does not know that it was replaced, and keeps its clients. So the sentinels are asked
regularly, too, and a connection to another server connects again before its next use. If the answers differ, that of
the newest failover counts.
"""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from redis.asyncio import Redis
from redis.asyncio.connection import AbstractConnection, Connection, SSLConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError

from gameserver.store import following
from gameserver.store.address import Address, Host
from gameserver.store.following import SHARE_OF_DEADLINE, reasons
from gameserver.tasks import Shared

log = structlog.get_logger(__name__)


class Sentinels:
    """``follow`` is its one task; ``primary`` may be called without it."""

    def __init__(self, address: Address, timeout_s: float):
        self._service = address.service
        is_tls = issubclass(address.options.get("connection_class", Connection), SSLConnection)
        self._clients = [_client(host, address.sentinel_options, is_tls, timeout_s) for host in address.sentinels]
        self._question = Shared(self._ask, "redis sentinels")
        self.announced: Host | None = None  # the last answer

    async def primary(self) -> Host:
        """Ask now; callers at the same time share the answer. Raises redis's ConnectionError."""
        return await self._question.answer()

    async def follow(self) -> None:
        """Until cancelled: keep ``announced`` true."""
        await following.follow(self.primary, "sentinels")

    async def close(self) -> None:
        await self._question.end()
        for client in self._clients:
            await client.aclose()

    async def _ask(self) -> Host:
        asked = (client.sentinel_master(self._service) for client in self._clients)
        answers = await asyncio.gather(*asked, return_exceptions=True)
        known = [answer for answer in answers if isinstance(answer, dict)]
        if not known:
            raise RedisConnectionError(f"no sentinel knows the primary of {self._service}: {reasons(answers)}")
        newest = max(known, key=lambda answer: int(answer["config-epoch"]))
        primary = (str(newest["ip"]), int(newest["port"]))
        if self.announced not in (None, primary):
            log.warning("redis_failed_over", before=self.announced, primary=primary)
        self.announced = primary
        return primary


class PrimaryConnection(Connection):
    """Goes to where the primary is when it connects; ``is_current`` says whether that is still the one."""

    def __init__(self, *, sentinels: Sentinels, **options: Any):
        super().__init__(**options)
        self._sentinels = sentinels

    def is_current(self) -> bool:
        return self._sentinels.announced == (self.host, self.port)

    async def connect(self) -> None:
        """Connect to the primary. Called before each use; a connection to the present primary stays."""
        if self.is_connected:
            if self.is_current():
                return
            await self.disconnect(nowait=True)
        self.host, self.port = await self._sentinels.primary()
        await super().connect()  # type: ignore[no-untyped-call]

    async def on_connect_check_health(self, check_health: bool = True) -> None:
        await super().on_connect_check_health(check_health)
        await self.send_command("ROLE")
        role = (await self.read_response())[0]
        if role != "master":
            raise RedisConnectionError(f"the sentinels name {self.host}:{self.port}, which is a {role}")


class PrimarySSLConnection(PrimaryConnection, SSLConnection):
    """The same with TLS."""


def is_current(connection: AbstractConnection) -> bool:
    """Whether it is connected to where it ought to be, as far as we know."""
    return not isinstance(connection, PrimaryConnection) or connection.is_current()


def _client(host: Host, options: dict[str, Any], is_tls: bool, timeout_s: float) -> Redis:
    return Redis(
        host=host[0],
        port=host[1],
        ssl=is_tls,
        decode_responses=True,
        protocol=2,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s * SHARE_OF_DEADLINE,
        socket_connect_timeout=timeout_s * SHARE_OF_DEADLINE,
        **options,
    )
