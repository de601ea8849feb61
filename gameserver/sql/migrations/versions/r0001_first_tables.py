"""The first tables: account, profile, inventory, exchange, chat_message, session_log.

Every step asks whether it was done before: MySQL commits at each CREATE, so a run that was cut must be able to go on.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

VENDORS = ("mysql", "mariadb")
ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    _accounts()
    _profiles()
    _inventory()
    _exchanges()
    _chat()
    _session_log()


def _accounts() -> None:
    _table(
        "account",
        sa.Column("player_id", ROW_ID, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("name_key", _binary(255), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("guest_token_hash", _binary(32), unique=True),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )


def _profiles() -> None:
    _table(
        "profile",
        sa.Column("player_id", ROW_ID, sa.ForeignKey("account.player_id"), primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(64)),
        sa.Column("saved_seq", sa.BigInteger, nullable=False),
        sa.Column("inventory_seq", sa.BigInteger, nullable=False),
        sa.Column("zone", sa.String(64)),
        sa.Column("x", sa.Double, nullable=False),
        sa.Column("y", sa.Double, nullable=False),
        sa.Column("facing", sa.Integer, nullable=False),
        sa.Column("state", sa.LargeBinary().with_variant(mysql.MEDIUMBLOB(), *VENDORS), nullable=False),
    )


def _inventory() -> None:
    _table(
        "inventory",
        sa.Column("player_id", ROW_ID, sa.ForeignKey("profile.player_id"), primary_key=True, autoincrement=False),
        sa.Column("item", sa.String(64), primary_key=True),
        sa.Column("quantity", sa.BigInteger, nullable=False),
        sa.Column("minted", sa.BigInteger, nullable=False),
        sa.Column("burned", sa.BigInteger, nullable=False),
        sa.CheckConstraint("quantity >= 0", name="quantity_not_negative"),
    )


def _exchanges() -> None:
    _table(
        "exchange",
        sa.Column("op_id", sa.String(128), primary_key=True),
        sa.Column("player_id", sa.BigInteger, nullable=False),
        sa.Column("other_id", sa.BigInteger),
        sa.Column("what", sa.String(255), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
    )
    _index("exchange_player", "exchange", ["player_id"])
    _index("exchange_other", "exchange", ["other_id"])


def _chat() -> None:
    _table(
        "chat_message",
        sa.Column("id", ROW_ID, primary_key=True),
        sa.Column("zone", sa.String(64), nullable=False),
        sa.Column("sender_id", sa.BigInteger, nullable=False),
        sa.Column("sender", sa.String(64), nullable=False),
        sa.Column("recipient", sa.String(64)),
        sa.Column("text", sa.String(1000), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    _index("chat_message_zone", "chat_message", ["zone", "recipient", "id"])


def _session_log() -> None:
    _table(
        "session_log",
        sa.Column("player_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("epoch", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("node", sa.String(64)),
        sa.Column("opened_ms", sa.BigInteger),
        sa.Column("ended_ms", sa.BigInteger),
        sa.Column("reason", sa.String(64)),
        sa.Column("last_seq", sa.BigInteger),
    )


def _binary(length: int) -> sa.types.TypeEngine[bytes]:
    return sa.LargeBinary(length).with_variant(mysql.VARBINARY(length), *VENDORS)


def _table(name: str, *columns: sa.schema.SchemaItem, **options: Any) -> None:
    if sa.inspect(op.get_bind()).has_table(name):
        return
    for vendor in VENDORS:
        options |= {f"{vendor}_engine": "InnoDB", f"{vendor}_charset": "utf8mb4", f"{vendor}_collate": "utf8mb4_bin"}
    op.create_table(name, *columns, **options)


def _index(name: str, table: str, columns: list[str]) -> None:
    if not any(index["name"] == name for index in sa.inspect(op.get_bind()).get_indexes(table)):
        op.create_index(name, table, columns)
