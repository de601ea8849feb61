"""Chat without SQL: lines are shown and then forgotten."""

from __future__ import annotations

from collections.abc import Sequence

from gameserver.chat.history import ChatHistory
from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.chat.service import Chat
from gameserver.sql.backlog import Backlog


class NoRows(ChatRows):
    def __init__(self) -> None:
        pass

    async def append(self, lines: Sequence[ChatLineRow]) -> None:
        pass

    async def last(self, zone: str, count: int) -> list[ChatLineRow]:
        return []


def unkept_chat() -> Chat:
    rows = NoRows()
    return Chat(ChatHistory(rows, Backlog("chat", rows.append), 20))
