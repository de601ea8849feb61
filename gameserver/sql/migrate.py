"""Brings a database to the newest shape: alembic, from the migrations inside the package, on either SQL server.

Law: safe to run twice, also at the same time from two nodes: one runs, the other waits and finds nothing to do. But
only one at a time within a process: alembic keeps the run it is in as a global.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.sql.database import ProfilesUnavailable
from gameserver.sql.drivers import connect_once

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_WAIT_S = 60
ANSWER_S = 5.0  # for statements that take a server no time


class OddRevision(ProfilesUnavailable):
    """The database's revision is none that this program may work on. ``str()`` gives "problem; remedy"."""


class TwoRevisions(OddRevision):
    """The table of revisions has more than one row: somebody else has written into it."""

    def __init__(self, revisions: tuple[str, ...]):
        super().__init__(
            f"the SQL database is at more than one revision: {', '.join(revisions)}; delete the rows of alembic_version"
            " that gameserver has not written"
        )


class NewerDatabase(OddRevision):
    """A newer version of the program has changed the tables: this one must not touch them."""

    def __init__(self, revision: str):
        super().__init__(
            f"the SQL database is at revision {revision}, which this version does not know: a newer version has been"
            " there, or another program; run that version, or restore a backup from before"
        )


async def migrate(url: str) -> list[str]:
    """Upgrade to the newest revision and return those applied now, oldest first; takes as long as the server needs for
    its tables. Raises ValueError for a URL we do not support, ProfilesUnavailable when the server cannot be reached or
    refuses, OddRevision when it is newer than this program, or at two revisions."""
    async with _connected(url, "cannot migrate") as connection:
        async with asyncio.timeout(LOCK_WAIT_S + ANSWER_S):
            await _lock(connection)
            _expect_known(await connection.run_sync(_revision))
        applied = await connection.run_sync(_upgrade)
        await connection.commit()
        return applied


async def newest_revision(url: str) -> tuple[str | None, str | None]:
    """(revision of the database, revision this program wants). Raises ProfilesUnavailable, OddRevision."""
    async with _connected(url, "cannot read the revision") as connection, asyncio.timeout(ANSWER_S):
        found = await connection.run_sync(_revision)
        await connection.rollback()
    return _expect_known(found), ScriptDirectory.from_config(_config()).get_current_head()


@asynccontextmanager
async def _connected(url: str, failing: str) -> AsyncIterator[AsyncConnection]:
    """A connection on which nothing is left to be rolled back; that it fails is told as ProfilesUnavailable."""
    engine = connect_once(url)
    try:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(ANSWER_S):
                connection = await stack.enter_async_context(engine.connect())
            try:
                yield connection
            except BaseException:
                await connection.invalidate()  # no deadline cuts the ROLLBACK that would be sent
                raise
    except (SQLAlchemyError, OSError) as error:  # TimeoutError is an OSError
        raise ProfilesUnavailable(f"{failing}: {_reason(error)}") from error
    finally:
        await engine.dispose()


async def _lock(connection: AsyncConnection) -> None:
    """One migration at a time. SQLite needs nothing: our transactions begin by taking its write lock."""
    if connection.dialect.name == "sqlite":
        return
    name = f"gameserver.migrate.{connection.engine.url.database}"[:64]
    got = await connection.scalar(text("SELECT GET_LOCK(:name, :wait_s)"), {"name": name, "wait_s": LOCK_WAIT_S})
    if got != 1:
        raise ProfilesUnavailable("another migration is running")


def _revision(connection: Connection) -> str | None:
    revisions = MigrationContext.configure(connection).get_current_heads()
    if len(revisions) > 1:
        raise TwoRevisions(revisions)
    return revisions[0] if revisions else None


def _expect_known(revision: str | None) -> str | None:
    """Return the revision. Raises NewerDatabase when no script of ours leads to it."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise NewerDatabase(revision)
    return revision


def _upgrade(connection: Connection) -> list[str]:
    applied: list[str] = []

    def note(*, step: Any, **_: Any) -> None:
        applied.extend(step.up_revision_ids)

    config = _config()
    config.attributes["connection"] = connection
    config.attributes["on_version_apply"] = note
    command.upgrade(config, "head")
    return applied


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return str(getattr(error, "orig", None) or error)
