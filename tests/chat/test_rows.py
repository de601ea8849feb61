"""The rows of chat on both servers."""

from __future__ import annotations

from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.protocol.ids import PlayerId
from gameserver.sql.database import Database


async def test_the_last_lines_of_a_zone_come_oldest_first_and_without_whispers(database: Database) -> None:
    rows = ChatRows(database)
    said = [ChatLineRow("meadow", PlayerId(1), "Ann", None, f"<b>{number}</b> 🌱", number) for number in range(5)]
    whispered = ChatLineRow("meadow", PlayerId(1), "Ann", "Ben", "psst", 9)
    elsewhere = ChatLineRow("Meadow", PlayerId(2), "Ben", None, "here", 9)
    await rows.append([*said[:2], elsewhere])
    await rows.append([*said[2:4], whispered, said[4], whispered])
    await rows.append([])
    assert await rows.last("meadow", 3) == said[2:]
    assert await rows.last("Meadow", 3) == [elsewhere]
    assert await rows.last("cave", 3) == []
