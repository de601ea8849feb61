from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from tests.faults import rig
from tests.faults.rig import Rig


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def stage() -> AsyncIterator[Rig]:
    """The processes all rounds of the run share."""
    async with rig.rig() as stage:
        yield stage


@pytest_asyncio.fixture(loop_scope="package")
async def sabotaged_stage(stage: Rig) -> AsyncIterator[Rig]:
    """No node runs before or after: those of this test run without a guard."""
    await stage.mend(0, {})
    yield stage
    await stage.mend(0, {})
