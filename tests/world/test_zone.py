"""A game's questions to its zone: what is near, what is in reach, what is removed."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.mistake import GameError
from gameserver.world.entity import Entity, Player
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState
from gameserver.world.zone import Zone, ZoneSpec
from tests.world.yard import settled, zone


def test_a_removed_thing_is_gone_and_removing_it_again_is_harmless() -> None:
    made = zone()
    stone = made.spawn("stone", 5, 5)
    settled(made)
    made.remove(stone)
    made.remove(stone)
    stone.x = 9
    assert not made.entities and not made._internals.changed and stone._cell is None
    with pytest.raises(Refusal) as caught:
        made.entity(stone.id)
    assert caught.value.code is RefusalCode.NO_SUCH_THING


def test_an_id_is_never_given_twice() -> None:
    made = zone()
    first = made.spawn("stone", 1, 1)
    made.remove(first)
    assert made.spawn("stone", 1, 1).id != first.id


def test_what_lies_near_may_be_removed_while_one_looks() -> None:
    made = zone()
    for _ in range(5):
        made.spawn("stone", 5, 5)
    settled(made)
    for stone in made.near(5, 5, 3):
        made.remove(stone)
    assert not made.entities


@given(
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 30)), max_size=20),
    st.floats(-10, 60),
    st.floats(-10, 40),
    st.floats(0, 40),
    st.sampled_from([0.0, 0.1, 0.4]),
)
def test_near_finds_all_within_the_radius(
    places: list[tuple[float, float]], x: float, y: float, radius: float, border_margin: float
) -> None:
    made = zone(border_margin)
    stones = [made.spawn("stone", *place) for place in places]
    settled(made)
    for stone in stones:  # to where their cells keep them, as far as can be
        cell = made._internals.grid.cell_at(stone.x, stone.y)
        made.move_to(stone, math.nextafter(cell.x_until, 0), math.nextafter(cell.y_until, 0))
    settled(made)
    expected = {stone.id for stone in stones if (stone.x - x) ** 2 + (stone.y - y) ** 2 <= radius * radius}
    assert {entity.id for entity in made.near(x, y, radius)} == expected


@pytest.mark.parametrize("border_margin", [-0.1, 0.5, math.nan])
def test_a_margin_that_would_hide_what_is_near_is_refused(border_margin: float) -> None:
    with pytest.raises(ValueError, match="border_margin"):
        ZoneSpec("z", border_margin=border_margin)


@pytest.mark.parametrize("refresh_ticks", [(), (1, 0), (-1,)])
def test_a_view_that_is_never_shown_is_refused(refresh_ticks: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="refresh_ticks"):
        ZoneSpec("z", refresh_ticks=refresh_ticks)


def test_near_finds_what_its_cell_keeps_beyond_the_border_and_what_comes_on_from_there() -> None:
    made = zone(border_margin=0.1)
    stone = made.spawn("stone", 9, 9)
    settled(made)
    made.move_to(stone, 10.9, 10.9)
    settled(made)
    assert list(made.near(11.5, 11.5, 0.9)) == [stone]
    made.move_to(stone, 11.8, 11.8)
    assert list(made.near(12.5, 12.5, 1)) == [stone]


def test_out_of_reach_is_told_from_not_there() -> None:
    made = zone()
    player = Player(PlayerId(1), "P", 0, 0, 0, PlayerState(), Scratch())
    made._internals.add(player)
    stone = made.spawn("stone", 3, 4)
    assert made.reach(player, stone.id, 5.0) is stone
    with pytest.raises(Refusal) as caught:
        made.reach(player, stone.id, 4.9)
    assert caught.value.code is RefusalCode.TOO_FAR


def test_what_is_out_of_view_answers_like_what_is_not_there() -> None:
    made = zone()
    player = Player(PlayerId(1), "P", 0, 5, 5, PlayerState(), Scratch())
    made._internals.add(player)
    stone, seen = made.spawn("stone", 45, 25), made.spawn("stone", 15, 15)
    settled(made)
    answers = []
    for entity_id in (stone.id, stone.id + 1000):
        with pytest.raises(Refusal) as caught:
            made.reach(player, entity_id, 4.0)
        answers.append((caught.value.code, caught.value.reason, caught.value.field, caught.value.retry_after_ms))
    assert answers[0] == answers[1]
    assert answers[0][0] is RefusalCode.NO_SUCH_THING
    with pytest.raises(Refusal) as caught:
        made.reach(player, seen.id, 4.0)
    assert caught.value.code is RefusalCode.TOO_FAR
    assert made.reach(player, stone.id, 100.0) is stone, "a game may reach farther than players see"


def test_an_undeclared_kind_is_a_bug_of_the_game() -> None:
    with pytest.raises(
        GameError, match=r"^tests/world/test_zone.py:\d+ zone.spawn: 'ston' is none .* kinds; write \"stone\"$"
    ):
        zone().spawn("ston", 1, 1)
    with pytest.raises(GameError, match=r"zone.spawn: 'dragon' is none of the game's kinds; add it to Game.kinds$"):
        zone().spawn("dragon", 1, 1)
    assert zone().kind_number("stone") == 1
    assert zone().kind_of(Entity(1, 0, 0)) == "stone"


def test_an_entitys_id_names_nothing_in_the_zone_of_another_process() -> None:
    mine, theirs = (Zone(ZoneSpec("z"), ("player", "stone"), 20, Random(seed), Scratch()) for seed in (1, 2))
    known = {mine.spawn("stone", 1, 1).id for _ in range(200)}
    assert known.isdisjoint({theirs.spawn("stone", 1, 1).id for _ in range(200)})
