"""The history of the database: one row that names it, and the marks of the nodes that write to it.

Every step asks whether it was done before: MySQL commits at each CREATE, so a run that was cut must be able to go on.
"""

from __future__ import annotations

import secrets
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _table(
        "history",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("database_id", sa.String(16), nullable=False),
        sa.Column("history_id", sa.String(16), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
    )
    _table(
        "history_mark",
        sa.Column("history_id", sa.String(16), primary_key=True),
        sa.Column("node", sa.String(64), primary_key=True),
        sa.Column("commits", sa.BigInteger, nullable=False),
        sa.Column("beats", sa.BigInteger, nullable=False),
    )
    _first_row()


def _first_row() -> None:
    connection = op.get_bind()
    if connection.scalar(sa.text("SELECT COUNT(*) FROM history")) == 0:
        row = {"database": secrets.token_hex(8), "history": secrets.token_hex(8)}
        connection.execute(sa.text("INSERT INTO history VALUES (1, :database, :history, 1)"), row)


def _table(name: str, *columns: sa.schema.SchemaItem) -> None:
    if sa.inspect(op.get_bind()).has_table(name):
        return
    options: dict[str, Any] = {}
    for vendor in ("mysql", "mariadb"):
        options |= {f"{vendor}_engine": "InnoDB", f"{vendor}_charset": "utf8mb4", f"{vendor}_collate": "utf8mb4_bin"}
    op.create_table(name, *columns, **options)
