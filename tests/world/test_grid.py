"""The cells of the grid, and the places in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.world.grid import Grid
from gameserver.world.zone_size import CELLS_PER_SIDE_MAX
from tests.world.yard import zone


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
