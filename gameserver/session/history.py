"""Ties Redis to the SQL database: at the start, and as long as the node runs.

Law: Redis is told of each exchange and each new account after its commit, and of every second of play. When it knows
of more than SQL has, SQL was set back: a new history is drawn, and nobody gets Redis' sessions of the one before.
A running node that finds another history in SQL takes no players any more, and lets go of those it has, unsaved.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gameserver.failpoints import Guard, is_off
from gameserver.live.history_marks import HistoryMarks
from gameserver.live.sessions import LiveSessions
from gameserver.profiles.history_rows import History, HistoryRows, is_behind
from gameserver.profiles.records import Mark
from gameserver.protocol.ids import NodeId
from gameserver.sql.database import HistoryLost, ProfilesUnavailable
from gameserver.sql.standing import Standing
from gameserver.store.connection import StoreUnavailable

BEAT_S = 1.0
DRAWS_MAX = 5  # each further one means that another node has drawn, too
BEATS_OF_A_START = 2  # one may be missing

log = structlog.get_logger(__name__)


class HistoryKeeper:
    """``enter`` at the start, then ``run`` is its one task. ``is_played()`` is whether there are sessions here: without
    any, no second is worth a commit. ``lost()`` is called once, when SQL has another history than ours."""

    def __init__(
        self,
        *,
        rows: HistoryRows,
        marks: HistoryMarks,
        standing: Standing,
        live: LiveSessions,
        node: NodeId,
        is_played: Callable[[], bool],
        lost: Callable[[], None],
    ):
        self._rows = rows
        self._marks = marks
        self._standing = standing
        self._live = live
        self._node = node
        self._is_played = is_played
        self._lost = lost
        self._history = ""
        self._beats = 0
        self._told = Mark(0, 0)
        self._wake = asyncio.Event()

    async def enter(self) -> None:
        """Find the history to go on with, or draw a new one. Raises ProfilesUnavailable and StoreUnavailable."""
        present, in_sql, in_redis = await self._compare()
        mark = _higher(in_sql.get(self._node), in_redis.get(self._node))
        self._history, self._beats = present.name, mark.beats + BEATS_OF_A_START
        await self._rows.enter(present, self._node, Mark(mark.commits, self._beats))
        self._live.enter(present.name, adopts_unnamed=present.number == 1)
        self._standing.on_commit, self._standing.on_loss = self._wake.set, self._note_lost
        await self._tell()
        log.info("history_entered", history=present.name, number=present.number)

    async def run(self) -> None:
        """Until cancelled. A store that is away is told later."""
        while True:
            try:
                async with asyncio.timeout(BEAT_S):
                    await self._wake.wait()
            except TimeoutError:
                await self._beat()
            self._wake.clear()
            await self._tell_if_possible()

    async def _compare(self) -> tuple[History, dict[NodeId, Mark], dict[NodeId, Mark]]:
        """The present history, after drawing one if SQL was set back, and the marks of all nodes in both stores."""
        for _ in range(DRAWS_MAX):
            named, _ = await self._rows.read()
            in_redis = {node: Mark(*mark) for node, mark in (await self._marks.read(named.name)).items()}
            # SQL is read after Redis. Other nodes commit meanwhile, and Redis is told of a commit only after it.
            present, in_sql = await self._rows.read()
            if present.name != named.name:
                continue
            if not is_behind(in_sql, in_redis) or is_off(Guard.HISTORY):
                return present, in_sql, in_redis
            log.warning("sql_was_set_back", history=present.name, note="live sessions of later are given to nobody")
            await self._rows.draw(present)
        raise ProfilesUnavailable("the history of the database changes again and again")

    async def _beat(self) -> None:
        if self._standing.is_lost or not self._is_played():
            return
        try:
            await self._rows.beat(self._beats + 1)
        except HistoryLost:
            return  # told by ``_note_lost``
        except ProfilesUnavailable as error:
            log.debug("history_beat_failed", error=str(error))
        else:
            self._beats += 1

    async def _tell_if_possible(self) -> None:
        if self._standing.is_lost or self._told == Mark(self._standing.committed, self._beats):
            return
        try:
            await self._tell()
        except StoreUnavailable as error:
            log.debug("history_mark_not_written", error=str(error))

    async def _tell(self) -> None:
        mark = Mark(self._standing.committed, self._beats)
        await self._marks.tell(self._history, self._node, *mark)
        self._told = mark

    def _note_lost(self) -> None:
        note = "SQL is another database or was set back; this process ends soon, start it again"
        log.error("history_lost", history=self._history, note=note)
        self._lost()


def _higher(one: Mark | None, other: Mark | None) -> Mark:
    one, other = one or Mark(0, 0), other or Mark(0, 0)
    return Mark(max(one.commits, other.commits), max(one.beats, other.beats))
