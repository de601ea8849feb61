"""The history of a database on both servers: who may write, and what shows that SQL was set back."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import select, text

from gameserver.accounts.rows import Accounts
from gameserver.chat.rows import ChatLineRow, ChatRows
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.history_rows import HistoryRows, is_behind
from gameserver.profiles.records import Exchange, ExchangeOutcome, Mark, Party, SessionLogEntry
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, NodeId
from gameserver.sql.database import Database, HistoryLost
from gameserver.sql.migrate import migrate
from gameserver.sql.tables import profile
from gameserver.world.inventory import Holding
from tests.profiles.conftest import new_player, save_of
from tests.servers.mariadb import MariaDb

HERE, THERE = NodeId("here:8765"), NodeId("there")


@pytest.fixture
async def rows(database: Database) -> HistoryRows:
    """The node has entered the history."""
    rows = HistoryRows(database)
    present, _ = await rows.read()
    await rows.enter(present, HERE, Mark(0, 2))
    return rows


async def execute(database: Database, statement: str) -> None:
    async with database.begin() as connection:
        await connection.execute(text(statement))


async def test_a_migrated_database_has_a_name_of_its_own_that_stays(empty_sql_url: str) -> None:
    await migrate(empty_sql_url)
    names = []
    for _ in range(2):
        database = Database(empty_sql_url)
        await database.open()
        present, marks = await HistoryRows(database).read()
        names.append(present.name)
        assert (present.number, marks) == (1, {})
        await database.close()
    assert names[0] == names[1]


async def test_a_database_whose_row_is_gone_is_given_one(database: Database) -> None:
    await execute(database, "DELETE FROM history")
    first, _ = await HistoryRows(database).read()
    assert (await HistoryRows(database).read())[0] == first


async def test_two_that_draw_at_once_draw_one_history(database: Database, rows: HistoryRows) -> None:
    before, marks = await rows.read()
    assert marks == {HERE: Mark(0, 2)}
    await asyncio.gather(rows.draw(before), rows.draw(before))
    drawn, marks = await rows.read()
    assert (drawn.number, drawn.database_id, marks) == (2, before.database_id, {})
    assert drawn.history_id != before.history_id


async def test_entering_never_lowers_a_mark(rows: HistoryRows) -> None:
    present, _ = await rows.read()
    await rows.enter(present, HERE, Mark(7, 9))
    await rows.enter(present, HERE, Mark(3, 10))
    assert (await rows.read())[1] == {HERE: Mark(7, 10)}


async def test_new_accounts_and_exchanges_raise_the_mark_and_saves_do_not(
    database: Database, rows: HistoryRows
) -> None:
    told = []
    database.standing.on_commit = lambda: told.append(database.standing.committed)
    player = await new_player(database, berry=3)
    assert (await rows.read())[1][HERE] == Mark(1, 2)
    party = Party(
        player_id=player.player_id, epoch=player.epoch, inventory_seq=9, inventory={"berry": Holding(2, 3, 1)}
    )
    exchange = Exchange(op_id="a", parties=(party,), what="dropped")
    assert await Exchanges(database).apply(exchange) is ExchangeOutcome.DONE
    assert await Exchanges(database).apply(exchange) is ExchangeOutcome.ALREADY
    await rows.beat(3)
    assert (await rows.read())[1][HERE] == Mark(2, 3)
    assert told == [1, 2]


@pytest.mark.parametrize(
    "what", ["UPDATE history_mark SET commits = commits - 1", "DELETE FROM history_mark", "another history"]
)
async def test_nothing_is_written_to_a_database_that_was_set_back_or_is_another(
    database: Database, rows: HistoryRows, what: str
) -> None:
    player = await new_player(database, berry=3)
    losses = []
    database.standing.on_loss = lambda: losses.append(1)
    if what == "another history":
        await rows.draw((await rows.read())[0])
    else:
        await execute(database, what)
    profiles, party = Profiles(database), Party(player.player_id, player.epoch, 9, {"berry": Holding(2, 3, 1)})
    line, stay = (
        ChatLineRow("meadow", player.player_id, "ann", None, "hi", 1),
        SessionLogEntry(player.player_id, Epoch(9)),
    )
    for attempt in (
        profiles.claim(player.player_id, HERE),
        profiles.save(save_of(player, seq=99, inventory_seq=99, berry=9)),
        profiles.append_session_log([stay]),
        Exchanges(database).apply(Exchange(op_id="a", parties=(party,), what="dropped")),
        Accounts(database).create("Dora", b"dora", "hash", None, 1),
        Accounts(database).by_name(player.name.encode()),
        ChatRows(database).append([line]),
        rows.beat(3),
    ):
        with pytest.raises(HistoryLost):
            await attempt
    assert await profiles.current(player.player_id) == player
    assert await ChatRows(database).last("meadow", 5) == [] and await profiles.stays(player.player_id) == []
    assert losses == [1] and not database.is_away


async def test_a_player_who_is_gone_with_the_history_is_no_reason_to_look_for_a_newer_epoch(
    database: Database, rows: HistoryRows
) -> None:
    player = await new_player(database)
    for table in ("inventory", "profile", "history_mark"):
        await execute(database, f"DELETE FROM {table}")
    with pytest.raises(HistoryLost):
        await Profiles(database).save(save_of(player, seq=99))
    with pytest.raises(HistoryLost):
        await Profiles(database).claim(player.player_id, HERE)


async def test_an_answer_with_the_mark_from_before_another_commit_is_no_loss(
    database: Database, rows: HistoryRows
) -> None:
    player, standing = await new_player(database), database.standing
    async with database.begin() as connection:
        answer = await connection.execute(standing.watched(select(profile.c.player_id)))
        standing.note_commit(standing.committed + 1)  # while the answer was on its way
        ((player_id, is_same),) = answer.all()
        standing.check(is_same)
    assert player_id == player.player_id and not standing.is_lost


async def commit_many_at_once(database: Database, count: int = 30) -> None:
    player = await new_player(database)
    accounts, profiles = Accounts(database), Profiles(database)

    async def sign_up(number: int) -> None:
        await accounts.create(f"n{number}", b"n%d" % number, "hash", None, 1)

    async def look(number: int) -> None:
        for _ in range(3):
            await accounts.by_name(player.name.encode())
            await profiles.save(save_of(player, seq=number))

    await asyncio.gather(*(work(number) for number in range(count) for work in (sign_up, look)))


async def test_many_commits_at_once_are_counted_and_are_no_loss(database: Database, rows: HistoryRows) -> None:
    await commit_many_at_once(database)
    assert not database.standing.is_lost
    assert (await rows.read())[1][HERE].commits == database.standing.committed == 31


async def test_a_mariadb_that_refuses_rows_changed_since_the_snapshot_takes_every_commit(
    mariadb_server: MariaDb,
) -> None:
    """MariaDB does so by default from 11.6 on."""
    mariadb_server.execute("SET GLOBAL innodb_snapshot_isolation=ON")
    database = Database(mariadb_server.url(mariadb_server.migrated_database()), pool_size=4, timeout_s=10)
    await database.open()
    rows = HistoryRows(database)
    await rows.enter((await rows.read())[0], HERE, Mark(0, 2))
    await commit_many_at_once(database, 8)
    assert (await rows.read())[1][HERE].commits == database.standing.committed == 9
    await database.close()


async def test_a_claim_rises_above_the_epoch_in_redis_in_one_step(database: Database) -> None:
    player, profiles = await new_player(database), Profiles(database)
    claimed = await profiles.claim(player.player_id, HERE, Epoch(player.epoch))
    assert (claimed.epoch, claimed.is_behind) == (player.epoch + 1, False)
    claimed = await profiles.claim(player.player_id, HERE, Epoch(40))
    assert (claimed.epoch, claimed.is_behind) == (41, True)
    claimed = await profiles.claim(player.player_id, HERE, Epoch(3))
    assert (claimed.epoch, claimed.is_behind) == (42, False)


@pytest.mark.parametrize(
    ("in_sql", "in_redis", "behind"),
    [
        ({}, {}, False),
        ({HERE: Mark(5, 9)}, {HERE: Mark(5, 9)}, False),
        ({HERE: Mark(6, 9)}, {HERE: Mark(5, 9)}, False),  # Redis was not told yet, or is older
        ({HERE: Mark(4, 9)}, {HERE: Mark(5, 9)}, True),
        ({HERE: Mark(5, 9)}, {HERE: Mark(5, 10)}, False),  # one beat may be missing
        ({HERE: Mark(5, 9)}, {HERE: Mark(5, 11)}, True),
        ({HERE: Mark(5, 9)}, {HERE: Mark(5, 9), THERE: Mark(1, 0)}, True),
        ({}, {THERE: Mark(0, 2)}, True),
    ],
)
def test_redis_that_knows_of_more_than_sql_has_shows_that_sql_was_set_back(
    in_sql: dict[NodeId, Mark], in_redis: dict[NodeId, Mark], behind: bool
) -> None:
    assert is_behind(in_sql, in_redis) == behind
