"""Owns background tasks: whoever starts one through here is sure it is awaited, and that its failure is seen."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine, Set
from typing import Any

import structlog

CANCEL_S = 1.0  # for a cancelled task to clean up

log = structlog.get_logger(__name__)


class Tasks:
    """A set of running tasks. A task that raises is logged with its traceback; it takes nothing else down."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()

    def start(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    def __len__(self) -> int:
        return len(self._running)

    async def drain(self, timeout_s: float) -> bool:
        """Wait for all, then cancel what is left. True when nothing was left."""
        return await finish(self._running, timeout_s)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background task failed", task=task.get_name(), exc_info=error)


async def finish(running: Set[asyncio.Task[Any]], patience_s: float | None) -> bool:
    """Wait until the set is empty, which its tasks leave as they end; after ``patience_s`` cancel what is left. True
    when nothing was left."""
    loop = asyncio.get_running_loop()
    until_s = math.inf if patience_s is None else loop.time() + patience_s
    while running and (left_s := until_s - loop.time()) > 0:
        await asyncio.wait(set(running), timeout=None if left_s == math.inf else left_s)  # one may start another
    late = set(running)
    for task in late:
        task.cancel()
    if late:
        await asyncio.wait(late, timeout=CANCEL_S)
    return not late
