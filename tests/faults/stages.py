"""Stages that rounds are played on: each is a rig of real processes, built when it is first needed and used again.

Most of a round is waiting, so several are played at once; how many at most is what ``jobs`` says.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.faults.rig import Rig, rig
from tests.faults.scene import Fault, Scene
from tests.servers.mariadb import installed


class Stages:
    """``play`` may be called any number of times at once. Made by ``stages``."""

    def __init__(self, jobs: int, data: Path, stack: AsyncExitStack):
        self.jobs = jobs
        self._data = data
        self._stack = stack
        self._free: dict[bool, list[tuple[Rig, AsyncExitStack]]] = {False: [], True: []}  # without and with sentinels
        self._turns = asyncio.Semaphore(jobs)
        self._queue = asyncio.Lock()

    async def play(self, fault: Fault, seed: int, environment: dict[str, str] | None = None) -> Scene:
        """One round on processes that are whole again before it, when its turn comes; its verdicts are the scene's."""
        async with self._turn(fault.alone), self._rig(fault.sentinels) as stage:
            await stage.mend(fault.nodes, environment or {})
            scene = Scene(stage, fault, seed, environment or {})
            started_s = time.monotonic()
            await scene.run()
            scene.took_s = time.monotonic() - started_s
            if scene.verdicts.violations:
                scene.logs = stage.logs
                stage.is_spoilt = True
            return scene

    @asynccontextmanager
    async def _turn(self, alone: bool) -> AsyncIterator[None]:
        taken = self.jobs if alone else 1
        async with self._queue:  # so that nobody has one turn while it waits for the others
            for _ in range(taken):
                await self._turns.acquire()
        try:
            yield
        finally:
            for _ in range(taken):
                self._turns.release()

    @asynccontextmanager
    async def _rig(self, sentinels: bool) -> AsyncIterator[Rig]:
        """Lend a free rig. A round that broke a promise, or was not played to its end, takes its processes with it:
        what it left in the stores would be found by the rounds after it."""
        free = self._free[sentinels]
        stage, processes = free.pop() if free else await self._build(sentinels)
        try:
            yield stage
        except BaseException:
            stage.is_spoilt = True
            raise
        finally:
            if stage.is_spoilt:
                await processes.aclose()
            else:
                free.append((stage, processes))

    async def _build(self, sentinels: bool) -> tuple[Rig, AsyncExitStack]:
        processes = AsyncExitStack()
        self._stack.push_async_callback(processes.aclose)
        return await processes.enter_async_context(rig(self._data, sentinels=sentinels)), processes


@asynccontextmanager
async def stages(jobs: int) -> AsyncIterator[Stages]:
    async with AsyncExitStack() as stack:
        data = await asyncio.to_thread(stack.enter_context, installed())
        yield Stages(jobs, data, stack)
