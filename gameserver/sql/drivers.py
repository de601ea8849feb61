"""The two SQL servers and how we talk to each: URLs and connection settings.

Law: every setting a driver gets wrong by default is set here, with the reason. Nothing else knows which server it is.
"""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

from sqlalchemy import URL, event, make_url
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import StatementError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util import await_only

from gameserver.sql.wire import connect, context_of
from gameserver.store_urls import SQL_SCHEMES, check_sql, parse_mysql, tls_of

_DRIVERS = {"mysql": "mysql+aiomysql", "mariadb": "mysql+aiomysql", "sqlite": "sqlite+aiosqlite"}

LOCK_WAIT_S = 3  # MySQL's default of 50 outlasts every deadline of ours
SILENT_CLIENT_S = 4  # a node that hangs or vanished inside a transaction keeps its row locks no longer than a lease
RETRY_S = 0.01  # between two attempts at a lock for which SQLite itself does not wait
BUSY_S = 0.25  # how long SQLite waits inside its thread, where no deadline reaches; then we try again
RECYCLE_S = 3  # before MySQL drops it for being silent


def driver_url(url: str) -> URL:
    """``mysql://user:pw@host/db`` or ``sqlite:///path/file.db`` with our driver. Raises ValueError, without secrets."""
    scheme = url.partition("://")[0]
    vendor = scheme.partition("+")[0]
    if scheme not in SQL_SCHEMES:
        raise ValueError("not a database URL; write mysql://user:password@host/database or sqlite:///file.db")
    check_sql(url)
    if vendor == "sqlite":
        parsed = make_url(url)
        if not parsed.database or ":memory:" in parsed.database:
            raise ValueError("the sqlite URL names no file; write sqlite:///file.db")
        return parsed.set(drivername=_DRIVERS[vendor])
    found = parse_mysql(url)
    host, port = found.hosts[0] if found.hosts else (None, None)
    options = {"charset": "utf8mb4"} | {name: found.options[name] for name in found.options if name == "unix_socket"}
    return URL.create(_DRIVERS[vendor], found.user, None, host, port, found.path, options)


def sqlite_file(url: str) -> Path | None:
    """Return the file that an SQLite URL names; None for another database."""
    place = driver_url(url)
    return Path(str(place.database)) if _is_sqlite(place) else None


def connections_max(url: str, wanted: int) -> int:
    """Return the useful number of connections. SQLite has one writer, so there a queue beats busy errors."""
    return 1 if _is_sqlite(driver_url(url)) else wanted


def connect_pool(url: str, *, pool_size: int) -> AsyncEngine:
    """A pool for playing."""
    pool: dict[str, Any] = {
        "pool_size": pool_size,
        "max_overflow": 0,
        "pool_pre_ping": False,  # a connection found dead before the COMMIT costs one retry; a ping costs every call
    }
    return _connect(url, BUSY_S, pool)


def connect_once(url: str) -> AsyncEngine:
    """An engine for migrations: each connection is closed after use."""
    return _connect(url, 30.0, {"poolclass": NullPool})


def _connect(address: str, busy_s: float, pool: dict[str, Any]) -> AsyncEngine:
    pool |= {"pool_reset_on_return": None}  # a ROLLBACK without a deadline; each user of a connection ends its own work
    url = driver_url(address)
    engine = _connect_sqlite(url, busy_s, pool) if _is_sqlite(url) else _connect_mysql(address, url, pool)
    event.listen(engine.sync_engine, "handle_error", _name_client_error)
    return engine


def _connect_mysql(address: str, url: URL, pool: dict[str, Any]) -> AsyncEngine:
    settings = (
        "SET SESSION sql_mode='STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION',"
        f" innodb_lock_wait_timeout={LOCK_WAIT_S}, wait_timeout={SILENT_CLIENT_S}"
        # On by default from MariaDB 11.6 on: a row that another transaction changed would be refused, not waited for.
        " /*M!110602 , innodb_snapshot_isolation=OFF */"
    )
    # No connect_timeout: it would be asyncio.wait_for, which may lose a deadline (Python 3.11); every caller has one.
    found = parse_mysql(address)
    tls = tls_of(found)
    arguments: dict[str, Any] = {"init_command": settings, "connect_timeout": None}
    # The password goes past SQLAlchemy's URL, which shows parts of it in errors.
    arguments |= {"async_creator_fn": connect, "tls": context_of(tls) if tls else None, "secret": found.password or ""}
    pool |= {"pool_recycle": RECYCLE_S}
    # READ COMMITTED: no gap locks, which would deadlock neighbours; every guard we rely on is a locking statement.
    pool |= {"isolation_level": "READ COMMITTED"}
    return create_async_engine(url, connect_args=arguments, hide_parameters=True, **pool)  # errors are logged


def _connect_sqlite(url: URL, busy_s: float, pool: dict[str, Any]) -> AsyncEngine:
    # isolation_level None: the driver issues no BEGIN of its own, we do, and so DDL is transactional too.
    arguments = {"timeout": busy_s, "isolation_level": None}
    engine = create_async_engine(url, connect_args=arguments, hide_parameters=True, **pool)
    event.listen(engine.sync_engine, "connect", partial(_prepare_sqlite, busy_s))
    event.listen(engine.sync_engine, "begin", _begin_immediate)
    return engine


def _prepare_sqlite(busy_s: float, connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    _write_ahead(cursor, monotonic() + busy_s)
    cursor.execute("PRAGMA synchronous=FULL")  # WAL's default loses the last commits with the power; we promise them
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _write_ahead(cursor: Any, deadline: float) -> None:
    """Let readers go on beside the writer.

    SQLite does not wait for another connection that makes the same switch, so this does: two processes may open a new
    file at the same moment. Raises sqlite3.OperationalError when the file is still locked at the deadline.
    """
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if monotonic() >= deadline:
                raise
        await_only(asyncio.sleep(RETRY_S))


def _begin_immediate(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # take the write lock first: upgrading later fails at once


def _name_client_error(context: ExceptionContext) -> StatementError | None:
    """Give what a driver raises before it sends a statement (a value that it cannot write) one name."""
    error = context.original_exception
    if context.sqlalchemy_exception is None and isinstance(error, ValueError | TypeError | ArithmeticError):
        return StatementError("the driver cannot send a value", None, None, error, hide_parameters=True)
    return None


def _is_sqlite(url: URL) -> bool:
    return url.get_backend_name() == "sqlite"
