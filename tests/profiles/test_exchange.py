"""gameserver.profiles.exchange on both servers: nothing twice, nothing lost, nothing undone."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from structlog.testing import capture_logs

from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import Exchange, ExchangeOutcome, Party, Profile, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import NodeId, PlayerId
from gameserver.sql.database import Database, ProfilesUnavailable
from gameserver.world.inventory import Holding
from tests.profiles.conftest import gift, holding, new_player, older, save_of, total

DONE, ALREADY = ExchangeOutcome.DONE, ExchangeOutcome.ALREADY
FENCED, STALE = ExchangeOutcome.FENCED, ExchangeOutcome.STALE


async def reread(profiles: Profiles, player: Profile) -> Profile:
    now = await profiles.current(player.player_id)
    assert now is not None
    return now


async def test_a_gift_moves_between_both_inventories(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann, ben = await new_player(database, coin=5), await new_player(database)
    assert await exchanges.apply(gift(ann, ben, "coin", 2, op_id="a")) is DONE
    assert await holding(profiles, ann.player_id, "coin") == Holding(3, 5, 0)
    assert await holding(profiles, ben.player_id, "coin") == Holding(2, 0, 0)


async def test_a_drop_to_the_ground_has_one_party(database: Database, profiles: Profiles, exchanges: Exchanges) -> None:
    ann = await new_player(database, coin=5)
    dropped = Party(ann.player_id, ann.epoch, ann.inventory_seq + 1, {"coin": Holding(3, 5, 2)})
    assert await exchanges.apply(Exchange("drop", (dropped,), "drop 2 coin")) is DONE
    assert await holding(profiles, ann.player_id, "coin") == Holding(3, 5, 2)


async def test_an_op_id_is_applied_once_however_often_it_is_asked_for(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann, ben = await new_player(database, coin=5), await new_player(database)
    same = gift(ann, ben, "coin", 2, op_id="same")
    outcomes = await asyncio.gather(*(exchanges.apply(same) for _ in range(10)))
    assert sorted(outcome.value for outcome in outcomes) == ["already"] * 9 + ["done"]
    assert await exchanges.apply(same) is ALREADY
    assert await total(profiles, "coin", ann, ben) == 5
    assert (await holding(profiles, ben.player_id, "coin")).quantity == 2


async def test_an_op_id_used_by_others_changes_nothing(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann, ben, cid, dee = [await new_player(database, coin=5) for _ in range(4)]
    both = exchanges.apply(gift(ann, ben, "coin", 1, op_id="x")), exchanges.apply(gift(cid, dee, "coin", 1, op_id="x"))
    outcomes = await asyncio.gather(*both)
    assert sorted(outcome.value for outcome in outcomes) == ["already", "done"]
    assert await total(profiles, "coin", ann, ben) == await total(profiles, "coin", cid, dee) == 10


@pytest.mark.parametrize("fenced", [0, 1])
async def test_one_old_epoch_stops_it_for_both(
    database: Database, profiles: Profiles, exchanges: Exchanges, fenced: int
) -> None:
    pair = [await new_player(database, coin=5), await new_player(database)]
    pair[fenced] = msgspec.structs.replace(pair[fenced], epoch=older(pair[fenced]))
    assert await exchanges.apply(gift(pair[0], pair[1], "coin", 2, op_id="a")) is FENCED
    assert (await holding(profiles, pair[0].player_id, "coin")).quantity == 5
    assert (await holding(profiles, pair[1].player_id, "coin")).quantity == 0


@pytest.mark.parametrize("behind", [0, 1])
async def test_an_inventory_changed_meanwhile_stops_it_for_both(
    database: Database, profiles: Profiles, exchanges: Exchanges, behind: int
) -> None:
    pair = [await new_player(database, coin=5), await new_player(database)]
    await profiles.save(save_of(pair[behind], seq=9, inventory_seq=9, coin=4))
    assert await exchanges.apply(gift(pair[0], pair[1], "coin", 2, op_id="a")) is STALE
    assert await total(profiles, "coin", *pair) == 4 + (5 if behind else 0)


async def test_a_player_who_is_not_there_is_fenced(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann = await new_player(database, coin=5)
    nobody = msgspec.structs.replace(ann, player_id=PlayerId(404), inventory={})
    assert await exchanges.apply(gift(ann, nobody, "coin", 2, op_id="a")) is FENCED


async def test_a_snapshot_taken_before_a_gift_cannot_undo_it(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann, ben = await new_player(database, coin=5), await new_player(database)
    before = save_of(ann, seq=50, inventory_seq=ann.inventory_seq, x=50, coin=5)
    await exchanges.apply(gift(ann, ben, "coin", 2, op_id="a"))
    assert await profiles.save(before) is SaveOutcome.SAVED
    assert (await reread(profiles, ann)).x == 50
    assert await total(profiles, "coin", ann, ben) == 5


async def test_a_snapshot_that_races_a_gift_cannot_undo_it(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    for number in range(8):
        ann, ben = await new_player(database, coin=5), await new_player(database)
        given = exchanges.apply(gift(ann, ben, "coin", 2, op_id=f"race {number}"))
        outcome, *_ = await asyncio.gather(given, profiles.save(save_of(ann, seq=50, coin=5)))
        assert outcome is DONE
        assert await total(profiles, "coin", ann, ben) == 5


async def test_opposite_gifts_at_once_neither_deadlock_nor_lose(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann, ben = await new_player(database, coin=50, gem=50), await new_player(database, coin=50, gem=50)
    done = 0
    for number in range(10):
        ann, ben = await reread(profiles, ann), await reread(profiles, ben)
        there, back = gift(ann, ben, "coin", 1, op_id=f"> {number}"), gift(ben, ann, "gem", 1, op_id=f"< {number}")
        outcomes = await asyncio.gather(exchanges.apply(there), exchanges.apply(back))
        assert sorted(outcome.value for outcome in outcomes) == ["done", "stale"]  # both start from the same inventory
        done += 1
    assert done == 10
    assert await total(profiles, "coin", ann, ben) == await total(profiles, "gem", ann, ben) == 100


async def test_a_ring_of_gifts_under_saves_and_claims_conserves(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    players = [await new_player(database, coin=20) for _ in range(5)]

    async def give_on(start: int) -> None:
        for step in range(12):
            giver, receiver = players[(start + step) % 5], players[(start + step + 1) % 5]
            exchange = gift(
                await reread(profiles, giver), await reread(profiles, receiver), "coin", 1, op_id=f"{start}/{step}"
            )
            await exchanges.apply(exchange)
            if step % 4 == start % 4:
                await profiles.claim(giver.player_id, NodeId("other"))

    await asyncio.gather(*(give_on(start) for start in range(5)))
    assert await total(profiles, "coin", *players) == 100


async def test_an_exchange_that_would_make_something_is_our_bug_and_changes_nothing(
    database: Database, profiles: Profiles, exchanges: Exchanges
) -> None:
    ann, ben = await new_player(database, coin=5), await new_player(database)
    fair = gift(ann, ben, "coin", 2, op_id="a")
    forged = Exchange("a", (fair.parties[1], msgspec.structs.replace(fair.parties[0], inventory=ann.inventory)), "copy")
    with capture_logs(), pytest.raises(ProfilesUnavailable, match="would become"):
        await exchanges.apply(forged)
    assert await exchanges.apply(fair) is DONE
    assert await total(profiles, "coin", ann, ben) == 5


async def test_support_staff_can_read_what_happened(database: Database, exchanges: Exchanges) -> None:
    from sqlalchemy import text

    ann, ben = await new_player(database, coin=5), await new_player(database)
    long = msgspec.structs.replace(gift(ann, ben, "coin", 2, op_id="a"), what="ü" * 400)
    await exchanges.apply(long)
    async with database.begin() as connection:
        row = (await connection.execute(text("SELECT op_id, player_id, other_id, what FROM exchange"))).one()
    assert tuple(row) == ("a", ann.player_id, ben.player_id, "ü" * 255)
