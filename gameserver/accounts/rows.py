"""The rows of ``account``: the players that exist, their names, and their proofs. An account always has a profile."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.accounts import guest_names
from gameserver.profiles.records import AccountRow
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.lookalikes import skeleton_key
from gameserver.sql.database import Database
from gameserver.sql.tables import account, profile


class NameTaken(Exception):  # noqa: N818  an expected answer
    """Another account has this name_key, or a name that looks like this one."""


class Accounts:
    """Every method raises ProfilesUnavailable when SQL is away. Keys and token hashes are bytes, compared exactly."""

    def __init__(self, database: Database):
        self._database = database

    async def create(
        self,
        name: str,
        name_key: bytes,
        password_hash: str | None,
        guest_token_hash: bytes | None,
        at_ms: int,
        guests_seen_before_ms: int | None = None,
    ) -> PlayerId:
        """Make the account and its empty profile. Raises NameTaken and HistoryLost. A cut COMMIT is resolved by making
        it again: if the name is taken then by exactly this hash, it was us. A guest last seen before
        ``guests_seen_before_ms`` loses its name to the new account."""
        assert password_hash or guest_token_hash, "an account needs a proof"
        row = {
            "name": name,
            "name_key": name_key,
            "password_hash": password_hash,
            "guest_token_hash": guest_token_hash,
            "created_ms": at_ms,
            "skeleton": skeleton_key(name),
        }
        holds_it = (account.c.name_key == name_key) | (account.c.skeleton == row["skeleton"])

        standing, mark = self._database.standing, 0

        async def work(connection: AsyncConnection) -> PlayerId:
            nonlocal mark
            try:
                player_id = await _insert(connection, row)
            except IntegrityError:  # also waited for whoever is inserting the same name
                if guests_seen_before_ms is not None and await guest_names.release(
                    connection, holds_it, guests_seen_before_ms
                ):
                    player_id = await _insert(connection, row)
                else:
                    return await _own(connection, row)
            mark = await standing.raise_in(connection)
            return player_id

        async with self._database.sign_in_slots:
            player_id, _ = await self._database.transact_idempotent("create_account", work, interactive=True)
        standing.note_commit(mark)
        return player_id

    async def by_name(self, name_key: bytes) -> AccountRow | None:
        return await self._one("account_by_name", account.c.name_key == name_key)

    async def by_guest_token(self, token_hash: bytes) -> AccountRow | None:
        return await self._one("account_by_token", account.c.guest_token_hash == token_hash)

    async def update_password_hash(self, player_id: PlayerId, password_hash: str) -> None:
        """The same password under newer parameters."""

        async def work(connection: AsyncConnection) -> None:
            row = update(account).where(account.c.player_id == player_id)
            await connection.execute(row.values(password_hash=password_hash))

        await self._database.transact("update_password", work)

    async def _one(self, operation: str, condition: ColumnElement[bool]) -> AccountRow | None:
        standing = self._database.standing
        columns = select(account.c.player_id, account.c.name, account.c.password_hash).where(condition)

        async def work(connection: AsyncConnection) -> AccountRow | None:
            row = (await connection.execute(standing.watched(columns))).one_or_none()
            if row is None:
                return None
            *found, is_same = row
            standing.check(is_same)
            return AccountRow(*found)

        async with self._database.sign_in_slots:
            return await self._database.transact(operation, work, interactive=True)


async def _insert(connection: AsyncConnection, row: dict[str, Any]) -> PlayerId:
    made = (await connection.execute(insert(account), row)).inserted_primary_key
    assert made is not None
    player_id = PlayerId(made[0])
    empty = {"epoch": 0, "saved_seq": 0, "inventory_seq": 0, "x": 0.0, "y": 0.0, "facing": 0, "state": b"{}"}
    await connection.execute(insert(profile), {"player_id": player_id, **empty})
    return player_id


async def _own(connection: AsyncConnection, row: dict[str, Any]) -> PlayerId:
    """The account an earlier attempt of ours made, if it was us. Salts and tokens are random: an equal hash is ours."""
    mine = [account.c[name] == row[name] for name in ("name_key", "password_hash", "guest_token_hash") if row[name]]
    found = await connection.scalar(select(account.c.player_id).where(*mine))
    if found is None:
        raise NameTaken(row["name"])
    return PlayerId(found)
