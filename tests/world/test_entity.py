"""The entities of a zone: assignments note what changed, and a place that is none is refused."""

from __future__ import annotations

import math

import pytest

from gameserver.protocol.ids import PlayerId
from gameserver.world.entity import DISCONNECTED, Entity, Player, show_connected
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState
from tests.world.yard import settled, zone


def test_assigning_is_what_notes_a_change() -> None:
    made = zone()
    stone = made.spawn("stone", 1, 1)
    for name, value in (("x", 2.0), ("y", 2.0), ("facing", 300), ("status", 70_000)):
        assert made._internals.take_changed() == [stone], name
        setattr(stone, name, value)
    made._internals.take_changed()
    made.move_to(stone, 2, 3)
    assert made._internals.take_changed() == [stone]
    assert (stone.facing, stone.status) == (300 % 256, 70_000 & 0xFFFF)


def test_assigning_what_is_there_already_changes_nothing() -> None:
    made = zone()
    stone = made.spawn("stone", 50, 1)
    stone.facing, stone.status = 7, 9
    made._internals.take_changed()
    stone.x, stone.y, stone.facing, stone.status = 50, 1, 7 + 256, 9 + 65_536
    made.move_to(stone, 60, 1)  # against the wall
    assert made._internals.take_changed() == []


@pytest.mark.parametrize("place", [(math.nan, 1.0), (1.0, math.inf), (-math.inf, math.inf), (math.inf, math.inf)])
def test_a_move_to_a_place_that_is_none_is_refused_and_moves_nothing(place: tuple[float, float]) -> None:
    entity = Entity(0, 3.0, 4.0)
    with pytest.raises(ValueError, match="no place"):
        entity._move(*place)
    assert (entity.x, entity.y) == (3.0, 4.0)


@pytest.mark.parametrize("place", [(math.nan, 1.0), (1.0, math.nan)])
def test_a_place_that_is_none_is_refused_where_it_is_assigned(place: tuple[float, float]) -> None:
    made = settled(zone())
    stone = made.spawn("stone", 2, 3)
    with pytest.raises(ValueError, match="no place"):
        made.move_to(stone, *place)
    assert (stone.x, stone.y) == (2, 3)
    with pytest.raises(ValueError, match="no place"):
        made.spawn("stone", *place)
    assert list(made.entities.values()) == [stone]


@pytest.mark.parametrize(("direction", "facing"), [((1, 0), 0), ((0, 1), 64), ((-1, 0), 128), ((0, -5), 192)])
def test_facing_is_an_angle_in_256ths_of_a_turn(direction: tuple[float, float], facing: int) -> None:
    entity = Entity(0, 0, 0)
    entity.face(*direction)
    assert entity.facing == facing


def test_the_server_s_bit_of_status_leaves_the_game_s_alone() -> None:
    player = Player(PlayerId(1), "P", 0, 0, 0, PlayerState(), Scratch())
    player.status = 0b1010
    show_connected(player, False)
    assert player.status == 0b1010 | DISCONNECTED
    show_connected(player, True)
    assert player.status == 0b1010
