"""Rows that SQL may have a little later: written in batches behind play, kept while SQL is away.

Law: what SQL refuses stays and is tried again, in order. For what is told to people, not for what was promised to them.
Bound: ``rows_max`` rows; beyond it the oldest are dropped and logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from gameserver.profiles.database import ProfilesUnavailable, StatementRefused

BATCH_MAX = 500
PAUSE_S = 0.5  # between batches
RETRY_S = 2.0

Row = TypeVar("Row")
log = structlog.get_logger(__name__)


class Backlog(Generic[Row]):
    """``add`` never waits; ``run`` is the one task that writes."""

    def __init__(self, name: str, write: Callable[[Sequence[Row]], Awaitable[None]], rows_max: int = 10_000):
        self._name = name
        self._write = write
        self._rows_max = rows_max
        self._rows: deque[Row] = deque()
        self._batch_max = BATCH_MAX
        self._writing = asyncio.Lock()  # a drain flushes, too: no row is written twice

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) > self._rows_max:
            self._rows.popleft()
            log.warning("a backlog is full: its oldest row is dropped", backlog=self._name, rows_max=self._rows_max)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_S if await self.flush() else RETRY_S)

    async def flush(self) -> bool:
        """Write what waits. False when SQL is away; nothing is lost by that."""
        async with self._writing:
            while self._rows:
                batch = [self._rows[at] for at in range(min(self._batch_max, len(self._rows)))]
                try:
                    await self._write(batch)
                except StatementRefused:
                    self._refused(batch)
                except ProfilesUnavailable:
                    return False
                else:
                    self._batch_max = BATCH_MAX
                    self._drop(batch)
            return True

    def _refused(self, batch: list[Row]) -> None:
        """One of them does not fit: find it by writing them alone, and let it go."""
        if len(batch) == 1:
            log.error("a row was refused and is dropped", backlog=self._name)
            self._drop(batch)
        self._batch_max = 1

    def _drop(self, rows: list[Row]) -> None:
        for row in rows:
            if self._rows and self._rows[0] is row:  # unless it was dropped meanwhile
                self._rows.popleft()
