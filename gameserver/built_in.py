"""The services that every node has, whatever the game."""

from __future__ import annotations

from typing import Final

from gameserver.chat.history import ChatHistory
from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.chat.service import Chat
from gameserver.config import Settings
from gameserver.services.service import Service
from gameserver.sql.backlog import Backlog
from gameserver.sql.database import Database

SERVICES: Final[tuple[type[Service], ...]] = (Chat,)


def built_in_services(settings: Settings, database: Database) -> list[Service]:
    """Return one instance of each of SERVICES."""
    rows = ChatRows(database)
    lines: Backlog[ChatLineRow] = Backlog("chat", rows.append)
    return [Chat(ChatHistory(rows, lines, settings.chat_history_lines))]
