"""An event loop whose time is a number: when nothing is ready it jumps to the next timer. And processes on it, which
can be killed at any await, or stopped and continued, while the others go on.

Law: what runs next depends on nothing but what was asked of the loop before; there is no socket and no real clock.
"""

from __future__ import annotations

import asyncio
import heapq
from asyncio import events
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from typing import Any, TypeVarTuple

Args = TypeVarTuple("Args")

START_S = 1000.0
START_MS = 1_700_000_000_000


class Stuck(Exception):  # noqa: N818
    """Nothing is ready and no timer is set: nothing would ever happen again."""


class Process:
    """Whatever is started in it shares its fate."""

    def __init__(self, name: str):
        self.name = name
        self.is_dead = False
        self.is_stopped = False
        self.went_on_s = float("-inf")  # when it was last continued
        self._parked: list[events.Handle] = []
        self._context = copy_context()
        self._context.run(_process.set, self)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """Run it as the process, now."""
        return self._context.copy().run(function, *args)

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.get_running_loop().create_task(work, context=self._context.copy())

    def later(self, delay_s: float, function: Callable[..., Any], *args: Any) -> None:
        """Run it as the process, should it still live then."""
        asyncio.get_running_loop().call_later(delay_s, function, *args, context=self._context.copy())

    def kill(self) -> None:
        """SIGKILL: nothing of it runs any more, no handler and no finally. Its suspended tasks stay as they are."""
        self.is_dead = True
        self._parked.clear()

    def stop(self) -> None:
        """SIGSTOP: what is due waits."""
        self.is_stopped = True

    def go_on(self) -> None:
        """SIGCONT: what was due runs now, in order."""
        loop: Any = asyncio.get_running_loop()
        self.is_stopped, self.went_on_s = False, loop.time()
        loop._ready.extend(handle for handle in self._parked if not handle._cancelled)
        self._parked.clear()

    def is_well(self, seconds: float) -> bool:
        """It runs, and has for so long."""
        is_running = not (self.is_dead or self.is_stopped)
        return is_running and self.went_on_s < asyncio.get_running_loop().time() - seconds

    def may_run(self, handle: events.Handle) -> bool:
        if self.is_stopped and not self.is_dead:
            self._parked.append(handle)
        return not (self.is_stopped or self.is_dead)


_process: ContextVar[Process | None] = ContextVar("process", default=None)


def this_process() -> Process | None:
    """Return the process that runs this code; None if that cannot be killed."""
    return _process.get()


def nobody() -> Context:
    """The context of what no process does: stores, players, the script."""
    return Context()


class _Handle(events.Handle):
    _context: Context  # of asyncio's, as all below that begins with _ and is only declared

    def _run(self) -> None:
        process = self._context.get(_process)
        if process is None or process.may_run(self):
            super()._run()


class _Timer(events.TimerHandle):
    _context: Context
    _scheduled: bool

    def _run(self) -> None:
        process = self._context.get(_process)
        if process is None or process.may_run(self):
            super()._run()


class VirtualLoop(BaseEventLoop):
    """``time`` begins at START_S and moves only by jumps."""

    _ready: deque[events.Handle]
    _scheduled: list[events.TimerHandle]

    def __init__(self) -> None:
        super().__init__()
        self.now_s = START_S
        self.errors: list[str] = []  # what no task and no future told anybody
        self.tasks: list[asyncio.Task[Any]] = []  # all there were: one of a killed process is not to be collected
        self._selector = self  # what _run_once waits with
        self._clock_resolution = 1e-9
        self.set_exception_handler(self._note_error)

    def time(self) -> float:
        return self.now_s

    def select(self, timeout: float | None) -> list[Any]:
        """Wait for what comes next. Called by the loop of asyncio, with the seconds until the next timer."""
        if timeout is None:
            raise Stuck
        self.now_s += max(timeout, 0.0)
        return []

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = super().create_task(coro, **options)
        self.tasks.append(task)
        return task

    def call_soon(
        self, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> events.Handle:
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_at(
        self, when: float, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> events.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer

    def call_later(
        self, delay: float, callback: Callable[[*Args], object], *args: *Args, context: Context | None = None
    ) -> events.TimerHandle:
        return self.call_at(self.now_s + delay, callback, *args, context=context)

    def _process_events(self, event_list: list[Any]) -> None:
        pass

    def _write_to_self(self) -> None:
        pass

    def _note_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.errors.append(f"{context.get('message')}: {context.get('exception')!r}")


class VirtualClock:
    """The loop's time as the server's clock."""

    def __init__(self, loop: VirtualLoop):
        self._loop = loop

    def monotonic_s(self) -> float:
        return self._loop.now_s

    def wall_ms(self) -> int:
        return START_MS + int((self._loop.now_s - START_S) * 1000)


def bury(loop: VirtualLoop) -> None:
    """Let go of all that still hangs there: what killed processes were about to do, and who waits for it."""
    loop._ready.clear()
    loop._scheduled.clear()
    for task in loop.tasks:
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own
            with suppress(Exception):
                task.get_coro().close()
    loop.close()
