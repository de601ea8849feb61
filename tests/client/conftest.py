from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.client.scripted import ScriptedServer, scripted_server


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    async with scripted_server() as scripted:
        yield scripted
