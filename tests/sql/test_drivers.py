"""A node on which nothing happens for a while writes nothing into its log about that."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
import uvloop

from gameserver.sql.database import Database
from gameserver.sql.drivers import SILENT_CLIENT_S
from tests.profiles.conftest import new_player


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_connections_that_mysql_dropped_while_all_was_quiet_are_replaced_without_a_word(
    mariadb_url: str, caplog: pytest.LogCaptureFixture, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    async def play() -> None:
        database = Database(mariadb_url, pool_size=4)
        await database.open()
        await asyncio.gather(*(new_player(database) for _ in range(4)))
        await asyncio.sleep(SILENT_CLIENT_S + 1.5)
        await asyncio.gather(*(new_player(database) for _ in range(4)))
        await database.close()

    with caplog.at_level(logging.WARNING), asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(play())
    assert [record.getMessage() for record in caplog.records] == []
