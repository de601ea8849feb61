"""Examination of an SQL database before the server uses it: its version and settings, its tables, and the rights of its
user.

Law: nothing is changed. Rights are tried with statements that no row matches, in a transaction that is rolled back.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import Table
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.sql.drivers import connect_once, sqlite_file
from gameserver.sql.migrate import newest_revision
from gameserver.sql.tables import history_mark, metadata

_GLOBAL = (
    "version",
    "version_comment",
    "innodb_flush_log_at_trx_commit",
    "innodb_doublewrite",
    "log_bin",
    "sync_binlog",
    "binlog_format",
    "max_allowed_packet",
    "max_connections",
)
_NO_ANSWER = 2003
_NOT_THERE = (1054, 1146)  # a column, a table
_DELETED_FROM = (history_mark,)  # rows of the other tables stay for ever
_SESSION = ("sql_mode", "character_set_client", "tx_isolation", "transaction_isolation")


@dataclass
class SqlFacts:
    """``settings`` and ``session`` are the server's variables; both are empty for SQLite."""

    found: str | None = None  # the database's revision
    wanted: str | None = None  # the program's
    settings: dict[str, str] = field(default_factory=dict)
    session: dict[str, str] = field(default_factory=dict)  # their values after our own settings
    refused: dict[str, str] = field(default_factory=dict)  # "INSERT on profile" -> why
    changed: dict[str, str] = field(default_factory=dict)  # tables that lack something -> what
    engines: dict[str, str] = field(default_factory=dict)  # tables that are not InnoDB's
    ahead_s: float = 0.0  # its clock, compared with ours


class SqlUnusable(Exception):  # noqa: N818  an answer, not a malfunction
    """No examination was possible. ``code`` is MySQL's error number, or 0."""

    def __init__(self, reason: str, code: int = 0):
        super().__init__(reason)
        self.code = code


async def examine(url: str, timeout_s: float) -> SqlFacts:
    """Connect, ask and try. Raises SqlUnusable, ProfilesUnavailable, and ValueError for a URL that cannot be read."""
    file = sqlite_file(url)
    engine = connect_once(url)
    try:
        if file is not None and not _is_there(file):
            return SqlFacts(None, "")  # connecting would make it
        async with asyncio.timeout(timeout_s), engine.connect() as connection:
            try:
                facts = SqlFacts() if file is not None else await _facts(connection)
            finally:
                await connection.invalidate()  # no ROLLBACK that would have to be waited for
        facts.found, facts.wanted = await newest_revision(url)
        if facts.found == facts.wanted:
            async with asyncio.timeout(timeout_s), engine.connect() as connection:
                facts.changed = await _changed(connection)
                facts.refused = await _refused(connection, facts.changed)
                await connection.invalidate()
    except TimeoutError:
        raise SqlUnusable(f"no answer within {timeout_s:g} s") from None
    except (SQLAlchemyError, OSError) as error:
        code = error_code(error)
        where = f" ({engine.url.host}:{engine.url.port or 3306})" if code == _NO_ANSWER else ""
        raise SqlUnusable(_reason(error) + where, code) from None
    finally:
        await engine.dispose()
    return facts


async def has_tables(url: str) -> bool:
    """Return whether the database has the tables of this version. Raises ProfilesUnavailable."""
    file = sqlite_file(url)
    if file is not None and not _is_there(file):
        return False
    found, wanted = await newest_revision(url)
    return found == wanted


def _is_there(file: Path) -> bool:
    return file.exists()


async def _facts(connection: AsyncConnection) -> SqlFacts:
    facts = SqlFacts()
    facts.settings = await _variables(connection, "GLOBAL", _GLOBAL)
    facts.session = await _variables(connection, "SESSION", _SESSION)
    asked_s = time.time()
    told_s = (await connection.exec_driver_sql("SELECT UNIX_TIMESTAMP(NOW(3))")).scalar_one()
    facts.ahead_s = float(told_s) - (asked_s + time.time()) / 2
    rows = await connection.exec_driver_sql(
        "SELECT table_name, engine FROM information_schema.tables"
        " WHERE table_schema = DATABASE() AND engine IS NOT NULL AND engine <> 'InnoDB'"
    )
    facts.engines = {str(pair[0]): str(pair[1]) for pair in map(list, rows) if pair[0] in metadata.tables}
    return facts


async def _variables(connection: AsyncConnection, scope: str, names: tuple[str, ...]) -> dict[str, str]:
    listed = ", ".join(f"'{name}'" for name in names)
    rows = await connection.exec_driver_sql(f"SHOW {scope} VARIABLES WHERE variable_name IN ({listed})")
    return {str(pair[0]).lower(): str(pair[1]) for pair in map(list, rows)}


async def _changed(connection: AsyncConnection) -> dict[str, str]:
    """Return the tables that are not there, or have not all their columns."""
    changed: dict[str, str] = {}
    for table in metadata.sorted_tables:
        columns = ", ".join(f"{table.name}.{column.name}" for column in table.columns)
        try:
            await connection.exec_driver_sql(f"SELECT {columns} FROM {table.name} WHERE 1 = 0")  # noqa: S608  our own
        except DBAPIError as error:
            if error_code(error) in _NOT_THERE or "no such" in _reason(error):
                changed[table.name] = _reason(error)
    await connection.rollback()
    return changed


async def _refused(connection: AsyncConnection, changed: Mapping[str, str]) -> dict[str, str]:
    refused: dict[str, str] = {}
    for table in metadata.sorted_tables:
        if table.name in changed:
            continue
        for what, statement in _trials(table):
            try:
                await connection.exec_driver_sql(statement)
            except DBAPIError as error:
                refused[f"{what} on {table.name}"] = _reason(error)
    await connection.rollback()
    return refused


def _trials(table: Table) -> Iterator[tuple[str, str]]:
    """A statement of each kind that the server makes. None of them matches a row."""
    column = next(iter(table.columns)).name
    name = table.name
    yield "SELECT", f"SELECT {column} FROM {name} WHERE 1 = 0"  # noqa: S608  both names are our own
    yield "INSERT", f"INSERT INTO {name} SELECT * FROM {name} WHERE 1 = 0"  # noqa: S608
    if table in _DELETED_FROM:
        yield "DELETE", f"DELETE FROM {name} WHERE 1 = 0"  # noqa: S608
    yield "UPDATE", f"UPDATE {name} SET {column} = {column} WHERE 1 = 0"  # noqa: S608


def error_code(error: BaseException | None) -> int:
    """Return MySQL's number of the error; 0 for any other error."""
    arguments: list[object] = list(getattr(getattr(error, "orig", None), "args", ()))
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0


def _reason(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    original = getattr(error, "orig", None) or error
    arguments: list[object] = list(getattr(original, "args", ()))
    text = arguments[1] if len(arguments) > 1 and isinstance(arguments[0], int) else original
    return str(text)[:200]
