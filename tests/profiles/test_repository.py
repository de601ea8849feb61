"""gameserver.profiles.repository on both servers: claims, saves and the log."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import text

from gameserver.profiles.records import SaveOutcome, SessionLogEntry
from gameserver.profiles.repository import Profiles, UnknownPlayer
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.sql.database import Database
from gameserver.world.inventory import Holding
from tests.profiles.conftest import new_player, older, save_of

NODE = NodeId("node-2")


async def test_what_was_saved_is_claimed_again_with_a_higher_epoch(database: Database, profiles: Profiles) -> None:
    player = await new_player(database, berry=3)
    again = await profiles.claim(player.player_id, NODE)
    assert again == msgspec.structs.replace(player, epoch=Epoch(player.epoch + 1))
    assert (again.zone, again.x, again.y, again.facing, again.state) == ("meadow", 1.5, 2.5, 64, b'{"quest":3}')
    assert again.inventory == {"berry": Holding(3, 3, 0)}


async def test_claiming_nobody_raises(profiles: Profiles) -> None:
    with pytest.raises(UnknownPlayer):
        await profiles.claim(PlayerId(404), NODE)
    assert await profiles.current(PlayerId(404)) is None


async def test_claims_that_race_get_distinct_epochs_that_rise(database: Database, profiles: Profiles) -> None:
    player = await new_player(database)
    claims = await asyncio.gather(*(profiles.claim(player.player_id, NODE) for _ in range(12)))
    assert sorted(claim.epoch for claim in claims) == list(range(player.epoch + 1, player.epoch + 13))


async def test_an_old_epoch_changes_nothing_and_is_told(database: Database, profiles: Profiles) -> None:
    player = await new_player(database, berry=3)
    stale = msgspec.structs.replace(player, epoch=older(player))
    outcome = await profiles.save(save_of(stale, seq=99, inventory_seq=99, x=9, berry=9))
    assert outcome is SaveOutcome.FENCED
    assert await profiles.current(player.player_id) == player


async def test_an_epoch_sql_never_issued_changes_nothing(database: Database, profiles: Profiles) -> None:
    player = await new_player(database)
    ahead = msgspec.structs.replace(player, epoch=Epoch(player.epoch + 1))
    assert await profiles.save(save_of(ahead, seq=99)) is SaveOutcome.FENCED
    assert await profiles.current(player.player_id) == player


async def test_saving_nobody_is_fenced(database: Database, profiles: Profiles) -> None:
    nobody = msgspec.structs.replace(await new_player(database), player_id=PlayerId(404))
    assert await profiles.save(save_of(nobody)) is SaveOutcome.FENCED


async def test_a_save_repeated_or_overtaken_changes_nothing(database: Database, profiles: Profiles) -> None:
    player = await new_player(database)
    newest = save_of(player, seq=10, x=10)
    assert await profiles.save(newest) is SaveOutcome.SAVED
    assert await profiles.save(newest) is SaveOutcome.ALREADY
    assert await profiles.save(save_of(player, seq=9, x=9)) is SaveOutcome.ALREADY
    now = await profiles.current(player.player_id)
    assert now is not None
    assert (now.x, now.saved_seq) == (10, 10)


async def test_a_save_notes_its_epoch_and_a_claim_does_not(database: Database, profiles: Profiles) -> None:
    player = await new_player(database)
    claimed = await profiles.claim(player.player_id, NODE)
    assert claimed.saved_epoch == player.epoch < claimed.epoch
    await profiles.save(save_of(claimed))
    saved = await profiles.current(player.player_id)
    assert saved is not None and saved.saved_epoch == claimed.epoch


async def test_the_same_values_with_a_higher_seq_count_as_saved(database: Database, profiles: Profiles) -> None:
    """MySQL reports changed instead of matched rows unless it is told otherwise."""
    player = await new_player(database, berry=1)
    for seq in (5, 6, 7):
        assert await profiles.save(save_of(player, seq=seq, berry=1)) is SaveOutcome.SAVED


async def test_an_inventory_older_than_the_row_is_left_out_of_a_newer_save(
    database: Database, profiles: Profiles
) -> None:
    player = await new_player(database, berry=3)
    await profiles.save(save_of(player, seq=5, inventory_seq=5, berry=7))
    assert await profiles.save(save_of(player, seq=6, inventory_seq=4, x=6, berry=3)) is SaveOutcome.SAVED
    now = await profiles.current(player.player_id)
    assert now is not None
    assert (now.x, now.inventory_seq, now.inventory["berry"].quantity) == (6, 5, 7)


async def test_saves_of_one_session_in_parallel_end_at_the_newest(database: Database, profiles: Profiles) -> None:
    player = await new_player(database)
    saves = [save_of(player, seq=seq, inventory_seq=seq, x=seq, berry=seq) for seq in range(2, 14)]
    await asyncio.gather(*(profiles.save(save) for save in reversed(saves)))
    now = await profiles.current(player.player_id)
    assert now is not None
    assert (now.saved_seq, now.x, now.inventory_seq, now.inventory["berry"].quantity) == (13, 13, 13, 13)


async def test_a_batch_answers_for_each_in_the_order_asked(database: Database, profiles: Profiles) -> None:
    saved, already, fenced = [await new_player(database) for _ in range(3)]
    stale = msgspec.structs.replace(fenced, epoch=older(fenced))
    batch = [save_of(stale, seq=9), save_of(saved, inventory_seq=2, berry=4), save_of(already, seq=already.saved_seq)]
    assert await profiles.save_many(batch) == [SaveOutcome.FENCED, SaveOutcome.SAVED, SaveOutcome.ALREADY]
    now = await profiles.current(saved.player_id)
    assert now is not None
    assert now.inventory == {"berry": Holding(4, 4, 0)}
    assert await profiles.save_many([]) == []


async def test_batches_over_the_same_players_in_opposite_order_all_succeed(
    database: Database, profiles: Profiles
) -> None:
    players = [await new_player(database) for _ in range(8)]
    batches = [[save_of(player, seq=seq, inventory_seq=seq, berry=seq) for player in players] for seq in range(2, 8)]
    orders = [batch if number % 2 else batch[::-1] for number, batch in enumerate(batches)]
    await asyncio.gather(*(profiles.save_many(batch) for batch in orders))
    now = [await profiles.current(player.player_id) for player in players]
    assert {(row.saved_seq, row.inventory["berry"].quantity) for row in now if row} == {(7, 7)}


async def test_a_save_that_races_a_claim_is_either_in_the_claim_or_fenced(
    database: Database, profiles: Profiles
) -> None:
    for _ in range(10):
        player = await new_player(database)
        save, claim = profiles.save(save_of(player, x=77)), profiles.claim(player.player_id, NODE)
        outcome, claimed = await asyncio.gather(save, claim)
        assert (claimed.x == 77) == (outcome is SaveOutcome.SAVED)
        assert outcome is not SaveOutcome.ALREADY


async def test_text_numbers_and_state_come_back_exactly(database: Database, profiles: Profiles) -> None:
    player = await new_player(database)
    state = ('{"note":"' + "🌱'\\\\ %s :x \\u0000" * 10_000 + '"}').encode()  # beyond the 64 KiB of a plain BLOB
    odd = msgspec.structs.replace(save_of(player, seq=2**53 - 1, x=0.1 + 0.2), zone="l'été 🌱", state=state)
    kinds = {"Berry": Holding(1, 1, 0), "berry": Holding(2, 2, 0), "bérry": Holding(10**9, 10**12, 10**12 - 10**9)}
    assert await profiles.save(msgspec.structs.replace(odd, inventory_seq=9, inventory=kinds)) is SaveOutcome.SAVED
    now = await profiles.current(player.player_id)
    assert now is not None
    assert (now.zone, now.x, now.state, now.saved_seq) == (odd.zone, 0.1 + 0.2, state, 2**53 - 1)
    assert now.inventory == kinds


async def test_the_log_keeps_what_was_told_first_and_needs_no_order(database: Database, profiles: Profiles) -> None:
    one = PlayerId(1)
    for at_ms in (100, 999):
        ended = SessionLogEntry(one, Epoch(1), ended_ms=at_ms + 1, reason="logged_out", last_seq=42)
        await profiles.append_session_log([SessionLogEntry(one, Epoch(1), node=NODE, opened_ms=at_ms), ended])
    await profiles.append_session_log(
        [SessionLogEntry(one, Epoch(2), ended_ms=300, reason="drain", last_seq=7)]
    )  # not told that it opened
    assert await profiles.stays(one) == [
        SessionLogEntry(one, Epoch(2), None, None, 300, "drain", 7),
        SessionLogEntry(one, Epoch(1), NODE, 100, 101, "logged_out", 42),
    ]


async def test_a_column_that_a_newer_migration_added_is_left_as_it_is(database: Database, profiles: Profiles) -> None:
    async with database.begin() as connection:
        for table in ("profile", "inventory"):
            await connection.execute(text(f"ALTER TABLE {table} ADD COLUMN of_tomorrow INTEGER NOT NULL DEFAULT 1"))
    player = await new_player(database, berry=3)
    async with database.begin() as connection:
        for table in ("profile", "inventory"):
            await connection.execute(text(f"UPDATE {table} SET of_tomorrow = 7"))
    claimed = await profiles.claim(player.player_id, NODE)
    assert await profiles.save(save_of(claimed, seq=99, inventory_seq=99, x=9, berry=9)) is SaveOutcome.SAVED
    async with database.begin() as connection:
        for table in ("profile", "inventory"):
            assert await connection.scalar(text(f"SELECT of_tomorrow FROM {table}")) == 7
