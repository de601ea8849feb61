"""The stand-in for Redis cannot drift: the contract tests of the store run on it as they run on the real servers."""

from __future__ import annotations

from random import Random

import pytest

from gameserver.live.sessions import LiveSessions
from tests.live.test_nodes import *  # noqa: F403
from tests.live.test_sessions import *  # noqa: F403
from tests.model.redis_standin import StoreStandIn, TickWriterStandIn, redis
from tests.model.weather import Weather


@pytest.fixture
async def store() -> StoreStandIn:
    return StoreStandIn(redis(Weather(Random(1))))


@pytest.fixture
def live(store: StoreStandIn) -> LiveSessions:
    return LiveSessions(store)


@pytest.fixture
def writer(store: StoreStandIn) -> TickWriterStandIn:
    return TickWriterStandIn(store)
