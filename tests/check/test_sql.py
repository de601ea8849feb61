"""Findings about SQL, on real servers with wrong settings, and for users without rights."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest

from gameserver.check.sql import check_sql, findings
from gameserver.sql.examination import SqlFacts
from tests.servers.mariadb import MariaDb, running
from tests.servers.ports import free_port

WELL = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1")
Start = Callable[..., MariaDb]
T = TypeVar("T")
SESSION = {"sql_mode": "STRICT_TRANS_TABLES,NO_ENGINE_SUBSTITUTION"}


@pytest.fixture
def start(mariadb_installed: Path) -> Iterator[Start]:
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(running(mariadb_installed, *WELL, *options))


async def told_of(url: str, *, migrates: bool = False, pool_size: int = 8) -> list[str]:
    found = await check_sql(url, 5.0, pool_size=pool_size, migrates=migrates)
    return [f"{finding.severity}: {finding}" for finding in found]


def url_of(server: MariaDb) -> str:
    return server.url(server.migrated_database())


def test_of_a_database_that_is_well_there_is_nothing_to_say(start: Start) -> None:
    server = start()
    url = url_of(server)
    assert run(told_of(url)) == []
    assert server.execute("SELECT COUNT(*) FROM account", database=url.rpartition("/")[2]) == ((0,),)


@pytest.mark.parametrize(
    ("options", "severity", "problem", "remedy"),
    [
        (["--innodb-flush-log-at-trx-commit=2"], "warning", "innodb_flush_log_at_trx_commit is 2", "commit=1"),
        (["--innodb-doublewrite=0"], "warning", "innodb_doublewrite is off", "innodb_doublewrite=ON"),
        (["--log-bin=bin", "--sync-binlog=0", "--binlog-format=ROW"], "warning", "sync_binlog is 0", "sync_binlog=1"),
        (["--version=10.6.12-MariaDB"], "warning", "10.6.12-MariaDB", "MariaDB 10.11.0 or later"),
        (["--version=10.3.39-MariaDB"], "error", "10.3.39-MariaDB", "MariaDB 10.11.0 or later"),
        (["--max-allowed-packet=1M"], "warning", "max_allowed_packet is 1048576", "max_allowed_packet=16M"),
        (["--max-connections=10"], "warning", "max_connections is 10", "GAMESERVER_SQL_POOL_SIZE"),
    ],
)
def test_a_setting_that_breaks_a_promise(
    start: Start, options: list[str], severity: str, problem: str, remedy: str
) -> None:
    server = start(*options)
    told = run(told_of(url_of(server), pool_size=12))
    assert len(told) == 1 and told[0].startswith(f"{severity}: sql_url: "), told
    assert problem in told[0] and remedy in told[0], told


def test_a_binary_log_that_cannot_take_what_we_write(start: Start) -> None:
    server = start("--log-bin=bin", "--sync-binlog=1", "--binlog-format=ROW")
    url = url_of(server)
    server.execute("SET GLOBAL binlog_format = 'STATEMENT'")
    (line,) = [line for line in run(told_of(url)) if "INSERT on" not in line]
    assert line.startswith("error: sql_url: binlog_format is STATEMENT") and "binlog_format=ROW" in line


@pytest.mark.parametrize(
    ("session", "problem"),
    [
        ({"transaction_isolation": "REPEATABLE-READ"}, "transactions are REPEATABLE-READ"),
        ({"sql_mode": "NO_ENGINE_SUBSTITUTION"}, "sql_mode lacks STRICT_TRANS_TABLES"),
        ({"character_set_client": "latin1"}, "for latin1 although it is utf8mb4"),
    ],
)
def test_what_a_proxy_undoes(session: dict[str, str], problem: str) -> None:
    facts = SqlFacts(settings={"version": "8.0.36"}, session={**SESSION, **session})
    (finding,) = findings(facts, pool_size=8, migrates=True)
    assert finding.severity == "error" and problem in finding.problem


def test_a_user_that_may_only_read_and_a_server_that_only_reads(start: Start) -> None:
    server = start()
    url = url_of(server)
    database = url.rpartition("/")[2]
    server.execute("CREATE USER reader@'%' IDENTIFIED BY 'geheim'", f"GRANT SELECT ON {database}.* TO reader@'%'")
    (line,) = run(told_of(url.replace("root", "reader:geheim")))
    assert line.startswith("error: sql_url: INSERT on ") and "GRANT" in line and "geheim" not in line
    server.execute(f"GRANT SELECT, INSERT, UPDATE ON {database}.* TO reader@'%'")
    (line,) = run(told_of(url.replace("root", "reader:geheim")))
    assert line.startswith("error: sql_url: DELETE on history_mark is refused") and "DELETE" in line.rpartition(";")[2]
    server.execute(f"GRANT DELETE ON {database}.* TO reader@'%'")
    assert run(told_of(url.replace("root", "reader:geheim"))) == []
    server.execute(f"REVOKE UPDATE ON {database}.* FROM reader@'%'")
    (line,) = run(told_of(url.replace("root", "reader:geheim")))
    assert line.startswith("error: sql_url: UPDATE on ")
    server.execute(f"GRANT UPDATE ON {database}.* TO reader@'%'", "SET GLOBAL read_only = 1")
    (line,) = run(told_of(url.replace("root", "reader:geheim")))
    assert line.startswith("error: sql_url: ") and "read-only" in line and "GRANT" not in line


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DROP TABLE exchange", "the table exchange is not as this version made it: "),
        ("ALTER TABLE profile DROP COLUMN saved_seq", "the table profile is not as this version made it: "),
    ],
)
def test_a_table_or_column_that_somebody_removed(mariadb: MariaDb, statement: str, problem: str) -> None:
    url = url_of(mariadb)
    mariadb.execute("SET foreign_key_checks = 0", statement, database=url.rpartition("/")[2])
    (line,) = (line for line in run(told_of(url)) if line.startswith("error"))
    assert line.startswith(f"error: sql_url: {problem}") and line.endswith("; restore the database from a backup")


def test_a_database_at_two_revisions(mariadb: MariaDb) -> None:
    url = url_of(mariadb)
    mariadb.execute("INSERT INTO alembic_version VALUES ('other')", database=url.rpartition("/")[2])
    (line,) = run(told_of(url))
    assert line.startswith("error: sql_url: the SQL database is at more than one revision: ") and "other" in line
    assert line.endswith("; delete the rows of alembic_version that gameserver has not written")


def test_the_remedy_is_the_user_s_where_the_server_answers(mariadb: MariaDb) -> None:
    url = url_of(mariadb)
    database = url.rpartition("/")[2]
    statements = ["CREATE USER {}@'%'", "GRANT SELECT, UPDATE ON " + database + ".profile TO {}@'%'"]
    for user, limits, remedy in (
        ("partly", "", "GRANT SELECT, INSERT, UPDATE, DELETE ON that database to the user"),
        ("expired", "ALTER USER expired@'%' PASSWORD EXPIRE", "give the user a new password"),
        ("locked", "ALTER USER locked@'%' ACCOUNT LOCK", "ALTER USER ... ACCOUNT UNLOCK"),
        ("few", "ALTER USER few@'%' WITH MAX_QUERIES_PER_HOUR 3", "raise the limits of the user"),
    ):
        made = [statement.format(user) for statement in statements] + ([limits] if limits else [])
        mariadb.execute(*made)
        (line,) = run(told_of(url.replace("root", user)))
        assert line.startswith("error: sql_url: ") and remedy in line, line


def test_a_clock_that_is_elsewhere(start: Start) -> None:
    server = start("--init-connect=SET timestamp = 1000000000")  # root's sessions go without it
    url = url_of(server)
    server.execute("CREATE USER other@'%'", "GRANT SELECT, INSERT, UPDATE, DELETE ON *.* TO other@'%'")
    (line,) = run(told_of(url.replace("root", "other")))
    assert line.startswith("warning: sql_url: its clock is -") and "NTP" in line


def test_a_table_without_transactions(start: Start) -> None:
    server = start()
    url = url_of(server)
    server.execute("ALTER TABLE chat_message ENGINE=MyISAM", database=url.rpartition("/")[2])
    (line,) = run(told_of(url))
    assert line.startswith("error: sql_url: the table chat_message is of MyISAM") and "ENGINE=InnoDB" in line


def test_who_cannot_come_in_and_what_is_not_there(mariadb: MariaDb) -> None:
    for url, problem, remedy in (
        (mariadb.url("nowhere"), "Unknown database", "CREATE DATABASE"),
        (mariadb.url("x").replace("root", "root:geheim"), "Access denied", "GAMESERVER_SQL_URL"),
        (f"mysql://root@127.0.0.1:{free_port()}/x", "connect", "GAMESERVER_SQL_URL"),
        ("mysql://root@nowhere.invalid/x", "nowhere.invalid", "GAMESERVER_SQL_URL"),
    ):
        (line,) = run(told_of(url))
        assert line.startswith("error: sql_url: cannot be used: ") and problem in line and remedy in line, line
        assert "geheim" not in line


@pytest.mark.parametrize("options", ["?ssl=true", "?ssl_ca=nowhere.pem"])
def test_tls_that_cannot_be_had_is_told_in_one_line(mariadb: MariaDb, options: str) -> None:
    (line,) = run(told_of(mariadb.url("mysql") + options))
    assert line.startswith("error: sql_url: ") and "Traceback" not in line


def test_a_server_that_wants_tls(start: Start) -> None:
    server = start()
    url = url_of(server)
    server.execute("CREATE USER safe@'%' IDENTIFIED BY 'geheim' REQUIRE SSL", "GRANT ALL ON *.* TO safe@'%'")
    (line,) = run(told_of(url.replace("root", "safe:geheim")))
    assert line.startswith("error: sql_url: cannot be used: ") and "geheim" not in line


def test_who_does_not_answer_is_named_with_its_port() -> None:
    port = free_port()
    (line,) = run(told_of(f"mysql://root@127.0.0.1:{port}/x"))
    assert f"127.0.0.1:{port}" in line


def test_a_frozen_server_is_waited_for_until_the_deadline(mariadb_server: MariaDb) -> None:
    mariadb_server.freeze()
    found = run(check_sql(mariadb_server.url("x"), 0.5, pool_size=8, migrates=False))
    mariadb_server.thaw()
    assert [finding.problem for finding in found] == ["cannot be used: no answer within 0.5 s"]


def test_a_database_without_tables_is_an_error_unless_the_start_makes_them(empty_sql_url: str) -> None:
    (line,) = [line for line in run(told_of(empty_sql_url)) if not line.startswith("warning")]
    assert "has no tables yet" in line and "gameserver migrate" in line
    assert [line for line in run(told_of(empty_sql_url, migrates=True)) if not line.startswith("warning")] == []


def test_looking_for_an_sqlite_file_does_not_make_it(tmp_path: Path) -> None:
    run(told_of(f"sqlite:///{tmp_path}/none.db"))
    assert list(tmp_path.iterdir()) == []


def test_an_sqlite_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database, but long enough to be taken for one " * 50)
    (line,) = run(told_of(f"sqlite:///{tmp_path}/text.db"))
    assert line.startswith("error: sql_url: ") and "not a database" in line


def test_an_sqlite_database_is_left_as_it_is(sqlite_url: str) -> None:
    assert run(told_of(sqlite_url)) == []
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as file:
        assert file.execute("SELECT COUNT(*) FROM account").fetchone() == (0,)
    file.close()


@pytest.mark.parametrize(
    ("version", "severity"),
    [("5.7.44-log", "error"), ("8.0.11", "error"), ("8.0.36", None), ("9.1.0", None), ("11.4.2-MariaDB", None)],
)
def test_versions_that_no_server_here_has(version: str, severity: str | None) -> None:
    found = list(findings(SqlFacts(settings={"version": version}, session=SESSION), pool_size=8, migrates=True))
    assert [finding.severity for finding in found] == ([severity] if severity else [])


def run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)
