"""The lines players said: the last of each zone in memory for who joins, all of them in SQL, written behind play.

Law: a line is acked `accepted`, so it may be lost with the process; what SQL refuses stays in the backlog and is tried
again. Bound: BACKLOG_MAX lines; beyond it the oldest are dropped and counted in the log.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import structlog

from gameserver.observability import metrics
from gameserver.profiles.chat_rows import ChatRows
from gameserver.profiles.database import ProfilesUnavailable
from gameserver.profiles.records import ChatLineRow
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import ChatLine

BACKLOG_MAX = 10_000
BATCH_MAX = 500
PAUSE_S = 0.5  # lines are written in batches about this far apart
RETRY_S = 2.0

log = structlog.get_logger(__name__)


class ChatHistory:
    """``note`` is called on the tick; ``run`` is the one task that writes."""

    def __init__(self, rows: ChatRows, lines_kept: int):
        self._rows = rows
        self._kept = lines_kept
        self._zones: dict[str, deque[ChatLine]] = {}
        self._backlog: deque[ChatLineRow] = deque()

    async def load(self, zones: Sequence[str]) -> None:
        """The last lines of each zone, as SQL has them. Raises ProfilesUnavailable."""
        for zone in zones:
            rows = await self._rows.last(zone, self._kept) if self._kept else []
            lines = (ChatLine("zone", row.sender, row.text, row.at_ms) for row in rows)
            self._zones[zone] = deque(lines, maxlen=self._kept)

    def last(self, zone: str) -> list[ChatLine]:
        """Oldest first."""
        return list(self._zones.get(zone, ()))

    def note(self, zone: str, sender_id: PlayerId, line: ChatLine) -> None:
        metrics.CHAT_LINES.labels(line.channel).inc()
        if line.channel == "zone":
            self._zones.setdefault(zone, deque(maxlen=self._kept)).append(line)
        self._backlog.append(ChatLineRow(zone, sender_id, line.sender, line.to, line.text, line.at_ms))
        if len(self._backlog) > BACKLOG_MAX:
            self._backlog.popleft()
            log.warning("chat backlog is full: the oldest line is dropped", lines_max=BACKLOG_MAX)
        metrics.CHAT_BACKLOG.set(len(self._backlog))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_S if await self.flush() else RETRY_S)

    async def flush(self) -> bool:
        """Write what waits. False when SQL is away; nothing is lost by that."""
        while self._backlog:
            batch = [self._backlog[at] for at in range(min(BATCH_MAX, len(self._backlog)))]
            try:
                await self._rows.append(batch)
            except ProfilesUnavailable:
                return False
            for row in batch:
                if self._backlog and self._backlog[0] is row:  # unless it was dropped meanwhile
                    self._backlog.popleft()
            metrics.CHAT_BACKLOG.set(len(self._backlog))
        return True
