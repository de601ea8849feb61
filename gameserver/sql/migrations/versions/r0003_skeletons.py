"""Skeletons of names: a unique column of ``account``, filled for the accounts that exist.

Of old accounts whose names look alike, the first gets the skeleton and the others NULL: all of them keep working. Every
step can be repeated: MySQL commits at each ALTER, so a run that was cut must be able to go on.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

from gameserver.protocol.lookalikes import skeleton_key

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

INDEX = "account_skeleton"
ROWS_AT_ONCE = 5000
UPDATE = "UPDATE account SET skeleton = :skeleton WHERE player_id = :player_id"
UPDATE_MYSQL = "UPDATE account SET skeleton = UNHEX(:skeleton) WHERE player_id = :player_id"


def upgrade() -> None:
    inspector = sa.inspect(op.get_bind())
    if not any(column["name"] == "skeleton" for column in inspector.get_columns("account")):
        of_bytes = sa.LargeBinary(255).with_variant(mysql.VARBINARY(255), "mysql", "mariadb")
        op.add_column("account", sa.Column("skeleton", of_bytes))
    if not any(index["name"] == INDEX for index in inspector.get_indexes("account")):
        _fill()
        op.create_index(INDEX, "account", ["skeleton"], unique=True)


def _fill() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    update = sa.text(UPDATE if is_sqlite else UPDATE_MYSQL)
    seen: set[bytes] = set()
    for rows in _accounts(connection):
        changes = []
        for player_id, name in rows:
            skeleton = skeleton_key(name)
            if skeleton not in seen:
                seen.add(skeleton)
                sent = skeleton if is_sqlite else skeleton.hex()
                changes.append({"player_id": player_id, "skeleton": sent})
        if changes:
            connection.execute(update, changes)


def _accounts(connection: sa.Connection) -> Iterator[list[tuple[int, str]]]:
    """Every account in the order of making, so many at once."""
    query = sa.text("SELECT player_id, name FROM account WHERE player_id > :after ORDER BY player_id LIMIT :rows")
    after = 0
    while rows := [
        (int(row[0]), str(row[1])) for row in connection.execute(query, {"after": after, "rows": ROWS_AT_ONCE})
    ]:
        yield rows
        after = rows[-1][0]
