"""Time has one source, and every background task has an owner that waits for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
import structlog

from gameserver import tasks as module
from gameserver.clock import SystemClock
from gameserver.tasks import Tasks


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


def test_intervals_and_stamps_have_the_units_their_names_say() -> None:
    clock = SystemClock()
    started_s = clock.monotonic_s()
    assert 0 <= clock.monotonic_s() - started_s < 5
    assert abs(clock.wall_ms() - time.time() * 1000) < 5_000


async def test_drain_waits_for_what_runs() -> None:
    tasks, done = Tasks(), []

    async def work() -> None:
        await asyncio.sleep(0.01)
        done.append(1)

    tasks.start(work(), "work")
    assert len(tasks) == 1
    assert await tasks.drain(5)
    assert done == [1] and len(tasks) == 0


async def test_drain_waits_also_for_what_those_start() -> None:
    tasks, done = Tasks(), []

    async def second() -> None:
        await asyncio.sleep(0.01)
        done.append(2)

    async def first() -> None:
        await asyncio.sleep(0.01)
        tasks.start(second(), "second")

    tasks.start(first(), "first")
    assert await tasks.drain(5)
    assert done == [2]


async def test_what_is_late_is_cancelled_and_told(monkeypatch: pytest.MonkeyPatch) -> None:
    tasks = Tasks()
    late = tasks.start(asyncio.Event().wait(), "late")
    assert not await tasks.drain(0.01)
    assert late.cancelled() and len(tasks) == 0


async def test_a_task_that_will_not_end_does_not_hold_the_drain_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CANCEL_S", 0.01)
    tasks, release = Tasks(), asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    tasks.start(stubborn(), "stubborn")
    assert not await asyncio.wait_for(tasks.drain(0.01), 5)
    release.set()
    assert await tasks.drain(5)


async def test_drain_of_nothing_is_done_at_once() -> None:
    assert await Tasks().drain(0)


async def test_a_task_that_raises_is_logged_and_takes_nothing_down(logged: list[structlog.typing.EventDict]) -> None:
    tasks, other = Tasks(), asyncio.Event()

    async def broken() -> None:
        raise ValueError("our bug")

    tasks.start(broken(), "broken")
    waiting = tasks.start(other.wait(), "other")
    await asyncio.sleep(0.01)
    assert not waiting.done() and len(tasks) == 1
    other.set()
    assert await tasks.drain(5)
    assert [(entry["event"], entry["task"]) for entry in logged] == [("background task failed", "broken")]
