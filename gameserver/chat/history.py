"""Chat lines: the last of each zone in memory for players who join, all of them in SQL, written behind play.

Law: a line is acked ``accepted``: it may be lost with the process, within about half a second.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import msgspec

from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.observability import metrics
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import ChatLine
from gameserver.sql.backlog import Backlog

LINES_BYTES_MAX = 32 * 1024  # of the lines in a welcome, which has to fit one client's queue


class ChatHistory:
    """``lines`` is the queue of unwritten lines; the history's owner runs it."""

    def __init__(self, rows: ChatRows, lines: Backlog[ChatLineRow], kept: int):
        self.lines = lines
        self._rows = rows
        self._kept = kept  # lines a zone
        self._zones: dict[str, deque[ChatLine]] = {}

    async def load(self, zones: Sequence[str]) -> None:
        """The last lines of each zone, as SQL has them. Raises ProfilesUnavailable."""
        for zone in zones:
            rows = await self._rows.last(zone, self._kept) if self._kept else []
            lines = (ChatLine("zone", row.sender, row.text, row.at_ms) for row in rows)
            self._zones[zone] = deque(lines, maxlen=self._kept)

    def last(self, zone: str) -> list[ChatLine]:
        """Return the newest lines that fit LINES_BYTES_MAX, the oldest first."""
        lines: list[ChatLine] = []
        size = 0
        for line in reversed(self._zones.get(zone, ())):
            size += len(msgspec.json.encode(line))
            if size > LINES_BYTES_MAX:
                break
            lines.append(line)
        return lines[::-1]

    def note(self, zone: str, sender_id: PlayerId, line: ChatLine) -> None:
        """Note a line, on the tick: players who join see it, and SQL gets it when it has time."""
        metrics.CHAT_LINES.labels(line.channel).inc()
        if line.channel == "zone":
            self._zones.setdefault(zone, deque(maxlen=self._kept)).append(line)
        self.lines.add(ChatLineRow(zone, sender_id, line.sender, line.to, line.text, line.at_ms))
        metrics.CHAT_BACKLOG.set(len(self.lines))
