"""An SQLite file that is replaced or deleted under a running node: nothing is committed into the file that is gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.profiles.history_rows import HistoryRows
from gameserver.profiles.records import Mark
from gameserver.protocol.ids import NodeId
from gameserver.sql.database import Database, HistoryLost
from gameserver.sql.drivers import sqlite_file
from gameserver.sql.tables import history


def replaced(file: Path) -> None:
    shutil.copy(file, file.with_name("copy.db"))
    os.replace(file.with_name("copy.db"), file)


def deleted(file: Path) -> None:
    file.unlink()


async def look(connection: AsyncConnection) -> None:
    await connection.execute(select(history))


@pytest.mark.parametrize("harm", [replaced, deleted], ids=lambda it: it.__name__)
async def test_a_node_whose_file_is_gone_commits_nothing_more(sqlite_url: str, harm: Callable[[Path], None]) -> None:
    database, lost = Database(sqlite_url), []
    await database.open()
    try:
        rows = HistoryRows(database)
        present, _ = await rows.read()
        await rows.enter(present, NodeId("here"), Mark(0, 0))
        database.standing.on_loss = lambda: lost.append(True)
        await database.transact("look", look)
        file = sqlite_file(sqlite_url)
        assert file is not None
        harm(file)
        for _ in range(2):
            with pytest.raises(HistoryLost):
                await database.transact("look", look)
        assert lost == [True]
    finally:
        await database.close(1.0)
