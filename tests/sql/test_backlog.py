"""Rows that SQL may have a little later."""

from __future__ import annotations

from collections.abc import Sequence

from gameserver.sql.backlog import Backlog
from gameserver.sql.database import ProfilesUnavailable, StatementRefused


class Rows:
    """Takes rows unless it is away, or they do not fit."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.is_away = False

    async def write(self, rows: Sequence[int]) -> None:
        if self.is_away:
            raise ProfilesUnavailable("away")
        if any(row < 0 for row in rows):
            raise StatementRefused("does not fit")
        self.taken += rows


async def test_a_row_that_does_not_fit_goes_and_keeps_no_other_back() -> None:
    rows = Rows()
    backlog = Backlog("test", rows.write)
    for row in (1, 2, -3, 4, 5):
        backlog.add(row)
    assert await backlog.flush()
    assert rows.taken == [1, 2, 4, 5]
    assert len(backlog) == 0


async def test_what_waits_while_sql_is_away_is_written_in_order_afterwards() -> None:
    rows = Rows()
    backlog = Backlog("test", rows.write, rows_max=3)
    rows.is_away = True
    for row in range(5):
        backlog.add(row)
    assert not await backlog.flush()
    rows.is_away = False
    assert await backlog.flush()
    assert rows.taken == [2, 3, 4], "the oldest beyond the bound are dropped"
