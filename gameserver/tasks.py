"""Owns background tasks: whoever starts one through here is sure it is awaited, and that its failure is seen."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine, Set
from typing import Any, Generic, TypeVar

import structlog

T = TypeVar("T")
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
            log.error("background_task_failed", task=task.get_name(), exc_info=error)


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


class Shared(Generic[T]):
    """A question that is asked once at a time: callers that come before the answer share it."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, T]], name: str):
        self._ask = ask
        self._name = name
        self._asking: asyncio.Task[T] | None = None

    async def answer(self) -> T:
        """Raises what asking raises. Goes on for the others when the caller is cancelled."""
        return await asyncio.shield(self.start())

    def start(self) -> asyncio.Task[T]:
        """Ask, and do not wait."""
        if self._asking is None:
            self._asking = asyncio.get_running_loop().create_task(self._ask(), name=self._name)
            self._asking.add_done_callback(self._asked)
        return self._asking

    async def end(self) -> None:
        """Wait for the answer that is on its way."""
        if self._asking is not None:
            await asyncio.wait((self._asking,))

    def _asked(self, task: asyncio.Task[T]) -> None:
        self._asking = None
        if not task.cancelled():
            task.exception()  # whoever waited was told; if nobody did any more, it is not an error that nobody saw
