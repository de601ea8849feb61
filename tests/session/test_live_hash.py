"""Fields that a hash has lost, or that nobody can read, are taken from SQL and never made up."""

from __future__ import annotations

from typing import Any

import pytest

from gameserver.demo import Villager
from gameserver.profiles.records import Profile
from gameserver.session.record import fields_of, merge_newer
from gameserver.session.session import Dirty, Session
from gameserver.world.inventory import Holding
from gameserver.world.stored_state import StateUnreadable
from tests.session.standins import holdings, profile, session, state_of
from tests.session.test_record import live, opened, written

SAVED = profile(
    1, saved_seq=3, zone="meadow", x=1.0, y=2.0, facing=3, state=b'{"apples_eaten":4}',
    inventory=holdings(apple=(5, 5, 0), coin=(2, 2, 0)), inventory_seq=7,
)  # fmt: skip
PLACE, STATE, ITEMS = {"zone", "x", "y", "facing"}, {"state"}, {"inventory_seq", "kinds", "item:", "minted:", "burned:"}


def played_on() -> dict[str, str]:
    """The hash of the session, some time after the save."""
    one = session(saved=SAVED)
    player = one.player
    player.x, player.y, player.facing, state_of(one).apples_eaten = 10.0, 20.0, 30, 40
    player.inventory.add("coin", 100)
    player.inventory.add("flower", 9)
    player._internals.actions.finish(12, "stored")
    player._internals.speech.note("hello", 5)
    one.resume_hashes, one.tick = ("token",), 77
    return written(one)


def found(one: Session) -> dict[str, Any]:
    player = one.player
    return {
        "place": (one.zone, player.x, player.y, player.facing),
        "state": state_of(one).apples_eaten,
        "items": player.inventory.held(),
    }


NEWER = {"place": ("meadow", 10.0, 20.0, 30), "state": 40, "items": {"apple": 5, "coin": 102, "flower": 9}}
OLDER = {"place": ("meadow", 1.0, 2.0, 3), "state": 4, "items": {"apple": 5, "coin": 2}}


def expected(lost: str) -> dict[str, Any]:
    """Only the part of the lost field is SQL's."""
    if lost == "seq":  # then nobody knows how new the place and the state are
        return NEWER | {"place": OLDER["place"], "state": OLDER["state"]}
    part = "place" if lost in PLACE else "state" if lost in STATE else "items" if _is_of_items(lost) else None
    return NEWER | ({part: OLDER[part]} if part and lost != "kinds" else {})


def _is_of_items(name: str) -> bool:
    return name.startswith(tuple(ITEMS))


def test_a_whole_hash_is_taken_and_resumed() -> None:
    one = opened(SAVED, played_on())
    assert found(one) == NEWER and one.resume_hashes == ("token",) and one.dirty == Dirty.NOTHING


@pytest.mark.parametrize("lost", sorted(played_on()))
def test_the_part_of_which_a_field_is_lost_is_sql_s_and_the_next_write_brings_all_of_it(lost: str) -> None:
    fields = played_on()
    del fields[lost]
    one = opened(SAVED, fields)
    assert found(one) == expected(lost)
    assert one.dirty == Dirty.ALL, "the hash is not whole until it is written whole"
    again = opened(SAVED, live(one, fields, Dirty.NOTHING))
    assert found(again) == found(one) and again.dirty == Dirty.NOTHING


@pytest.mark.parametrize("lost", sorted(set(played_on()) - {"kinds"}))
def test_a_session_whose_hash_lost_a_field_is_not_resumed(lost: str) -> None:
    fields = played_on()
    del fields[lost]
    one = opened(SAVED, fields)
    assert one.resume_hashes == () and one.player._internals.actions.last_seq == 0


def test_a_hash_of_an_older_release_that_does_not_count_its_kinds_is_whole() -> None:
    fields = played_on()
    del fields["kinds"]
    one = opened(SAVED, fields)
    assert one.resume_hashes == ("token",) and one.player._internals.actions.last_seq == 12


@pytest.mark.parametrize("dirty", [Dirty.PLACE, Dirty.ITEMS, Dirty.STATE, Dirty.ACTIONS, Dirty.SPEECH, Dirty.STATUS])
def test_of_a_hash_that_vanished_and_was_written_to_once_only_what_is_there_counts(dirty: int) -> None:
    one = session(saved=SAVED)
    one.player.x, state_of(one).apples_eaten = 10.0, 40
    one.player.inventory.add("coin")
    one.dirty_kinds = {"coin"}
    read = opened(SAVED, written(one, dirty))
    state = 40 if dirty == Dirty.STATE else 4
    assert found(read) == OLDER | {"state": state}, "a place needs its zone, and items need all kinds"
    assert read.resume_hashes == ()


def test_items_that_sql_does_not_know_are_none_and_stay_none() -> None:
    """They were in a hash that lost others of the same inventory, so the inventory is SQL's."""
    fields = played_on()
    del fields["item:apple"]
    one = opened(SAVED, fields)
    assert one.player.inventory._holdings["flower"] == Holding()
    again = opened(SAVED, live(one, fields, Dirty.NOTHING))
    assert again.player.inventory.held() == OLDER["items"]


UNREADABLE = {
    "x": "east", "facing": "1.5", "state": "{", "item:apple": "many", "inventory_seq": "", "actions": "line x",
    "seq": "new", "chat": "[",
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_counts_as_lost(name: str) -> None:
    one = opened(SAVED, played_on() | {name: UNREADABLE[name]})
    assert found(one) == expected(name)
    assert one.resume_hashes == () and one.dirty == Dirty.ALL


class Upgraded(Villager):
    version = 2

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        raise KeyError("a bug of the game")


def test_a_state_that_the_game_cannot_take_is_not_replaced_by_an_older_one() -> None:
    with pytest.raises(StateUnreadable, match="a bug of the game"):
        merge_newer(session(saved=SAVED), played_on(), Upgraded)


def test_the_number_of_fields_is_that_of_the_hash() -> None:
    saved: Profile = SAVED
    one = session(saved=saved)
    fields = written(one)
    assert fields_of(one) == len(fields)
    one.player.inventory.add("flower")
    one.dirty_kinds = {"flower"}
    assert fields_of(one) == len(fields), "not written yet"
    fields = live(one, fields, Dirty.ITEMS)
    assert fields_of(one) == len(fields)
    assert fields_of(opened(saved, fields)) == len(fields)
    fields["of_tomorrow"] = "7"
    assert fields_of(opened(saved, fields)) == len(fields), "what another release wrote is missed, too"
