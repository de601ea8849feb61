"""Fixtures of the store's tests: a store on each kind of server, and short names for its content."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gameserver.live.sessions import LiveSessions
from gameserver.live.tick_writer import TickWriter
from gameserver.store.connection import Store
from tests.servers.redis import RunningRedis


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[Store]:
    """On an empty shared server; the test runs on each kind."""
    store = Store(redis_url, timeout_s=5.0)
    yield store
    await store.close()


@pytest.fixture
def live(store: Store) -> LiveSessions:
    return LiveSessions(store)


@pytest.fixture
def writer(store: Store) -> TickWriter:
    return TickWriter(store)


@pytest.fixture
async def hasty_store(own_redis: RunningRedis) -> AsyncIterator[Store]:
    """On a server that the test may kill, pause and restart; gives up soon."""
    store = Store(own_redis.url, timeout_s=0.3)
    yield store
    own_redis.go_on()
    await store.close()
