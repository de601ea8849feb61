"""The tables, for both SQL servers. Owns their shape as the code sees it; migrations/ holds how they came to be.

Strings compare byte by byte: under MySQL's default collation "José", "jose" and "JOSE" would be one account. What must
be unique is normalised in code and kept in binary columns. Times are milliseconds since 1970 UTC, for people only.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    CheckConstraint,
    Column,
    ColumnElement,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    TypeDecorator,
    func,
    type_coerce,
)
from sqlalchemy.dialects.mysql import MEDIUMBLOB, VARBINARY
from sqlalchemy.types import TypeEngine

TABLE_OPTIONS: dict[str, Any] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
    "sqlite_autoincrement": True,  # ids are never used again
}


class _Hex(TypeDecorator[bytes]):
    impl = String
    cache_ok = True

    def process_bind_param(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else value.hex()


class MySqlBytes(TypeDecorator[bytes]):
    """Bytes that travel as UNHEX('...'): aiomysql 0.3 cannot send bytes with PyMySQL 1.2 (aiomysql issue 1080)."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, stored_as: TypeEngine[bytes]):
        super().__init__()
        self.stored_as = stored_as

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[bytes]:
        return self.stored_as

    def bind_expression(self, bindvalue: BindParameter[bytes]) -> ColumnElement[bytes]:
        return func.unhex(type_coerce(bindvalue, _Hex()))


RowId = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers only INTEGER keys by itself
NameKey = LargeBinary(255).with_variant(MySqlBytes(VARBINARY(255)), "mysql", "mariadb")
TokenHash = LargeBinary(32).with_variant(MySqlBytes(VARBINARY(32)), "mysql", "mariadb")
GameState = LargeBinary().with_variant(MySqlBytes(MEDIUMBLOB()), "mysql", "mariadb")  # 16 MiB; a plain BLOB has 64 KiB

metadata = MetaData()

account = Table(
    "account",
    metadata,
    Column("player_id", RowId, primary_key=True),
    Column("name", String(64), nullable=False),  # as the player wrote it
    Column("name_key", NameKey, nullable=False, unique=True),  # NFKC, casefolded, UTF-8
    Column("password_hash", String(255)),  # argon2id; none for guests
    Column("guest_token_hash", TokenHash, unique=True),  # sha256; none for registered players
    Column("created_ms", BigInteger, nullable=False),
    Column("skeleton", NameKey),  # the name's look; NULL for a released guest, and for some old accounts
    Index("account_skeleton", "skeleton", unique=True),
    **TABLE_OPTIONS,
)

profile = Table(
    "profile",
    metadata,
    Column("player_id", RowId, ForeignKey("account.player_id"), primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),  # raised by every claim; only its holder may save
    Column("owner", String(64)),  # the node of the last claim
    Column("saved_seq", BigInteger, nullable=False),  # the session's seq as of the last save; only rises
    Column("inventory_seq", BigInteger, nullable=False),  # the same for the rows of inventory
    Column("saved_epoch", BigInteger, nullable=False, server_default="0"),  # under which either of the two last rose
    Column("zone", String(64)),  # none until the first save
    Column("x", Double, nullable=False),
    Column("y", Double, nullable=False),
    Column("facing", Integer, nullable=False),
    Column("state", GameState, nullable=False),  # the game's own, JSON
    **{**TABLE_OPTIONS, "sqlite_autoincrement": False},
)

inventory = Table(
    "inventory",
    metadata,
    Column("player_id", RowId, ForeignKey("profile.player_id"), primary_key=True, autoincrement=False),
    Column("item", String(64), primary_key=True),
    Column("quantity", BigInteger, CheckConstraint("quantity >= 0", name="quantity_not_negative"), nullable=False),
    Column("minted", BigInteger, nullable=False),  # ever made for this player
    Column("burned", BigInteger, nullable=False),  # ever destroyed by this player
    **{**TABLE_OPTIONS, "sqlite_autoincrement": False},
)

exchange = Table(
    "exchange",
    metadata,
    Column("op_id", String(128), primary_key=True),  # once in here, the exchange has happened
    Column("player_id", BigInteger, nullable=False),
    Column("other_id", BigInteger),  # none for a drop to the ground
    Column("what", String(255), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("exchange_player", "player_id"),
    Index("exchange_other", "other_id"),
    **{**TABLE_OPTIONS, "sqlite_autoincrement": False},
)

chat_message = Table(
    "chat_message",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("zone", String(64), nullable=False),
    Column("sender_id", BigInteger, nullable=False),
    Column("sender", String(64), nullable=False),
    Column("recipient", String(64)),  # whispers only
    Column("text", String(1000), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Index("chat_message_zone", "zone", "recipient", "id"),
    **TABLE_OPTIONS,
)

session_log = Table(
    "session_log",
    metadata,
    Column("player_id", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("node", String(64)),
    Column("opened_ms", BigInteger),
    Column("ended_ms", BigInteger),
    Column("reason", String(64)),
    Column("last_seq", BigInteger),
    **{**TABLE_OPTIONS, "sqlite_autoincrement": False},
)

history = Table(
    "history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("database_id", String(16), nullable=False),  # drawn when the database was made
    Column("history_id", String(16), nullable=False),  # drawn anew whenever the database turns out to be set back
    Column("number", BigInteger, nullable=False),  # 1 for the first, raised with each that is drawn
    **{**TABLE_OPTIONS, "sqlite_autoincrement": False},
)

history_mark = Table(
    "history_mark",
    metadata,
    Column("history_id", String(16), primary_key=True),
    Column("node", String(64), primary_key=True),
    Column("commits", BigInteger, nullable=False),  # raised with each exchange and each new account
    Column("beats", BigInteger, nullable=False),  # raised every second of play
    **{**TABLE_OPTIONS, "sqlite_autoincrement": False},
)
