"""Run by alembic for every command. migrate.py hands over its open connection."""

from __future__ import annotations

from alembic import context

from gameserver.sql.tables import metadata

connection = context.config.attributes.get("connection")
if connection is None:
    raise SystemExit("run `gameserver migrate`, or call gameserver.sql.migrate.migrate(url)")

context.configure(
    connection=connection,
    target_metadata=metadata,
    transactional_ddl=connection.dialect.name == "sqlite",  # MySQL commits at every CREATE TABLE
    on_version_apply=context.config.attributes["on_version_apply"],
)
with context.begin_transaction():
    context.run_migrations()
