"""A session is read back from Redis as it was written, and of Redis and SQL the newer part wins, each by itself."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.demo import Villager
from gameserver.live.batch import Batch
from gameserver.profiles.records import Profile, Save
from gameserver.protocol.errors import RefusalCode
from gameserver.session.record import first_fields, merge_newer, player_of, to_save, waits_for_client_of, write_changes
from gameserver.session.session import Dirty, Session
from gameserver.world.inventory import Holding
from gameserver.world.state import decode_state
from tests.session.standins import holdings, profile, session, state_of, unpacked

KINDS = st.text(min_size=1, max_size=8).filter(lambda kind: kind.isprintable())
HOLDINGS = st.dictionaries(KINDS, st.builds(Holding, *[st.integers(0, 10**9)] * 3), max_size=5)


def command_of(one: Session) -> bytes:
    batch = Batch()
    write_changes(one, batch)
    ((player, command),) = batch
    assert player == one.player_id
    return command


def written(one: Session, dirty: int = Dirty.ALL) -> dict[str, str]:
    one.dirty |= dirty
    return unpacked(command_of(one))[1]


def live(one: Session, hash_fields: dict[str, str], dirty: int = Dirty.ALL) -> dict[str, str]:
    """The hash after one more write."""
    return hash_fields | written(one, dirty)


def as_profile(save: Save) -> Profile:
    """Return SQL's profile after the save."""
    return profile(
        save.player_id, saved_seq=save.seq, zone=save.zone, x=save.x, y=save.y, facing=save.facing, state=save.state,
        inventory=save.inventory, inventory_seq=save.inventory_seq,
    )  # fmt: skip


def opened(saved: Profile, hash_fields: dict[str, str]) -> Session:
    """Open a session as Opener does."""
    one = session(saved=saved)
    first_fields(one)
    one.dirty = Dirty.NOTHING
    merge_newer(one, hash_fields, Villager)
    return one


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.integers(0, 255), HOLDINGS, st.integers(0, 10**6), st.text(max_size=50))
def test_what_is_written_is_read_back(
    x: float, y: float, facing: int, held: dict[str, Holding], eaten: int, said: str
) -> None:
    saved = profile(1, x=x, y=y, facing=facing, inventory=held, inventory_seq=3)
    one = session(saved=saved)
    state_of(one).apples_eaten = eaten
    one.player._internals.actions.finish(3, RefusalCode.TOO_FAR)
    one.player._internals.speech.note(said, 5)
    one.resume_hashes = ("a", "b")
    one.tick = 1
    read = opened(profile(1), written(one))
    assert (read.player.x, read.player.y) == pytest.approx((x, y), abs=1e-4)
    assert (read.player.facing, read.player.state, read.zone) == (facing, Villager(apples_eaten=eaten), "meadow")
    assert (read.player.inventory._holdings, read.player.inventory._seq) == (held, 3)
    assert read.player._internals.actions.encode() == one.player._internals.actions.encode()
    assert read.player._internals.speech.record == one.player._internals.speech.record
    assert read.resume_hashes == ("a", "b")
    assert read.seq >= one.seq and not read.player.is_new


def test_only_what_is_dirty_is_written_and_only_once() -> None:
    one = session()
    one.player.inventory.add("coin")
    one.player.inventory.add("apple")
    one.dirty_kinds = {"coin"}
    coin = {"item:coin", "minted:coin", "burned:coin"}
    assert set(written(one, Dirty.ITEMS)) == {"seq", "tick", "inventory_seq", "kinds"} | coin
    assert written(one, Dirty.NOTHING) == {"seq": "2", "tick": "0"}


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.integers(0, 255), st.integers(0, 10**12))
def test_one_who_only_moved_is_written_as_any_other(x: float, y: float, facing: int, seq: int) -> None:
    """Though it is packed in another way."""
    for number in (1, 1234567):
        one = session(number, saved=profile(number, x=x, y=y, facing=facing, saved_seq=seq))
        one.tick = 99
        one.dirty = Dirty.PLACE | Dirty.SPEECH
        key, other = unpacked(command_of(one))
        for _ in range(2):
            one.dirty, one.seq = Dirty.PLACE, seq
            assert unpacked(command_of(one)) == (key, {name: other[name] for name in other if name != "chat"})
            assert (one.dirty, one.seq) == (Dirty.NOTHING, seq + 1)


def test_everything_is_everything_also_when_some_kinds_are_noted() -> None:
    one = session()
    one.player.inventory.add("coin")
    one.player.inventory.add("apple")
    one.dirty_kinds = {"coin"}
    assert {"item:coin", "item:apple"} <= first_fields(one).keys()


@pytest.mark.parametrize("redis_place_is_newer", [True, False])
@pytest.mark.parametrize("redis_items_are_newer", [True, False])
def test_of_place_and_items_the_newer_wins_each_by_itself(
    redis_place_is_newer: bool, redis_items_are_newer: bool
) -> None:
    redis_seq, redis_inventory_seq = (9 if redis_place_is_newer else 7), (6 if redis_items_are_newer else 4)
    hash_fields = {
        "seq": str(redis_seq), "x": "1.0", "y": "1.0", "facing": "1", "state": '{"apples_eaten":1}', "zone": "redis",
        "inventory_seq": str(redis_inventory_seq), "item:coin": "1", "minted:coin": "1", "burned:coin": "0",
    }  # fmt: skip
    saved = profile(
        1, saved_seq=8, zone="sql", x=2.0, y=2.0, facing=2, state=b'{"apples_eaten":2}',
        inventory=holdings(coin=(2, 2, 0)), inventory_seq=5,
    )  # fmt: skip
    one = opened(saved, hash_fields)
    place = (one.player.x, one.player.y, one.player.facing, state_of(one).apples_eaten, one.zone)
    assert place == ((1.0, 1.0, 1, 1, "redis") if redis_place_is_newer else (2.0, 2.0, 2, 2, "sql"))
    assert one.player.inventory.quantity("coin") == (1 if redis_items_are_newer else 2)
    assert one.seq >= max(redis_seq, 8)


