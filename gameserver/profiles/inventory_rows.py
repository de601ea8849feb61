"""The rows of ``inventory``, shared by saves and exchanges.

Law: written only by a transaction that holds the lock on the player's profile row and raises its inventory_seq.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Table, select
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.dml import Insert

from gameserver.protocol.ids import PlayerId
from gameserver.sql.tables import inventory
from gameserver.world.inventory import Holding


async def read_inventories(
    connection: AsyncConnection, player_ids: Iterable[PlayerId]
) -> dict[PlayerId, dict[str, Holding]]:
    """Player -> kind -> holding; players without rows are there, empty."""
    found: dict[PlayerId, dict[str, Holding]] = {player_id: {} for player_id in player_ids}
    for row in await connection.execute(select(inventory).where(inventory.c.player_id.in_(found))):
        found[row.player_id][row.item] = Holding(row.quantity, row.minted, row.burned)
    return found


async def write_inventories(
    connection: AsyncConnection, inventories: Iterable[tuple[PlayerId, Mapping[str, Holding]]]
) -> None:
    """Set every kind given, of every player given; in key order, so that rivals lock in the same order."""
    rows = [
        {"player_id": player_id, "item": item, **holding._asdict()}
        for player_id, holdings in sorted(inventories, key=lambda pair: pair[0])
        for item, holding in sorted(holdings.items())
    ]
    if rows:
        await connection.execute(upsert(connection, inventory, Holding._fields), rows)


def upsert(connection: AsyncConnection, table: Table, replaced: Iterable[str]) -> Insert:
    """Insert, or replace these columns where the primary key exists; in the words of the server at hand."""
    if connection.dialect.name == "sqlite":
        into = sqlite.insert(table)
        return into.on_conflict_do_update(
            index_elements=list(table.primary_key), set_={name: into.excluded[name] for name in replaced}
        )
    onto = mysql.insert(table)
    return onto.on_duplicate_key_update({name: onto.inserted[name] for name in replaced})
