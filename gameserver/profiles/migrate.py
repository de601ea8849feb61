"""Brings a database to the newest shape: alembic, from the migrations inside the package, on either SQL server.

Law: safe to run twice, also at the same time from two nodes: one runs, the other waits and finds nothing to do. But
only one at a time within a process: alembic keeps the run it is in as a global.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.profiles.database import ProfilesUnavailable
from gameserver.profiles.drivers import connect_once

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK_WAIT_S = 60


async def migrate(url: str) -> list[str]:
    """Upgrade to the newest revision and return those applied now, oldest first. Raises ValueError for a URL we do not
    support, ProfilesUnavailable when the server cannot be reached or refuses."""
    engine = connect_once(url)
    try:
        async with engine.connect() as connection:
            await _lock(connection)
            applied = await connection.run_sync(_upgrade)
            await connection.commit()
            return applied
    except (SQLAlchemyError, OSError) as error:
        raise ProfilesUnavailable(f"cannot migrate: {_reason(error)}") from error
    finally:
        await engine.dispose()


async def newest_revision(url: str) -> tuple[str | None, str | None]:
    """(revision of the database, revision this program wants). Raises ProfilesUnavailable."""
    engine = connect_once(url)
    try:
        async with engine.connect() as connection:
            found = await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    except (SQLAlchemyError, OSError) as error:
        raise ProfilesUnavailable(f"cannot read the revision: {_reason(error)}") from error
    finally:
        await engine.dispose()
    return found, ScriptDirectory.from_config(_config()).get_current_head()


async def _lock(connection: AsyncConnection) -> None:
    """One migration at a time. SQLite needs nothing: our transactions begin by taking its write lock."""
    if connection.dialect.name == "sqlite":
        return
    name = f"gameserver.migrate.{connection.engine.url.database}"[:64]
    got = await connection.scalar(text("SELECT GET_LOCK(:name, :wait_s)"), {"name": name, "wait_s": LOCK_WAIT_S})
    if got != 1:
        raise ProfilesUnavailable("another migration is running")


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
    return str(getattr(error, "orig", None) or error)
