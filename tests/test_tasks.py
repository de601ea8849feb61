"""Every background task has an owner that waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
import structlog

from gameserver import tasks as module
from gameserver.tasks import Shared, Tasks


@pytest.fixture
def logged() -> Iterator[list[structlog.typing.EventDict]]:
    with structlog.testing.capture_logs() as entries:
        yield entries


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
    assert [(entry["event"], entry["task"]) for entry in logged] == [("background_task_failed", "broken")]


class Asked:
    """A question whose answer comes when the test says so."""

    def __init__(self) -> None:
        self.times = 0
        self.may_answer = asyncio.Event()
        self.error: Exception | None = None

    async def ask(self) -> int:
        self.times += 1
        number = self.times
        await self.may_answer.wait()
        if self.error is not None:
            raise self.error
        return number


async def test_who_asks_while_the_answer_is_on_its_way_shares_it_and_who_asks_later_asks_anew() -> None:
    asked = Asked()
    shared = Shared(asked.ask, "question")
    waiting = [asyncio.create_task(shared.answer()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting.pop().cancel()  # costs the others nothing
    await asyncio.sleep(0)
    asked.may_answer.set()
    assert await asyncio.gather(*waiting) == [1, 1]
    assert await shared.answer() == 2


async def test_an_answer_that_nobody_waits_for_is_waited_for_at_the_end_and_its_error_is_no_warning() -> None:
    asked = Asked()
    asked.error = OSError("away")
    shared = Shared(asked.ask, "question")
    task = shared.start()
    assert shared.start() is task
    ending = asyncio.create_task(shared.end())
    await asyncio.sleep(0.01)
    assert not ending.done()
    asked.may_answer.set()
    await ending
    assert task.done() and asked.times == 1
    with pytest.raises(OSError, match="away"):
        await shared.answer()
    await shared.end()
