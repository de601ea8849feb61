"""This node's place in the history of its SQL database: the row of marks that its transactions look at.

Law: a transaction that gives a player something, or keeps something of a player, goes on only while our row is there
and has not gone back. Our row shows a dump that was loaded, another database, and a replica without our last exchanges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlalchemy import ColumnElement, Select, case, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.failpoints import Guard, is_off
from gameserver.protocol.ids import NodeId
from gameserver.sql.tables import history_mark
from gameserver.sql.unavailable import HistoryLost

COLUMN = "is_same_history"


class Standing:
    """``enter`` at the start; until then nothing is watched. ``on_commit`` is called after a commit that raised our
    mark, and ``on_loss`` once, when SQL turns out to have another history than ours."""

    def __init__(self) -> None:
        self.history_id = ""
        self.node = NodeId("")
        self.committed = 0  # the highest number of ours that SQL has committed
        self.is_lost = False
        self.on_commit: Callable[[], None] = lambda: None
        self.on_loss: Callable[[], None] = lambda: None
        self._given = 0  # the highest number given to a transaction

    def enter(self, history_id: str, node: NodeId, commits: int) -> None:
        """Watch from now on. ``commits`` is what our row says."""
        self.history_id, self.node = history_id, node
        self.committed = self._given = commits

    def watched(self, statement: Select[Any]) -> Select[Any]:
        """Return the statement with a further column for ``check``, which costs no round trip: whether our row is there
        and shows all that is committed by now, when the statement is about to be sent."""
        return statement.add_columns(self._is_same().label(COLUMN))

    def check(self, is_same: bool | int | None) -> None:
        """Raise HistoryLost unless the further column says so. It is NULL when there is no such row."""
        if not is_same and not is_off(Guard.HISTORY):
            self.note_lost()
            raise HistoryLost("this SQL database is another one, or was set back")

    async def check_in(self, connection: AsyncConnection) -> None:
        """Look at our row in this transaction, where nothing else does. Raises HistoryLost."""
        if self.history_id:
            self.check(await connection.scalar(select(self._is_same())))

    async def raise_in(self, connection: AsyncConnection) -> int:
        """Raise our mark in this transaction, as its last statement, and return the new number for ``note_commit``.
        Raises HistoryLost."""
        if not self.history_id:
            return 0
        self._given += 1
        number, at = self._given, history_mark.c.commits
        raised = await connection.execute(self._mine().values(commits=case((at < number, number), else_=at)))
        if raised.rowcount == 0:
            self.check(is_same=False)
        return number

    async def beat_in(self, connection: AsyncConnection, beats: int) -> None:
        """Set our beats in this transaction. Raises HistoryLost."""
        beaten = await connection.execute(self._mine().values(beats=beats))
        if beaten.rowcount == 0:
            self.check(is_same=False)

    def note_commit(self, number: int) -> None:
        """The transaction that raised our mark to this number is committed."""
        if number > self.committed:
            self.committed = number
            self.on_commit()

    def note_lost(self) -> None:
        if not self.is_lost:
            self.is_lost = True
            self.on_loss()

    def _mine(self) -> Any:
        return update(history_mark).where(*self._here(), history_mark.c.commits >= self.committed)

    def _is_same(self) -> ColumnElement[Any]:
        if not self.history_id:
            return literal(1)
        row = select(history_mark.c.commits >= self.committed).where(*self._here())
        return row.scalar_subquery()

    def _here(self) -> tuple[ColumnElement[bool], ...]:
        return history_mark.c.history_id == self.history_id, history_mark.c.node == self.node
