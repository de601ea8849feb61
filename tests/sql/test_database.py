"""gameserver.sql.database: deadlines, retries, and what becomes of a transaction that is cut."""

from __future__ import annotations

import asyncio
import sqlite3
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gameserver.accounts.rows import Accounts, NameTaken
from gameserver.observability.metrics import REGISTRY
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import ExchangeOutcome, Profile, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.sql import drivers
from gameserver.sql.database import DOOR_MAX, Database, OutcomeUnknown, ProfilesUnavailable, StatementRefused
from gameserver.sql.drivers import SILENT_CLIENT_S
from tests.profiles.conftest import gift, holding, new_player, save_of, total
from tests.profiles.proxy import COMMIT, Cut, Proxy, plugged
from tests.servers.mariadb import MariaDb
from tests.servers.ports import free_port


@asynccontextmanager
async def opened(
    url: str, *, pool_size: int = 3, timeout_s: float = 5.0, prompt_s: float = 0.8
) -> AsyncIterator[Database]:
    database = Database(url, pool_size=pool_size, timeout_s=timeout_s, prompt_s=prompt_s)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def proxy(mariadb: MariaDb, mariadb_url: str) -> AsyncIterator[Proxy]:
    async with plugged(mariadb.port) as proxy:
        yield proxy


@pytest.fixture
async def wired(proxy: Proxy, mariadb: MariaDb, mariadb_url: str) -> AsyncIterator[Database]:
    """A MariaDB database behind the wire."""
    async with opened(mariadb.url(mariadb_url.rpartition("/")[2], port=proxy.port), timeout_s=2.0) as database:
        yield database


def insert_account(name: str) -> str:
    return f"INSERT INTO account (name, name_key, created_ms) VALUES ('{name}', '{name}', 0)"


def insert(name: str) -> Callable[[AsyncConnection], Awaitable[None]]:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(insert_account(name)))

    return work


async def count_accounts(database: Database) -> int:
    async def work(connection: AsyncConnection) -> int:
        return int(await connection.scalar(text("SELECT COUNT(*) FROM account")) or 0)

    return await database.transact("count", work)


# --- URLs ---


@pytest.mark.parametrize(
    "url",
    ["postgresql://host/db", "mysql+pymysql://host/db", "redis://host", "sqlite://", "sqlite:///:memory:", "mysql://host",
     "nonsense", ""],
)  # fmt: skip
def test_a_url_we_cannot_serve_is_refused_at_once_and_says_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match=r"mysql://|sqlite:///|names no"):
        Database(url)


def test_a_refused_url_does_not_tell_its_password() -> None:
    with pytest.raises(ValueError) as refused:
        Database("postgresql://me:s3cret@host/db")
    assert "s3cret" not in str(refused.value)


# --- transactions ---


async def test_what_work_raises_rolls_back_and_passes_through(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(insert_account("ann")))
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.transact("test", work)
    assert await count_accounts(database) == 0


async def test_a_statement_that_is_wrong_is_unavailable_but_the_server_is_not_away(database: Database) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(insert_account("ann")))
        await connection.execute(text(insert_account("ann")))

    with capture_logs() as logged, pytest.raises(StatementRefused):
        await database.transact("test", work)
    assert [line["event"] for line in logged] == ["sql_refused_statement"]
    assert not database.is_away
    assert await count_accounts(database) == 0


async def test_an_error_never_tells_what_was_to_be_written(database: Database) -> None:
    """It ends up in logs, and the values are password hashes and what players say."""

    secret = "3".join(("s", "cret"))  # a traceback shows the lines of the source

    async def work(connection: AsyncConnection) -> None:
        wrong = text("INSERT INTO account (name, password_hash) VALUES ('x', :hash)")
        await connection.execute(wrong, {"hash": secret})

    with capture_logs(), pytest.raises(ProfilesUnavailable) as refused:
        await database.transact("test", work)
    assert secret not in "".join(traceback.format_exception(refused.value))


