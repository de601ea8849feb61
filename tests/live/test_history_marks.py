"""The marks of nodes as Redis has them."""

from __future__ import annotations

from gameserver.live.history_marks import HistoryMarks
from gameserver.protocol.ids import NodeId
from gameserver.store.connection import Store

HERE, THERE = NodeId("10.0.0.7:8765"), NodeId("there")


async def test_marks_are_read_as_they_were_told_for_each_history_by_itself(store: Store) -> None:
    marks = HistoryMarks(store)
    assert await marks.read("db:one") == {}
    await marks.tell("db:one", HERE, 5, 9)
    await marks.tell("db:one", THERE, 0, 2)
    await marks.tell("db:one", HERE, 6, 10)
    await marks.tell("db:two", HERE, 1, 2)
    assert await marks.read("db:one") == {HERE: (6, 10), THERE: (0, 2)}
    assert await marks.read("db:two") == {HERE: (1, 2)}
