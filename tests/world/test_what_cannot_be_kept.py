"""A value that could not be read back is refused."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest

from gameserver.protocol.errors import RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.mistake import GameError
from gameserver.world.action_log import ActionLog
from gameserver.world.entity import Entity, Player, records
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState, decode_state, encode_state
from gameserver.world.zone import Zone, ZoneSpec


class Purse(PlayerState):
    weight: float = 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_refused_where_it_is_assigned(value: float) -> None:
    purse = Purse()
    with pytest.raises(ValueError, match="weight"):
        purse.weight = value
    assert decode_state(Purse, encode_state(purse)) == purse


def test_a_refusal_that_only_another_release_knows_is_still_a_refusal() -> None:
    log = ActionLog.decode("lineage 2 1:stored 2:a_code_of_tomorrow")
    assert log.answer_to(1) == "stored"
    assert log.answer_to(2) is RefusalCode.INTERNAL


def in_zone(entity: Entity) -> Zone:
    zone = Zone(ZoneSpec("z", width=50.0, height=30.0), ("player", "stone"), 20, Random(1), Scratch())
    zone._internals.add(entity)
    return zone


@pytest.mark.parametrize(
    ("name", "value", "becomes"),
    [("x", 5000.0, 50.0), ("x", -3.0, 0.0), ("y", 31.0, 30.0), ("y", -1e300, 0.0), ("x", 7, 7.0)],
)
def test_a_place_outside_the_zone_becomes_the_nearest_inside_where_it_is_assigned(
    name: str, value: float, becomes: float
) -> None:
    entity = Entity(0, 3.0, 4.0)
    in_zone(entity)
    setattr(entity, name, value)
    assert getattr(entity, name) == becomes
    assert records([entity])


@pytest.mark.parametrize("value", [True, Decimal("7.5"), Fraction(1, 3), 7], ids=repr)
def test_a_place_is_a_float_whatever_number_was_assigned(value: Any) -> None:
    entity = Entity(0, 3.0, 4.0)
    in_zone(entity)
    entity.x = value
    entity.y = value
    assert (type(entity.x), type(entity.y)) == (float, float)
    assert entity.x == entity.y == float(value)
    assert type(Entity(0, value, value).x) is float


def test_an_inventory_is_changed_and_never_replaced() -> None:
    player = Player(PlayerId(1), "Ann", 0, 3.0, 4.0, Purse(), Scratch())
    with pytest.raises(AttributeError):
        player.inventory = {}  # type: ignore[misc, assignment]
    assert player.inventory.held() == {}


def test_a_field_of_a_state_is_never_deleted() -> None:
    purse = Purse(weight=3.0)
    with pytest.raises(GameError, match=r"Purse\.weight: cannot be deleted; assign a float"):
        del purse.weight
    assert purse.weight == 3.0 and decode_state(Purse, encode_state(purse)) == purse


def test_a_player_who_is_at_the_border_already_does_not_move_by_being_sent_beyond_it() -> None:
    entity = Entity(0, 50.0, 4.0)
    zone = in_zone(entity)
    zone._internals.take_changed()
    entity.x = 5000.0
    assert zone._internals.take_changed() == []


@pytest.mark.plain  # compiled, the message about a wrong type is mypyc's
@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("facing", 1.5, "round"),
        ("facing", "north", "whole number"),
        ("status", 2.5, "round"),
        ("status", None, "whole number"),
        ("kind", 300, "kind"),
        ("kind", -1, "kind"),
        ("kind", "stone", "whole number"),
        ("name", 7, "text"),
        ("name", None, "text"),
        ("name", "\ud800", "not UTF-8"),
        ("name", "x" * 257, "at most 256 characters"),
        ("x", "far", "not supported"),
        ("y", None, "not supported"),
        ("x", math.nan, "no place"),
        ("y", math.inf, "no place"),
    ],
)
def test_a_value_that_cannot_be_shown_raises_where_it_is_assigned_and_changes_nothing(
    name: str, value: object, told: str
) -> None:
    entity = Entity(0, 3.0, 4.0, "a stone")
    zone = in_zone(entity)
    zone._internals.take_changed()
    before = records([entity])
    with pytest.raises((TypeError, ValueError), match=told):
        setattr(entity, name, value)
    assert records([entity]) == before and entity.name == "a stone" and zone._internals.take_changed() == []


def test_a_new_kind_is_shown_at_the_end_of_the_tick() -> None:
    entity = Entity(0, 3.0, 4.0)
    zone = in_zone(entity)
    zone._internals.take_changed()
    entity.kind = 1
    assert zone._internals.take_changed() == [entity] and zone.kind_of(entity) == "stone"


@pytest.mark.parametrize("name", [7, None, b"stone"])
def test_a_thing_whose_name_is_no_text_is_not_spawned(name: object) -> None:
    zone = in_zone(Entity(0, 3.0, 4.0))
    with pytest.raises(TypeError):
        zone.spawn("stone", 1, 1, name=name)  # type: ignore[arg-type]
    assert len(zone.entities) == 1