async def test_a_cancelled_caller_does_not_cut_the_transaction(database: Database) -> None:
    inserted = asyncio.Event()

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(insert_account("ann")))
        inserted.set()
        await asyncio.sleep(0.05)
        await connection.execute(text(insert_account("ben")))

    caller = asyncio.create_task(database.transact("test", work))
    await inserted.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await database.close()  # waits for it
    await database.open()
    assert await count_accounts(database) == 2


async def test_callers_cancelled_at_any_moment_leave_every_player_whole(database: Database) -> None:
    profiles, exchanges = Profiles(database), Exchanges(database)
    ann, ben = await new_player(database, coin=40), await new_player(database, coin=40)
    for number in range(30):
        now = [await profiles.current(each.player_id) for each in (ann, ben)]
        assert now[0] and now[1]
        call = asyncio.create_task(exchanges.apply(gift(now[0], now[1], "coin", 1, op_id=f"{number}")))
        await asyncio.sleep(number * 0.0003)
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
    await database.close()
    await database.open()
    assert await total(profiles, "coin", ann, ben) == 80


async def test_a_transaction_beyond_its_deadline_is_undone_and_its_connection_not_used_again(sql_url: str) -> None:
    async def too_slow(connection: AsyncConnection) -> None:
        await connection.execute(text(insert_account("ann")))
        await asyncio.sleep(30)

    async with opened(sql_url, timeout_s=0.3) as database:
        with pytest.raises(ProfilesUnavailable):
            await asyncio.gather(*(database.transact("test", too_slow) for _ in range(3)))
        await database.ping()
        assert [await count_accounts(database) for _ in range(4)] == [0] * 4


async def test_a_deadline_that_passes_after_the_commit_is_an_unknown_outcome_and_not_a_failure(sql_url: str) -> None:
    database = Database(sql_url, timeout_s=0.4)
    await database.open()
    try:
        assert database._pool is not None

        @event.listens_for(database._pool.sync_engine, "reset")
        def dawdle(*_: object) -> None:  # on the way back to the pool; blocks, so that the deadline is over then
            time.sleep(0.6)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(text(insert_account("ann")))

        with pytest.raises(OutcomeUnknown):
            await database.transact("test", work)
    finally:
        await database.close()
    again = Database(sql_url)
    await again.open()
    assert await count_accounts(again) == 1
    await again.close()


async def test_two_who_lock_in_opposite_order_both_get_through(mariadb_url: str) -> None:
    """MySQL kills one with 1213; all of it has to be done again."""
    async with opened(mariadb_url, pool_size=4) as database:
        ann, ben = await new_player(database), await new_player(database)
        attempts = 0

        def raise_both(*order: int):  # type: ignore[no-untyped-def]
            async def work(connection: AsyncConnection) -> None:
                nonlocal attempts
                attempts += 1
                for player_id in order:
                    raised = text("UPDATE profile SET saved_seq = saved_seq + 1 WHERE player_id = :id")
                    await connection.execute(raised, {"id": player_id})
                    await asyncio.sleep(0.1)

            return work

        there, back = raise_both(ann.player_id, ben.player_id), raise_both(ben.player_id, ann.player_id)
        await asyncio.gather(database.transact("test", there), database.transact("test", back))
        assert attempts == 3
        claims = [await Profiles(database).claim(each.player_id, NodeId("n")) for each in (ann, ben)]
        assert [claim.saved_seq for claim in claims] == [3, 3]


async def test_a_lock_held_elsewhere_is_waited_for_only_so_long(mariadb_url: str, mariadb: MariaDb) -> None:
    async with opened(mariadb_url, timeout_s=1.0) as database, opened(mariadb_url) as other:
        ann = await new_player(database)
        async with other.begin() as connection:
            await connection.execute(text(f"UPDATE profile SET x = 9 WHERE player_id = {ann.player_id}"))
            with pytest.raises(ProfilesUnavailable):
                await Profiles(database).save(save_of(ann))
        assert await Profiles(database).save(save_of(ann)) is SaveOutcome.SAVED


