from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.scenarios.stores import Stores
from tests.servers.game import RunningGame


@pytest.fixture
def stores(running_server: RunningGame) -> Iterator[Stores]:
    """The stores of the shared server."""
    stores = Stores(running_server.redis_url, running_server.sql_url)
    yield stores
    stores.close()


@pytest.fixture
def own_stores(own_server: RunningGame) -> Iterator[Stores]:
    """The stores of this test's own server."""
    stores = Stores(own_server.redis_url, own_server.sql_url)
    yield stores
    stores.close()