def test_a_tie_is_sql_s_because_it_may_have_saved_what_redis_never_got() -> None:
    one = session()
    hash_fields = written(one)
    one.player.x = 5.0  # and Redis goes away
    assert opened(as_profile(to_save(one)), hash_fields).player.x == 5.0


def test_items_taken_from_sql_are_written_whole_before_any_newer_sequence_can_hide_old_ones() -> None:
    one = session()
    one.player.inventory.add("coin", 5)
    hash_fields = written(one)
    after = msgspec.structs.replace(
        to_save(one), inventory_seq=one.player.inventory._seq + 1, inventory=holdings(coin=(3, 5, 0))
    )  # two were given away in SQL, and the process died before Redis heard of it
    second = opened(as_profile(after), hash_fields)
    assert second.player.inventory.quantity("coin") == 3
    second.player.inventory.add("apple")
    second.dirty_kinds.add("apple")
    hash_fields = live(second, hash_fields, Dirty.ITEMS)
    third = opened(as_profile(after), hash_fields)  # and dies again
    assert third.player.inventory.held() == {"coin": 3, "apple": 1}


def test_a_session_that_sql_had_more_of_than_redis_is_not_resumed() -> None:
    """An action that Redis never heard of is in the save: sent again, it would be applied again."""
    one = session()
    one.resume_hashes = ("token",)
    one.player._internals.actions.finish(1, "stored")
    hash_fields = written(one)
    one.player.inventory.add("coin")
    one.player._internals.actions.finish(2, "stored")
    one.dirty = Dirty.ITEMS | Dirty.ACTIONS  # its write is lost with the node, the save is not
    second = opened(as_profile(to_save(one)), hash_fields)
    assert second.player.inventory.quantity("coin") == 1
    assert second.resume_hashes == () and second.player._internals.actions.last_seq == 0


def test_a_session_of_which_sql_has_one_exchange_more_is_resumed() -> None:
    one = session()
    one.resume_hashes = ("token",)
    one.player.inventory.add("coin", 5)
    hash_fields = written(one)
    after = msgspec.structs.replace(to_save(one), seq=0, inventory_seq=2, inventory=holdings(coin=(3, 5, 0)))
    assert opened(as_profile(after), hash_fields).resume_hashes == ("token",)
    after = msgspec.structs.replace(after, inventory_seq=3)  # and what came before it is not in Redis either
    assert opened(as_profile(after), hash_fields).resume_hashes == ()


def test_a_save_of_what_redis_was_not_sent_has_a_seq_of_its_own() -> None:
    one = session()
    written(one)
    assert to_save(one).seq == 1
    one.dirty = Dirty.PLACE
    assert to_save(one).seq == 2


def test_a_place_taken_from_sql_is_written_with_its_state() -> None:
    one = session()
    hash_fields = written(one)
    state_of(one).apples_eaten = 4
    one.seq += 5
    second = opened(as_profile(to_save(one)), hash_fields)
    hash_fields = live(second, hash_fields, Dirty.PLACE)
    assert state_of(opened(profile(1), hash_fields)).apples_eaten == 4


def test_a_player_whose_node_died_before_its_first_tick_is_still_new() -> None:
    one = session(saved=profile(1))
    assert opened(profile(1), written(one)).player.is_new
    one.tick = 1
    assert not opened(profile(1), written(one)).player.is_new


def test_a_player_whose_next_node_dies_before_its_first_tick_is_not_new() -> None:
    one = session(saved=profile(1))
    one.tick = 7
    second = opened(profile(1), written(one))
    assert not opened(profile(1), live(second, written(one), Dirty.STATUS)).player.is_new


def test_a_player_never_saved_is_new_and_one_that_was_is_not() -> None:
    assert player_of(profile(1), 0, Villager).is_new
    assert not player_of(profile(1, zone="meadow"), 0, Villager).is_new


def test_a_save_is_a_copy_that_later_changes_do_not_touch() -> None:
    one = session()
    one.player.inventory.add("coin")
    save = to_save(one)
    one.player.inventory.add("coin")
    state_of(one).apples_eaten = 9
    assert save.inventory["coin"].quantity == 1 and decode_state(Villager, save.state).apples_eaten == 0


@pytest.mark.parametrize("nowhere", ["nan", "inf", "-inf"])
def test_a_place_that_is_no_number_is_not_taken_from_redis(nowhere: str) -> None:
    saved = profile(1, saved_seq=3, zone="meadow", x=5.0, y=6.0)
    read = opened(saved, written(session(saved=saved)) | {"seq": "9", "x": nowhere})
    assert (read.player.x, read.player.y, read.seq) == (5.0, 6.0, 9)


@pytest.mark.parametrize(
    ("live", "waits"),
    [
        ({"status": "disconnected", "resume": "ours"}, True),
        ({"status": "disconnected", "resume": ""}, True),  # nobody may resume it, and nobody signed in either
        ({"status": "disconnected", "resume": "theirs ours"}, False),  # somebody came, and is gone again
        ({"status": "active", "resume": "ours"}, False),  # nobody has said yet that it waits
        ({}, False),
    ],
)
def test_a_session_waits_for_its_client_while_nobody_has_come_for_it(live: dict[str, str], waits: bool) -> None:
    one = session(1)
    one.resume_hashes = ("ours", "before")
    assert waits_for_client_of(one, live) is waits