async def test_one_locked_player_is_no_reason_to_turn_the_others_away(mariadb_url: str) -> None:
    async with opened(mariadb_url) as database, opened(mariadb_url) as other:
        ann, ben = await new_player(database), await new_player(database)
        async with other.begin() as connection:
            await connection.execute(text(f"UPDATE profile SET x = 9 WHERE player_id = {ann.player_id}"))
            with pytest.raises(ProfilesUnavailable):
                await Profiles(database).claim(ann.player_id, NodeId("n"))
            await asyncio.sleep(0.1)
            assert not database.is_away
            assert await Profiles(database).claim(ben.player_id, NodeId("n"))


async def test_a_node_that_fell_asleep_inside_a_transaction_keeps_nobody_for_long(mariadb_url: str) -> None:
    async with opened(mariadb_url) as database, opened(mariadb_url) as asleep:
        ann = await new_player(database)

        async def sleep_inside() -> None:
            async with asleep.begin() as connection:
                await connection.execute(text(f"UPDATE profile SET x = 9 WHERE player_id = {ann.player_id}"))
                begun_s = time.monotonic()
                assert await until_it_works(Profiles(database).claim, ann.player_id, NodeId("n")) > ann.epoch
                assert time.monotonic() - begun_s < 6
                await connection.execute(text("SELECT 1"))

        with pytest.raises(DBAPIError):
            await sleep_inside()


# --- a COMMIT that is cut ---


@pytest.mark.parametrize("cut", Cut)
async def test_a_gift_whose_commit_is_cut_has_happened_exactly_once(wired: Database, proxy: Proxy, cut: Cut) -> None:
    profiles, exchanges = Profiles(wired), Exchanges(wired)
    ann, ben = await new_player(wired, coin=5), await new_player(wired)
    proxy.cut_next = cut
    assert await exchanges.apply(gift(ann, ben, "coin", 2, op_id="a")) is ExchangeOutcome.DONE
    assert proxy.cuts == 1
    assert await total(profiles, "coin", ann, ben) == 5
    assert (await holding(profiles, ben.player_id, "coin")).quantity == 2
    assert await exchanges.apply(gift(ann, ben, "coin", 2, op_id="a")) is ExchangeOutcome.ALREADY


@pytest.mark.parametrize("cut", Cut)
async def test_a_save_whose_commit_is_cut_is_in_sql_when_it_returns(wired: Database, proxy: Proxy, cut: Cut) -> None:
    profiles = Profiles(wired)
    ann = await new_player(wired)
    proxy.cut_next = cut
    outcome = await profiles.save(save_of(ann, inventory_seq=7, x=7, coin=7))
    assert outcome is (SaveOutcome.SAVED if cut is Cut.BEFORE else SaveOutcome.ALREADY)
    now = await profiles.current(ann.player_id)
    assert now is not None
    assert (proxy.cuts, now.x, now.inventory["coin"].quantity) == (1, 7, 7)


@pytest.mark.parametrize("cut", Cut)
async def test_an_account_whose_commit_is_cut_is_made_once_and_is_ours(wired: Database, proxy: Proxy, cut: Cut) -> None:
    accounts = Accounts(wired)
    proxy.cut_next = cut
    player_id = await accounts.create("Ann", b"ann", "random hash", None, 1)
    row = await accounts.by_name(b"ann")
    assert row is not None
    assert (proxy.cuts, row.player_id) == (1, player_id)
    with pytest.raises(NameTaken):
        await accounts.create("Ann", b"ann", "another hash", None, 1)


