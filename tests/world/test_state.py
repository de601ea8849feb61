"""The game's own state of a player outlives releases, and knows when it was assigned."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from gameserver.protocol.ids import PlayerId
from gameserver.world.entity import Player
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState, decode_state, encode_state, fields_of, note_kept, was_assigned


class Now(PlayerState):
    version = 2
    gold: int = 0
    title: str = "none"

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        return {"gold": fields.get("copper", 0) // 100} if version == 1 else fields


def test_state_is_read_as_it_was_written() -> None:
    state = Now(gold=3, title="Sir")
    assert decode_state(Now, encode_state(state)) == state
    assert fields_of(state) == {"gold": 3, "title": "Sir"}


def test_state_of_an_older_version_is_upgraded() -> None:
    assert decode_state(Now, b'{"version":1,"copper":250}') == Now(gold=2)


def test_fields_of_a_newer_version_are_left_alone() -> None:
    assert decode_state(Now, b'{"version":3,"gold":4,"horse":"Bill"}') == Now(gold=4)


@pytest.mark.parametrize("stored", [b"", b"{}", "{}"])
def test_no_state_is_the_default_state(stored: bytes | str) -> None:
    assert decode_state(Now, stored) == Now()


def test_state_that_does_not_fit_is_an_error() -> None:
    with pytest.raises(msgspec.ValidationError):
        decode_state(Now, b'{"version":2,"gold":"many"}')


def test_assigning_a_field_is_noted_until_it_is_kept() -> None:
    state = Now()
    assert (was_assigned(state), fields_of(state)) == (False, {"gold": 0, "title": "none"})
    state.gold = 1
    assert (was_assigned(state), fields_of(state)) == (True, {"gold": 1, "title": "none"})
    note_kept(state)
    assert (was_assigned(state), fields_of(state)) == (False, {"gold": 1, "title": "none"})


class First(PlayerState):
    score: int = 0


class Second(PlayerState):
    score: int = 0
    gold: int = 10


def test_a_field_that_a_version_does_not_know_survives_its_changes() -> None:
    richer = Second(gold=500)
    older = decode_state(First, encode_state(richer))
    older.score = 7
    assert decode_state(Second, encode_state(older)) == Second(score=7, gold=500)
    assert fields_of(older) == {"score": 7}


def test_a_field_that_was_removed_comes_back_with_the_version_that_has_it() -> None:
    without = decode_state(First, encode_state(Second(gold=500)))
    assert decode_state(Second, encode_state(decode_state(First, encode_state(without)))).gold == 500


class Horse(msgspec.Struct, frozen=True):
    name: str


class NewHorse(msgspec.Struct, frozen=True):
    name: str
    speed: int = 1


class Rider(PlayerState):
    horses: tuple[Horse, ...] = ()
    miles: int = 0


class NewRider(PlayerState):
    horses: tuple[NewHorse, ...] = ()
    miles: int = 0


def test_fields_inside_a_value_survive_until_the_value_is_assigned() -> None:
    older = decode_state(Rider, encode_state(NewRider(horses=(NewHorse("Bill", 9),))))
    older.miles = 5
    assert decode_state(NewRider, encode_state(older)) == NewRider(horses=(NewHorse("Bill", 9),), miles=5)
    older.horses = (Horse("Jill"),)
    assert decode_state(NewRider, encode_state(older)).horses == (NewHorse("Jill", 1),)


def test_a_state_of_a_newer_version_stays_of_that_version_and_is_upgraded_by_nobody() -> None:
    class Older(PlayerState):
        copper: int = 0

        @classmethod
        def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
            raise AssertionError("this is no older version")

    older = decode_state(Older, encode_state(Now(gold=4, title="Sir")))
    older.copper = 250
    assert decode_state(Now, encode_state(older)) == Now(gold=4, title="Sir")


def test_what_an_upgrade_drops_is_not_carried_along() -> None:
    assert msgspec.json.decode(encode_state(decode_state(Now, b'{"version":1,"copper":250}'))) == {
        "version": 2,
        "gold": 2,
        "title": "none",
    }


def test_a_state_that_takes_the_place_of_another_carries_the_same_along() -> None:
    player = Player(PlayerId(1), "Ann", 0, 0.0, 0.0, decode_state(First, encode_state(Second(gold=500))), Scratch())
    player.state = First(score=1)
    assert decode_state(Second, encode_state(player.state)) == Second(score=1, gold=500)
    player.state = decode_state(First, encode_state(Second(gold=600)))  # as one that was stored later is
    assert decode_state(Second, encode_state(player.state)) == Second(gold=600)
