from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.client.scripted import ScriptedServer, scripted_server


@pytest.fixture
async def server() -> AsyncIterator[ScriptedServer]:
    """The scripted server with its world running."""
    async with scripted_server() as scripted:
        ticking = asyncio.create_task(scripted.run_ticks())
        yield scripted
        ticking.cancel()
        await asyncio.gather(ticking, return_exceptions=True)
