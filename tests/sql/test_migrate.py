"""gameserver.sql.migrate on both servers."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from asyncio import create_subprocess_exec
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from gameserver.sql import migrate as module
from gameserver.sql.database import ProfilesUnavailable
from gameserver.sql.drivers import connect_once
from gameserver.sql.migrate import migrate, newest_revision
from gameserver.sql.tables import metadata
from tests.profiles.proxy import plugged
from tests.servers.mariadb import MariaDb
from tests.servers.ports import free_port


async def test_an_empty_database_gets_every_table_and_a_second_run_does_nothing(empty_sql_url: str) -> None:
    assert await migrate(empty_sql_url) == ["0001", "0002", "0003", "0004"]
    assert await migrate(empty_sql_url) == []
    assert await newest_revision(empty_sql_url) == ("0004", "0004")


async def test_two_nodes_that_migrate_at_once_both_succeed(empty_sql_url: str) -> None:
    program = "import asyncio; from gameserver.sql.migrate import migrate;"
    program += f"print(asyncio.run(migrate({empty_sql_url!r})))"
    nodes = [await create_subprocess_exec(sys.executable, "-c", program, stdout=PIPE, stderr=PIPE) for _ in range(2)]
    printed = [await node.communicate() for node in nodes]
    assert sorted(printed) == [(b"['0001', '0002', '0003', '0004']\n", b""), (b"[]\n", b"")]


async def test_a_new_file_that_another_process_writes_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "new.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # SQLite refuses to switch the journal of such a file, without waiting
        asyncio.get_running_loop().call_later(0.3, other.execute, "COMMIT")
        assert await migrate(f"sqlite:///{file}") == ["0001", "0002", "0003", "0004"]


async def test_a_migration_that_was_cut_between_two_tables_goes_on(empty_mariadb_url: str, mariadb: MariaDb) -> None:
    await migrate(empty_mariadb_url)
    database = empty_mariadb_url.rpartition("/")[2]
    mariadb.execute("DROP TABLE session_log", "DROP TABLE chat_message", database=database)
    mariadb.execute("DROP INDEX exchange_other ON exchange", "DELETE FROM alembic_version", database=database)
    assert await migrate(empty_mariadb_url) == ["0001", "0002", "0003", "0004"]
    assert await _differences(empty_mariadb_url) == []


async def test_accounts_from_before_get_their_skeletons_and_the_first_of_two_alike_has_it(
    empty_mariadb_url: str, mariadb: MariaDb
) -> None:
    await migrate(empty_mariadb_url)
    database = empty_mariadb_url.rpartition("/")[2]
    mariadb.execute("DROP INDEX account_skeleton ON account", "ALTER TABLE account DROP skeleton", database=database)
    names = ["paypal", "paypaI", "Anna", "modem", "modern"]
    rows = ", ".join(f"('{name}', '{name}{number}', 1)" for number, name in enumerate(names))
    mariadb.execute(f"INSERT INTO account (name, name_key, created_ms) VALUES {rows}", database=database)
    mariadb.execute("UPDATE alembic_version SET version_num = '0002'", database=database)
    assert await migrate(empty_mariadb_url) == ["0003", "0004"]
    found = mariadb.execute("SELECT name, skeleton IS NULL FROM account ORDER BY player_id", database=database)
    assert list(found) == [("paypal", 0), ("paypaI", 1), ("Anna", 0), ("modem", 0), ("modern", 1)]
    assert await _differences(empty_mariadb_url) == []


async def test_the_migrations_end_at_the_tables_the_code_uses(sql_url: str) -> None:
    assert await _differences(sql_url) == []


async def test_the_tables_are_innodb_and_compare_bytes_whatever_the_servers_default(
    mariadb_url: str, mariadb: MariaDb
) -> None:
    rows = mariadb.execute(
        "SELECT table_name, engine, table_collation FROM information_schema.tables"
        f" WHERE table_schema = '{mariadb_url.rpartition('/')[2]}' AND table_name <> 'alembic_version'"
    )
    assert len(rows) == len(metadata.tables)
    assert {row[1:] for row in rows} == {("InnoDB", "utf8mb4_bin")}


@pytest.mark.parametrize("call", [newest_revision, migrate])
async def test_a_server_that_says_nothing_is_told_as_such(
    silent_port: int, monkeypatch: pytest.MonkeyPatch, call: Callable[[str], Awaitable[object]]
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    with pytest.raises(ProfilesUnavailable, match="no answer in time"):
        await asyncio.wait_for(call(f"mysql://root@127.0.0.1:{silent_port}/none"), 5)


@pytest.mark.parametrize(
    ("call", "after"),
    [(newest_revision, b"SET SESSION"), (newest_revision, b"alembic_version"), (migrate, b"SET SESSION")],
)
async def test_a_line_that_goes_silent_is_told_as_such(
    mariadb_url: str,
    mariadb: MariaDb,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[[str], Awaitable[object]],
    after: bytes,
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.5)
    async with plugged(mariadb.port) as wire:
        wire.silent_after = after
        with pytest.raises(ProfilesUnavailable, match="no answer in time"):
            await asyncio.wait_for(call(mariadb.url(mariadb_url.rpartition("/")[2], port=wire.port)), 5)


async def test_a_server_that_is_away_is_told_as_such() -> None:
    with pytest.raises(ProfilesUnavailable, match="cannot migrate"):
        await migrate(f"mysql://root@127.0.0.1:{free_port()}/nowhere")


async def _differences(url: str) -> list[object]:
    def compare(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    engine = connect_once(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(compare)
    finally:
        await engine.dispose()
