"""A game's questions to its zone, and the grid's cells of positions."""

from __future__ import annotations

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.mistake import GameError
from gameserver.world.entity import DISCONNECTED, Entity, Player
from gameserver.world.grid import Grid
from gameserver.world.scratch import Scratch
from gameserver.world.speech import LINES_BURST, LINES_PER_S, Speech
from gameserver.world.state import PlayerState
from gameserver.world.zone import Zone, ZoneSpec
from gameserver.world.zone_size import CELLS_PER_SIDE_MAX


def zone(border_margin: float = 0.1) -> Zone:
    spec = ZoneSpec("z", width=50.0, height=30.0, cell_size=10.0, border_margin=border_margin)
    return Zone(spec, ("player", "stone"), 20, Random(1), Scratch())


def settled(made: Zone) -> Zone:
    """Settle the zone as at the end of a tick."""
    made.grid.settle(made.take_changed())
    made.grid.forget_changes()
    return made


def test_a_removed_thing_is_gone_and_removing_it_again_is_harmless() -> None:
    made = zone()
    stone = made.spawn("stone", 5, 5)
    settled(made)
    made.remove(stone)
    made.remove(stone)
    stone.x = 9
    assert not made.entities and not made.changed and stone.cell is None
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
        cell = made.grid.cell_at(stone.x, stone.y)
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
    made.add(player)
    stone = made.spawn("stone", 3, 4)
    assert made.reach(player, stone.id, 5.0) is stone
    with pytest.raises(Refusal) as caught:
        made.reach(player, stone.id, 4.9)
    assert caught.value.code is RefusalCode.TOO_FAR


def test_what_is_out_of_view_answers_like_what_is_not_there() -> None:
    made = zone()
    player = Player(PlayerId(1), "P", 0, 5, 5, PlayerState(), Scratch())
    made.add(player)
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


@given(st.floats(allow_nan=False), st.floats(allow_nan=False))
def test_every_place_is_brought_inside(x: float, y: float) -> None:
    inside_x, inside_y = zone().clamp(x, y)
    assert 0 <= inside_x <= 50 and 0 <= inside_y <= 30


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_every_place_has_a_cell_and_a_neighbourhood_within_the_grid(x: float, y: float) -> None:
    grid = Grid(50, 30, 10)
    cell = grid.cell_at(x, y)
    assert cell in cell.view
    assert all(
        abs(near.place[0] - cell.place[0]) <= 1 and abs(near.place[1] - cell.place[1]) <= 1 for near in cell.view
    )
    assert len(cell.view) >= 4


def test_the_far_edge_belongs_to_the_last_cell() -> None:
    grid = Grid(50, 30, 10)
    assert (grid.columns, grid.rows) == (5, 3)
    assert grid.cell_at(50, 30).place == (4, 2)
    assert Grid(51, 30, 10).columns == 6


def test_a_grid_too_fine_for_the_wire_is_refused() -> None:
    with pytest.raises(ValueError, match="cell_size"):
        Grid(CELLS_PER_SIDE_MAX + 1.0, 1, 1)


def test_assigning_is_what_notes_a_change() -> None:
    made = zone()
    stone = made.spawn("stone", 1, 1)
    for name, value in (("x", 2.0), ("y", 2.0), ("facing", 300), ("status", 70_000)):
        assert made.take_changed() == [stone], name
        setattr(stone, name, value)
    made.take_changed()
    made.move_to(stone, 2, 3)
    assert made.take_changed() == [stone]
    assert (stone.facing, stone.status) == (300 % 256, 70_000 & 0xFFFF)


def test_assigning_what_is_there_already_changes_nothing() -> None:
    made = zone()
    stone = made.spawn("stone", 50, 1)
    stone.facing, stone.status = 7, 9
    made.take_changed()
    stone.x, stone.y, stone.facing, stone.status = 50, 1, 7 + 256, 9 + 65_536
    made.move_to(stone, 60, 1)  # against the wall
    assert made.take_changed() == []


@pytest.mark.parametrize("place", [(math.nan, 1.0), (1.0, math.inf), (-math.inf, math.inf), (math.inf, math.inf)])
def test_a_move_to_a_place_that_is_none_is_refused_and_moves_nothing(place: tuple[float, float]) -> None:
    entity = Entity(0, 3.0, 4.0)
    with pytest.raises(ValueError, match="no place"):
        entity.move(*place)
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
    player.show_connected(False)
    assert player.status == 0b1010 | DISCONNECTED
    player.show_connected(True)
    assert player.status == 0b1010


def test_a_player_may_say_some_lines_at_once_and_then_one_a_second() -> None:
    speech = Speech()
    for at_ms in range(LINES_BURST):
        assert speech.wait_ms(at_ms) == 0
        speech.note("hi", at_ms)
    assert speech.wait_ms(LINES_BURST) == round(1000 / LINES_PER_S) - LINES_BURST
    assert speech.wait_ms(round(1000 / LINES_PER_S)) == 0
    assert (speech.record.said, speech.record.last, speech.changed) == (LINES_BURST, "hi", True)


def test_a_clock_that_went_back_silences_nobody_and_the_budget_holds_again_after() -> None:
    speech = Speech()
    for _ in range(LINES_BURST):
        speech.note("hi", 3_600_000)
    for _ in range(LINES_BURST):
        assert speech.wait_ms(1_000) == 0
        speech.note("hi", 1_000)
    assert speech.wait_ms(1_001) == round(1000 / LINES_PER_S) - 1


def test_an_entitys_id_names_nothing_in_the_zone_of_another_process() -> None:
    mine, theirs = (Zone(ZoneSpec("z"), ("player", "stone"), 20, Random(seed), Scratch()) for seed in (1, 2))
    known = {mine.spawn("stone", 1, 1).id for _ in range(200)}
    assert known.isdisjoint({theirs.spawn("stone", 1, 1).id for _ in range(200)})
