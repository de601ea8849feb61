"""The rows of ``history`` and ``history_mark``: the present history of the database, and how far each node has come."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Column, case, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.profiles.inventory_rows import upsert
from gameserver.profiles.records import Mark
from gameserver.protocol.ids import NodeId
from gameserver.sql.database import Database
from gameserver.sql.tables import history, history_mark


class History(NamedTuple):
    """The one row of ``history``."""

    database_id: str
    history_id: str
    number: int  # 1 for the first history of a database

    @property
    def name(self) -> str:
        """The name of this history in Redis. The part before the colon names the database, for people who look."""
        return f"{self.database_id}:{self.history_id}"


class HistoryRows:
    """Every method raises ProfilesUnavailable when SQL is away."""

    def __init__(self, database: Database):
        self._database = database

    async def read(self) -> tuple[History, dict[NodeId, Mark]]:
        """Return the present history and the mark of each node in it. A database without a history is given one."""

        async def work(connection: AsyncConnection) -> tuple[History, dict[NodeId, Mark]]:
            present = await _present(connection)
            of_present = select(history_mark).where(history_mark.c.history_id == present.history_id)
            rows = await connection.execute(of_present)
            return present, {NodeId(row.node): Mark(row.commits, row.beats) for row in rows}

        return await self._database.transact("read_history", work)

    async def draw(self, before: History) -> None:
        """Begin a new history, in which no node has come far; nothing happens when somebody else did meanwhile."""

        async def work(connection: AsyncConnection) -> None:
            row = update(history).where(history.c.history_id == before.history_id)
            drawn = await connection.execute(row.values(history_id=secrets.token_hex(8), number=history.c.number + 1))
            if drawn.rowcount:
                await connection.execute(delete(history_mark).where(history_mark.c.history_id == before.history_id))

        await self._database.transact("draw_history", work)

    async def enter(self, present: History, node: NodeId, mark: Mark) -> None:
        """Raise the node's own mark to this one, and watch it from now on in every transaction on this database."""
        key = {"history_id": present.history_id, "node": node}
        ours = [history_mark.c[name] == value for name, value in key.items()]
        raised = {column: case((column < number, number), else_=column) for column, number in _columns(mark)}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(upsert(connection, history_mark, ["node"]), {**key, "commits": 0, "beats": 0})
            await connection.execute(update(history_mark).where(*ours).values(raised))

        await self._database.transact("enter_history", work)
        self._database.standing.enter(present.history_id, node, mark.commits)

    async def beat(self, beats: int) -> None:
        """Raise the node's beats. Raises HistoryLost."""
        standing = self._database.standing

        async def work(connection: AsyncConnection) -> None:
            await standing.beat_in(connection, beats)

        await self._database.transact("beat_history", work)


def _columns(mark: Mark) -> tuple[tuple[Column[int], int], ...]:
    return (history_mark.c.commits, mark.commits), (history_mark.c.beats, mark.beats)


async def _present(connection: AsyncConnection) -> History:
    columns = (history.c.database_id, history.c.history_id, history.c.number)
    row = (await connection.execute(select(*columns))).one_or_none()
    if row is not None:
        return History(*row)
    first = History(secrets.token_hex(8), secrets.token_hex(8), 1)
    await connection.execute(insert(history), {"id": 1, **first._asdict()})
    return first


def is_behind(in_sql: Mapping[NodeId, Mark], in_redis: Mapping[NodeId, Mark]) -> bool:
    """Whether Redis knows of commits that SQL does not have: SQL was set back.

    A single beat may be missing. A replica that takes over without the last second of an idle database has lost nothing
    that anybody's items depend on, and the new accounts and exchanges of that second would show in ``commits``.
    """
    none = Mark(0, 0)
    pairs = [(in_sql.get(node, none), told) for node, told in in_redis.items()]
    return any(told.commits > found.commits or told.beats > found.beats + 1 for found, told in pairs)
