"""Silence of a server, measured in timer ticks instead of seconds.

A deadline on the clock blames the server for our own delay: when one turn of the event loop takes a quarter of a
second, its timers fire before the data that has arrived is read. So silence is the number of timer ticks without an
answer. A blocked event loop makes no ticks, so its stalls do not count.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

LOOKS: Final = 32  # until silence is too long: between two answers of SQLite lie up to a dozen turns of the loop


class Silent(TimeoutError):  # noqa: N818  the name says the state of affairs
    """Nothing was heard for too long."""


class Silence:
    """Begins anew with every ``heard``."""

    def __init__(self, seconds: float, deadline: asyncio.Timeout):
        self._look_s = seconds / LOOKS
        self._deadline = deadline
        self._looks = 0
        self._next = self._plan()

    def heard(self) -> None:
        self._looks = 0

    def stop(self) -> None:
        self._next.cancel()

    def _plan(self) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(self._look_s, self._look)

    def _look(self) -> None:
        self._looks += 1
        if self._looks < LOOKS:
            self._next = self._plan()
        else:
            self._deadline.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def listening(seconds: float) -> AsyncIterator[Silence]:
    """Raises Silent after so many seconds in which nothing was ``heard``, and later where we could not listen."""
    deadline = asyncio.timeout(None)
    try:
        async with deadline:
            silence = Silence(seconds, deadline)
            try:
                yield silence
            finally:
                silence.stop()
    except TimeoutError as error:
        if deadline.expired():
            raise Silent from error
        raise
