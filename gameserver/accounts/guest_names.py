"""Names of guests who did not come back for long, released when somebody asks for one.

Law: only the name goes. The guest keeps its account, its token, its profile and its items, so every sum of items stays
as it was; it comes back under a name that nobody can choose.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gameserver.protocol.ids import PlayerId
from gameserver.sql.tables import account, profile, session_log


def name_of_released(player_id: PlayerId) -> str:
    """Return the name that a guest has after its own was released: ``#`` is in no name that a player chose."""
    return f"Guest #{player_id}"


async def release(connection: AsyncConnection, holds_it: ColumnElement[bool], seen_before_ms: int) -> bool:
    """Rename whoever ``holds_it`` is true of, if all of them are guests that were last seen before that time. Returns
    whether they were."""
    columns = (account.c.player_id, account.c.password_hash, account.c.created_ms)
    locked = select(*columns).where(holds_it).order_by(account.c.player_id).with_for_update()
    holders = (await connection.execute(locked)).all()
    for player_id, password_hash, created_ms in holders:
        seen_ms = await _last_seen_ms(connection, player_id, created_ms)
        if password_hash is not None or seen_ms is None or seen_ms >= seen_before_ms:
            return False
    for player_id, _, _ in holders:
        await _rename(connection, player_id)
    return bool(holders)


async def _last_seen_ms(connection: AsyncConnection, player_id: PlayerId, created_ms: int) -> int | None:
    """Return when the guest's newest session ended, or its account was made; None while one is open, or may be. The
    lock lets nobody claim the guest until it has its new name."""
    stays = select(session_log.c.epoch, session_log.c.opened_ms, session_log.c.ended_ms)
    stays = stays.where(session_log.c.player_id == player_id).order_by(session_log.c.epoch.desc()).limit(1)
    newest = (await connection.execute(stays)).one_or_none()
    epoch = select(profile.c.epoch).where(profile.c.player_id == player_id).with_for_update()
    claimed = await connection.scalar(epoch)
    if newest is None:
        return created_ms if not claimed else None
    is_open = newest.ended_ms is None or newest.epoch != claimed
    return None if is_open else int(newest.ended_ms)


async def _rename(connection: AsyncConnection, player_id: PlayerId) -> None:
    name = name_of_released(player_id)
    renamed = {"name": name, "name_key": name.casefold().encode(), "skeleton": None}
    await connection.execute(update(account).where(account.c.player_id == player_id).values(**renamed))
