"""Rounds are played several at once, from when the first test of a module wants one; each test awaits its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
from typing import Any

import pytest
import pytest_asyncio

from tests.faults.stages import Stages, stages

JOBS = 2  # on two cores: most of a round is waiting


class Playing:
    """The rounds under way, by what they are called."""

    def __init__(self, stage: Stages):
        self.stage = stage
        self._tasks: dict[str, asyncio.Task[Any]] = {}

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks[name] = asyncio.create_task(work, name=name)

    async def outcome(self, name: str) -> Any:
        return await self._tasks[name]

    async def end(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        for task in self._tasks.values():
            with suppress(BaseException):
                await task


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def playing(request: pytest.FixtureRequest) -> AsyncIterator[Playing]:
    """Play the stages of all selected tests of the module at once. A test names its stage in its parameter
    ``asked``, an object with ``name`` and ``play(stage)``."""
    async with stages(JOBS) as stage:
        rounds = Playing(stage)
        for item in request.session.items:
            if item.path == request.path and (one := _params(item).get("asked")):
                rounds.start(one.name, one.play(stage))
        yield rounds
        await rounds.end()


def _params(item: pytest.Item) -> dict[str, Any]:
    return dict(item.callspec.params) if hasattr(item, "callspec") else {}
