"""The rows of ``chat_message``: chat lines, in the order in which they were written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.protocol.ids import PlayerId
from gameserver.sql.database import Database
from gameserver.sql.tables import chat_message


class ChatLineRow(NamedTuple):
    zone: str
    sender_id: PlayerId
    sender: str
    to: str | None  # whispers only
    text: str
    at_ms: int


class ChatRows:
    """Every method raises ProfilesUnavailable when SQL is away."""

    def __init__(self, database: Database):
        self._database = database

    async def append(self, lines: Sequence[ChatLineRow]) -> None:
        """Write all of the lines or none. After OutcomeUnknown, writing them again may double them."""
        rows = [_row(line) for line in lines]
        if not rows:
            return

        async def work(connection: AsyncConnection) -> None:
            await self._database.standing.check_in(connection)
            await connection.execute(insert(chat_message), rows)

        await self._database.transact("append_chat", work)

    async def last(self, zone: str, count: int) -> list[ChatLineRow]:
        """The last ``count`` lines of the zone's channel, oldest first; whispers are never among them."""
        said = select(chat_message).where(chat_message.c.zone == zone, chat_message.c.recipient.is_(None))

        async def work(connection: AsyncConnection) -> list[ChatLineRow]:
            rows = (await connection.execute(said.order_by(chat_message.c.id.desc()).limit(count))).all()
            return [
                ChatLineRow(row.zone, PlayerId(row.sender_id), row.sender, row.recipient, row.text, row.at_ms)
                for row in reversed(rows)
            ]

        return await self._database.transact("last_chat", work)


def _row(line: ChatLineRow) -> dict[str, object]:
    fields = line._asdict()
    fields["recipient"] = fields.pop("to")
    return fields
