"""The stand-in for Redis cannot drift: the contract tests of the store run on it as they run on the real servers."""

from __future__ import annotations

from random import Random

import pytest

from gameserver.store.sessions import LiveSessions
from tests.model.redis_standin import StoreStandIn, TickWriterStandIn, redis
from tests.model.weather import Weather
from tests.store.test_nodes import *  # noqa: F403
from tests.store.test_sessions import *  # noqa: F403


@pytest.fixture
async def store() -> StoreStandIn:
    return StoreStandIn(redis(Weather(Random(1))))


@pytest.fixture
def live(store: StoreStandIn) -> LiveSessions:
    return LiveSessions(store)


@pytest.fixture
def writer(store: StoreStandIn) -> TickWriterStandIn:
    return TickWriterStandIn(store)
