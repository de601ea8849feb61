"""A node that enters the history of its SQL database, while another node plays in that history."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from gameserver.accounts.rows import Accounts
from gameserver.built_in import built_in_services
from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.demo import Meadow
from gameserver.live.history_marks import HistoryMarks
from gameserver.live.sessions import LiveSessions
from gameserver.node import Node, Stores
from gameserver.profiles.history_rows import History, HistoryRows
from gameserver.profiles.records import Mark
from gameserver.protocol.ids import NodeId
from gameserver.session.history import HistoryKeeper
from gameserver.sql.database import Database
from gameserver.store.connection import Store
from tests.scenarios.raw import Raw

HERE, THERE = NodeId("here"), NodeId("there")


@pytest.fixture
async def store(one_redis_url: str) -> AsyncIterator[Store]:
    store = Store(one_redis_url, timeout_s=5.0)
    yield store
    await store.close()


@pytest.fixture
async def database(sql_url: str) -> AsyncIterator[Database]:
    database = Database(sql_url, pool_size=2, timeout_s=10)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def other_database(sql_url: str) -> AsyncIterator[Database]:
    """The other node's own connections."""
    database = Database(sql_url, pool_size=2, timeout_s=10)
    await database.open()
    yield database
    await database.close()


class PlayingNode:
    """Another node that plays: it commits, and Redis is given its marks after each commit."""

    def __init__(self, database: Database, store: Store):
        self._database = database
        self._marks = HistoryMarks(store)
        self._history = ""
        self._commits = 0

    async def enter(self) -> None:
        rows = HistoryRows(self._database)
        present, _ = await rows.read()
        await rows.enter(present, THERE, Mark(0, 2))
        self._history = present.name

    async def commit(self) -> None:
        self._commits += 1
        name = f"new {self._commits}"
        await Accounts(self._database).create(name, name.encode(), "hash", None, 1)
        await self._marks.tell(self._history, THERE, self._database.standing.committed, 2)


class RowsBeside(HistoryRows):
    """The other node commits before and after each look into SQL."""

    def __init__(self, database: Database, other: PlayingNode):
        super().__init__(database)
        self._other = other

    async def read(self) -> tuple[History, dict[NodeId, Mark]]:
        await self._other.commit()
        found = await super().read()
        await self._other.commit()
        return found


class RowsDrawnMeanwhile(HistoryRows):
    """Another node draws a new history after the first look into SQL."""

    async def read(self) -> tuple[History, dict[NodeId, Mark]]:
        found = await super().read()
        if found[0].number == 1:
            await self.draw(found[0])
        return found


def keeper(rows: HistoryRows, store: Store, database: Database) -> HistoryKeeper:
    return HistoryKeeper(
        rows=rows,
        marks=HistoryMarks(store),
        standing=database.standing,
        live=LiveSessions(store),
        node=HERE,
        is_played=lambda: True,
        lost=lambda: None,
    )


async def test_a_commit_of_another_node_between_two_looks_is_not_taken_for_an_older_database(
    database: Database, other_database: Database, store: Store
) -> None:
    other = PlayingNode(other_database, store)
    await other.enter()
    before, _ = await HistoryRows(database).read()
    await keeper(RowsBeside(database, other), store, database).enter()
    after, marks = await HistoryRows(database).read()
    assert after == before, "the node that plays would lose all its sessions"
    assert set(marks) == {HERE, THERE}
    await other.commit()


async def test_a_database_that_was_set_back_is_noticed_while_another_node_enters(
    database: Database, store: Store
) -> None:
    before, _ = await HistoryRows(database).read()
    await HistoryMarks(store).tell(before.name, THERE, 3, 2)
    await keeper(HistoryRows(database), store, database).enter()
    after, _ = await HistoryRows(database).read()
    assert (after.database_id, after.number) == (before.database_id, before.number + 1)


async def test_a_history_that_another_node_draws_meanwhile_is_entered(database: Database, store: Store) -> None:
    before, _ = await HistoryRows(database).read()
    await HistoryMarks(store).tell(before.name, THERE, 3, 2)
    await keeper(RowsDrawnMeanwhile(database), store, database).enter()
    after, marks = await HistoryRows(database).read()
    assert (after.number, set(marks)) == (before.number + 1, {HERE})


@pytest.fixture
async def node(store: Store, database: Database) -> AsyncIterator[Node]:
    settings = Settings(node_id="here", port=0, ops_port=0, sign_ups_per_minute=1000)
    services = built_in_services(settings, database)
    node = Node(settings, Meadow(), Stores(store, database), SystemClock(), services=services)
    await node.start()
    yield node
    await node.stop()


async def test_a_player_whose_checkpoint_waits_when_the_history_is_lost_may_come_back_too(
    node: Node, database: Database
) -> None:
    """The session is not SQL's any more. That is no reason to tell the client that somebody else has signed in."""
    async with Raw(f"ws://127.0.0.1:{node.port}/ws") as player:
        await player.guest()
        checkpoints = node._host._parts._checkpoints
        for session in node.registry:
            checkpoints.save_soon(session)
        checkpoints.save(checkpoints.snapshots())
        database.standing.note_lost()
        closing = await player.receive("closing")
        assert (closing["code"], closing["may_return"]) == (1012, True)
