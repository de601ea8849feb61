"""The next save overwrites a change that somebody made in SQL while the player was live, and the log says so."""

from __future__ import annotations

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gameserver.profiles.edits import seen_in
from gameserver.profiles.records import Profile, Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.sql.database import Database
from tests.profiles.conftest import new_player, save_of


async def edit(database: Database, *statements: str) -> None:
    async def work(connection: AsyncConnection) -> None:
        for statement in statements:
            await connection.execute(text(statement))

    await database.transact("edit", work)


async def told(database: Database, save: Save) -> list[object]:
    with capture_logs() as logged:
        assert await Profiles(database).save(save) is SaveOutcome.SAVED
    return [(line["player_id"], line["fields"]) for line in logged if line["event"] == "profile_edited_elsewhere"]


def next_save(ann: Profile, seq: int = 0) -> Save:
    save = save_of(ann, seq=seq, inventory_seq=ann.inventory_seq + 1, x=4.0, coin=6)
    return msgspec.structs.replace(save, seen=seen_in(ann, ann.saved_seq))


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        ("UPDATE profile SET x = 99, zone = 'hell'", ["zone", "x"]),
        ("UPDATE profile SET state = '{}'", ["state"]),
        ("UPDATE inventory SET quantity = 50, minted = 50", ["item:coin"]),
        ("INSERT INTO inventory VALUES (%d, 'hat', 1, 1, 0)", ["item:hat"]),
        ("DELETE FROM inventory", ["item:coin"]),
    ],
)
async def test_an_edit_of_a_live_player_is_told_with_its_fields(
    database: Database, statement: str, fields: list[str]
) -> None:
    ann = await new_player(database, coin=5)
    statement = statement % ann.player_id if "%" in statement else f"{statement} WHERE player_id = {ann.player_id}"
    await edit(database, statement)
    assert await told(database, next_save(ann)) == [(ann.player_id, fields)]


async def test_saves_and_claims_of_our_own_are_no_edits(database: Database) -> None:
    ann = await new_player(database, coin=5)
    first = next_save(ann)
    assert await told(database, first) == []
    second = msgspec.structs.replace(
        save_of(ann, seq=first.seq + 1, inventory_seq=first.inventory_seq + 1, coin=7), seen=seen_in(first, first.seq)
    )
    assert await told(database, second) == []
    stale = msgspec.structs.replace(second, seq=second.seq + 1, seen=first.seen)
    assert await told(database, stale) == [], "what is not sure is not told"
