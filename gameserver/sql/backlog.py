"""Rows that SQL may have a little later: written in batches behind play, kept while SQL is away.

Law: rows are written in order, and wait while SQL is away. A row that SQL refuses although it is well is found by
halving the batch, dropped and logged. For records that people may look at, not for promises to players.
Bound: ``rows_max`` rows; beyond it the oldest are dropped and logged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from gameserver.observability import metrics
from gameserver.retrying import GROWING
from gameserver.sql.database import ProfilesUnavailable, StatementRefused

BATCH_MAX = 500
PAUSE_S = 0.5  # between batches

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
        self._suspect: Row | None = None  # was refused alone, once
        self._writing = asyncio.Lock()  # a drain flushes, too: no row is written twice

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, row: Row) -> None:
        self._rows.append(row)
        if len(self._rows) > self._rows_max:
            self._rows.popleft()
            log.warning("backlog_full", backlog=self._name, rows_max=self._rows_max)

    async def run(self) -> None:
        """Until cancelled."""
        failures = 0
        while True:
            failures = 0 if await self.flush() else failures + 1
            await asyncio.sleep(GROWING.after(failures) or PAUSE_S)

    async def flush(self) -> bool:
        """Write everything that waits. False when SQL is away; nothing is lost by that."""
        async with self._writing:
            while self._rows:
                batch = [self._rows[at] for at in range(min(self._batch_max, len(self._rows)))]
                try:
                    await self._write(batch)
                except Exception as error:
                    if isinstance(error, ProfilesUnavailable) and not isinstance(error, StatementRefused):
                        return False
                    self._refused(batch, error)  # also a value that the driver cannot write, and a bug of ours
                else:
                    self._batch_max = min(self._batch_max * 2, BATCH_MAX)
                    self._drop(batch)
            return True

    def _refused(self, batch: list[Row], error: Exception) -> None:
        """Look for the row to blame among half as many. Let it go when it was refused alone, twice."""
        self._batch_max = max(1, len(batch) // 2)
        if len(batch) > 1:
            return
        if self._suspect is batch[0]:
            metrics.REFUSED_ROWS.labels(self._name).inc()
            reason = f"{type(error).__name__}: {error}"
            log.error("row_refused", backlog=self._name, player_id=_player_of(batch[0]), error=reason)
            self._drop(batch)
        self._suspect = batch[0]

    def _drop(self, rows: list[Row]) -> None:
        for row in rows:
            if self._rows and self._rows[0] is row:  # unless it was dropped meanwhile
                self._rows.popleft()


def _player_of(row: object) -> int | None:
    return getattr(row, "player_id", getattr(row, "sender_id", None))