async def test_a_claim_whose_commit_is_cut_is_told_as_unknown_and_can_be_made_again(
    wired: Database, proxy: Proxy
) -> None:
    profiles = Profiles(wired)
    ann = await new_player(wired)
    proxy.cut_next = Cut.AFTER
    with pytest.raises(OutcomeUnknown):
        await profiles.claim(ann.player_id, NodeId("n"))
    await wired.ping()
    assert (await profiles.claim(ann.player_id, NodeId("n"))).epoch == ann.epoch + 2


async def test_a_gift_is_unknown_when_sql_stays_away_after_the_cut_and_known_when_asked_again(
    wired: Database, proxy: Proxy
) -> None:
    profiles, exchanges = Profiles(wired), Exchanges(wired)
    ann, ben = await new_player(wired, coin=5), await new_player(wired)
    proxy.cut_next = Cut.AFTER
    call = asyncio.create_task(exchanges.apply(gift(ann, ben, "coin", 2, op_id="a")))
    while not proxy.cuts:
        await asyncio.sleep(0.005)
    await proxy.unplug()
    with pytest.raises(OutcomeUnknown):
        await call
    await proxy.plug()
    await wired.ping()
    assert await exchanges.apply(gift(ann, ben, "coin", 2, op_id="a")) is ExchangeOutcome.ALREADY
    assert await total(profiles, "coin", ann, ben) == 5


async def test_a_line_cut_before_the_commit_is_tried_again_unseen(wired: Database, proxy: Proxy) -> None:
    attempts = 0

    async def work(connection: AsyncConnection) -> None:
        nonlocal attempts
        attempts += 1
        await connection.execute(text(insert_account("ann")))
        if attempts == 1:
            await proxy.unplug()
            await proxy.plug()
        await connection.execute(text(insert_account("ben")))

    await wired.transact("test", work)
    assert attempts == 2
    assert await count_accounts(wired) == 2


@pytest.mark.parametrize("turns", range(10))
async def test_a_commit_that_was_cut_is_unknown_also_when_the_deadline_falls_into_what_follows(
    wired: Database, proxy: Proxy, turns: int
) -> None:
    def end(task: asyncio.Task[None], turns: int) -> None:
        if turns:
            asyncio.get_running_loop().call_soon(end, task, turns - 1)
        else:
            task.cancel()

    assert wired._pool is not None
    event.listen(wired._pool.sync_engine.pool, "invalidate", lambda *_: end(task, turns))
    proxy.cut_next = Cut.AFTER
    task = wired._start("test", insert("ann"), interactive=False)
    with pytest.raises(OutcomeUnknown):
        await task
    assert await count_accounts(wired) == 1


async def test_a_commit_that_sqlite_was_too_busy_for_leaves_no_transaction_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without its write-ahead log, which not every file system can have, a COMMIT waits for readers."""
    monkeypatch.setattr(
        drivers, "_prepare_sqlite", lambda busy_s, connection, _: connection.execute("PRAGMA journal_mode=DELETE")
    )
    monkeypatch.setattr(drivers, "BUSY_S", 0.01)
    file = tmp_path / "shared.db"
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as reader:
        reader.execute("CREATE TABLE account (name, name_key, created_ms)")
        async with opened(f"sqlite:///{file}", timeout_s=1.0) as database:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM account").fetchall()
            with pytest.raises(ProfilesUnavailable, match=r"no answer in time|is locked"):
                await database.transact("test", insert("ann"))
            reader.execute("COMMIT")
            reader.execute(insert_account("ben"))  # nobody else holds a lock
            await database.transact("test", insert("cem"))
            assert await count_accounts(database) == 2


# --- a line that goes silent ---


@pytest.mark.parametrize("turns", range(16))
async def test_a_deadline_is_kept_at_whatever_moment_of_connecting_it_falls(silent_port: int, turns: int) -> None:
    database = Database(f"mysql://root@127.0.0.1:{silent_port}/none", timeout_s=0.1)
    with pytest.raises(ProfilesUnavailable):
        await database.open()
    database._timeout_s = 60.0
    task = database._start("test", insert("ann"), interactive=False)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=1.0)
    assert task.cancelled()
    await database.close()


@pytest.mark.parametrize("interactive", [False, True])
async def test_a_line_that_goes_silent_after_the_commits_answer_holds_up_only_who_uses_it_next(
    wired: Database, proxy: Proxy, interactive: bool
) -> None:
    proxy.silent_after = COMMIT
    async with asyncio.timeout(4.0):
        await wired.transact("test", insert("ann"), interactive=interactive)
        with pytest.raises(ProfilesUnavailable):
            await wired.transact("test", insert("ben"), interactive=interactive)
        await wired.ping()
        await wired.transact("test", insert("cem"), interactive=interactive)
    assert await count_accounts(wired) == 2


@pytest.mark.parametrize("interactive", [False, True])
async def test_a_line_that_goes_silent_before_the_rollback_is_given_up_at_the_deadline(
    wired: Database, proxy: Proxy, interactive: bool
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(text(insert_account("ann")))
        raise KeyError("mine")

    proxy.silent_after = b"INSERT"
    async with asyncio.timeout(4.0):
        with pytest.raises((ProfilesUnavailable, KeyError)):
            await wired.transact("test", work, interactive=interactive)
        await wired.ping()
        await wired.transact("test", insert("ann"), interactive=interactive)
    assert await count_accounts(wired) == 1


# --- a server that is away ---


async def test_a_frozen_server_is_told_in_time_then_at_once_and_needs_nobody_to_come_back(
    mariadb_server: MariaDb,
) -> None:
    url = mariadb_server.url(mariadb_server.migrated_database())
    async with opened(url) as database:
        profiles = Profiles(database)
        ann = await new_player(database)
        mariadb_server.freeze()
        begun_s = time.monotonic()
        calls = [profiles.claim(ann.player_id, NodeId("n")) for _ in range(50)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert all(isinstance(outcome, ProfilesUnavailable) for outcome in outcomes)
        assert time.monotonic() - begun_s < 5  # of 50, only those who held a connection waited
        assert database.is_away
        with pytest.raises(ProfilesUnavailable, match="away"):
            await profiles.claim(ann.player_id, NodeId("n"))
        assert REGISTRY.get_sample_value("gameserver_store_up", {"store": "sql"}) == 0
        mariadb_server.thaw()
        assert await until_it_works(profiles.claim, ann.player_id, NodeId("n")) > ann.epoch
        assert await profiles.save(save_of(ann)) is SaveOutcome.FENCED
        assert REGISTRY.get_sample_value("gameserver_store_up", {"store": "sql"}) == 1


async def test_a_crowd_at_the_door_leaves_connections_to_those_who_play(mariadb_url: str) -> None:
    async with opened(mariadb_url, pool_size=DOOR_MAX + 4) as database, opened(mariadb_url) as other:
        ann, ben = await new_player(database), await new_player(database)
        async with other.begin() as connection:
            await connection.execute(text(f"UPDATE profile SET x = 9 WHERE player_id = {ann.player_id}"))
            claims = [profiles_claim(database, ann) for _ in range(20)]
            await asyncio.sleep(0.2)
            assert len(database._under_way) == DOOR_MAX  # the others have not even asked
            assert await Profiles(database).save(save_of(ben)) is SaveOutcome.SAVED
        await asyncio.gather(*claims, return_exceptions=True)


async def test_players_do_not_wait_behind_saves_to_a_server_that_is_silent(mariadb_server: MariaDb) -> None:
    url = mariadb_server.url(mariadb_server.migrated_database())
    async with opened(url) as database:
        profiles = Profiles(database)
        ann = await new_player(database)
        mariadb_server.freeze()
        saves = [asyncio.create_task(profiles.save(save_of(ann, seq=seq))) for seq in range(2, 12)]
        await asyncio.sleep(0.05)  # they have taken what they can
        for _ in range(3):  # found out, then known
            with pytest.raises(ProfilesUnavailable):
                await profiles.claim(ann.player_id, NodeId("n"))
        assert not any(save.done() for save in saves)
        mariadb_server.thaw()
        assert SaveOutcome.FENCED not in await asyncio.gather(*saves)


async def test_a_server_that_answers_slowly_but_steadily_is_not_away(sql_url: str) -> None:
    async def steady(connection: AsyncConnection) -> int:
        answers = 0
        for _ in range(6):
            answers += int(await connection.scalar(text("SELECT 1")) or 0)
            await asyncio.sleep(0.2)
        return answers

    async def stuck(_connection: AsyncConnection) -> None:
        await asyncio.sleep(30)

    async with opened(sql_url, prompt_s=0.5) as database:
        assert await database.transact("test", steady, interactive=True) == 6
        with pytest.raises(ProfilesUnavailable):
            await database.transact("test", stuck, interactive=True)


async def test_a_call_that_takes_too_long_though_all_is_answered_turns_nobody_else_away(sql_url: str) -> None:
    async def endless(connection: AsyncConnection) -> None:
        while True:
            await connection.execute(text("SELECT 1"))
            await asyncio.sleep(0.1)

    async with opened(sql_url, timeout_s=1.0) as database:
        with pytest.raises(ProfilesUnavailable, match="in time"):
            await database.transact("test", endless, interactive=True)
        assert not database.is_away


async def test_what_we_are_too_busy_to_hear_is_not_the_servers_silence(sql_url: str) -> None:
    async with opened(sql_url, prompt_s=0.2) as database:
        ann = await new_player(database)
        busy = asyncio.create_task(hog_the_loop(0.05))
        try:
            for _ in range(2):
                await Profiles(database).claim(ann.player_id, NodeId("n"))
        finally:
            busy.cancel()


async def hog_the_loop(turn_s: float) -> None:
    while True:
        time.sleep(turn_s)  # noqa: ASYNC251 -- that is the point
        await asyncio.sleep(0)


async def test_while_sql_is_away_players_are_told_without_a_turn(wired: Database, proxy: Proxy) -> None:
    profiles = Profiles(wired)
    ann = await new_player(wired)
    await proxy.unplug()
    with pytest.raises(ProfilesUnavailable):
        await profiles.claim(ann.player_id, NodeId("n"))
    await wired._turns.acquire()
    await wired._turns.acquire()
    await wired._turns.acquire()
    with pytest.raises(ProfilesUnavailable, match="SQL is away"):
        await profiles.claim(ann.player_id, NodeId("n"))
    for _ in range(3):
        wired._turns.release()
    await proxy.plug()
    assert await until_it_works(profiles.claim, ann.player_id, NodeId("n")) > ann.epoch


async def test_the_return_of_sql_is_noticed_though_nobody_calls(wired: Database, proxy: Proxy) -> None:
    await proxy.unplug()
    with pytest.raises(ProfilesUnavailable):
        await wired.ping()
    await proxy.plug()
    async with asyncio.timeout(10):
        while wired.is_away:
            await asyncio.sleep(0.05)


async def test_after_a_kill_and_restart_the_next_call_works_and_nothing_committed_is_lost(
    mariadb_server: MariaDb,
) -> None:
    url = mariadb_server.url(mariadb_server.migrated_database())
    async with opened(url) as database:
        profiles = Profiles(database)
        ann = await new_player(database, coin=5)
        assert await profiles.save(save_of(ann, x=42, coin=5)) is SaveOutcome.SAVED
        mariadb_server.kill()
        with pytest.raises(ProfilesUnavailable):
            await profiles.current(ann.player_id)
        mariadb_server.start()
        now = await profiles.current(ann.player_id)
        assert now is not None
        assert (now.x, now.inventory["coin"].quantity) == (42, 5)
        assert not database.is_away


async def test_a_connection_the_server_closed_is_replaced_unseen(mariadb_url: str, mariadb: MariaDb) -> None:
    async with opened(mariadb_url) as database:
        ann = await new_player(database)
        for row in mariadb.execute("SELECT id FROM information_schema.processlist WHERE command = 'Sleep'"):
            mariadb.execute(f"KILL {row[0]}")
        assert await Profiles(database).save(save_of(ann)) is SaveOutcome.SAVED


async def test_no_server_at_all_is_unavailable_and_leaks_nothing() -> None:
    database = Database(f"mysql://root@127.0.0.1:{free_port()}/nowhere")
    with pytest.raises(ProfilesUnavailable, match="not open"):
        await database.ping()
    with pytest.raises(ProfilesUnavailable):
        await database.open()
    await database.close()


# --- the servers' own traps ---


async def test_mysql_is_set_up_as_we_rely_on(mariadb_url: str) -> None:
    async with opened(mariadb_url) as database, database.begin() as connection:
        asked = text("SELECT @@tx_isolation, @@sql_mode, @@autocommit, @@innodb_lock_wait_timeout, @@wait_timeout")
        isolation, mode, autocommit, lock_wait_s, wait_s = (await connection.execute(asked)).one()
        assert isolation == "READ-COMMITTED"
        assert "STRICT_TRANS_TABLES" in mode
        assert (autocommit, lock_wait_s, wait_s) == (0, 3, 4)
        assert await connection.scalar(text("SELECT @@character_set_client")) == "utf8mb4"


async def test_sqlite_is_set_up_as_we_rely_on(sqlite_url: str) -> None:
    async with opened(sqlite_url) as database, database.begin() as connection:
        told = [
            await connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
        assert told == ["wal", 2, 1]


async def test_a_sqlite_file_busy_with_someone_else_is_waited_for(sqlite_url: str) -> None:
    someone = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    async with opened(sqlite_url) as database:
        someone.execute("BEGIN IMMEDIATE")
        call = asyncio.create_task(new_player(database))
        await asyncio.sleep(0.6)
        assert not call.done()
        someone.execute("ROLLBACK")
        assert (await call).saved_seq == 1
    someone.close()


async def test_a_sqlite_file_busy_for_good_is_unavailable_in_time(sqlite_url: str) -> None:
    someone = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    async with opened(sqlite_url, timeout_s=1.0) as database:
        ann = await new_player(database)
        someone.execute("BEGIN IMMEDIATE")
        with pytest.raises(ProfilesUnavailable):
            await Profiles(database).save(save_of(ann))
        someone.execute("ROLLBACK")
        assert await Profiles(database).save(save_of(ann)) is SaveOutcome.SAVED
    someone.close()


def profiles_claim(database: Database, of: Profile) -> asyncio.Task[Profile]:
    return asyncio.create_task(Profiles(database).claim(of.player_id, NodeId("n")))


async def until_it_works(
    claim: Callable[[PlayerId, NodeId], Awaitable[Profile]], player_id: PlayerId, node_id: NodeId
) -> Epoch:
    """Ask as a player would who is told to try later."""
    for _ in range(100):
        try:
            return (await claim(player_id, node_id)).epoch
        except ProfilesUnavailable:
            await asyncio.sleep(0.1)
    raise AssertionError("it never came back")


async def test_a_connection_that_mysql_would_have_dropped_is_not_used_and_one_of_sqlite_is_kept(
    sql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[object] = []  # the objects themselves: an id may be given again

    async def note_connection(connection: AsyncConnection) -> None:
        raw = await connection.get_raw_connection()
        used.append(raw.driver_connection)

    async with opened(sql_url, pool_size=1) as database:
        await database.transact("note", note_connection)
        await database.transact("note", note_connection)
        assert used[0] is used[1]
        now_s = time.time() + SILENT_CLIENT_S
        monkeypatch.setattr(time, "time", lambda: now_s)
        await database.transact("note", note_connection)
    assert (used[1] is used[2]) is sql_url.startswith("sqlite")
