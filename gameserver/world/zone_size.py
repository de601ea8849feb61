"""The sizes a zone can have: they fit the wire and the grid, and are sizes at all."""

from __future__ import annotations

from math import ceil, isfinite
from typing import Any, Final

from gameserver.protocol.label import LABEL_RULE, is_label
from gameserver.protocol.mistake import GameValueError, place_of_caller, shown

SIDE_MAX: Final = 1_000_000.0  # world units: a place travels as a 32-bit float, which then still has steps of 1/16
CELLS_PER_SIDE_MAX: Final = 32_767  # cell coordinates travel as i16
CELLS_MAX: Final = 250_000  # of a zone; each takes memory from the start
SIGHT_MAX: Final = 16  # cells; more than that is everything


def check_zone(spec: Any) -> None:
    """Raise GameError if the ZoneSpec is none of a zone."""
    if not is_label(spec.name):
        raise _wrong(spec, "name", LABEL_RULE)
    for side in ("width", "height"):
        if not (_is_number(getattr(spec, side)) and 0 < getattr(spec, side) <= SIDE_MAX):
            raise _wrong(spec, side, f"write a number above 0, at most {SIDE_MAX:.0f}")
    if not (_is_number(spec.cell_size) and spec.cell_size > 0):
        raise _wrong(spec, "cell_size", "write a number above 0: about as far as players see")
    if not (_is_number(spec.border_margin) and 0 <= spec.border_margin < 0.5):
        raise _wrong(spec, "border_margin", "write a fraction of a cell, at least 0 and below 0.5")
    if not (isinstance(spec.refresh_ticks, tuple) and 0 < len(spec.refresh_ticks) <= SIGHT_MAX):
        raise _wrong(spec, "refresh_ticks", f"write a tuple of 1 to {SIGHT_MAX} numbers of ticks: (1, 1)")
    if any(type(ticks) is not int or ticks < 1 for ticks in spec.refresh_ticks):
        raise _wrong(spec, "refresh_ticks", "write a number of ticks, at least 1, for each distance")
    _check_cells(spec)


def _check_cells(spec: Any) -> None:
    if not isfinite(max(spec.width, spec.height) / spec.cell_size):
        raise _wrong(spec, "cell_size", f"make it larger: that is too many cells, and at most {CELLS_MAX} can be had")
    columns, rows = ceil(spec.width / spec.cell_size), ceil(spec.height / spec.cell_size)
    cells = columns * rows
    if cells > CELLS_MAX or max(columns, rows) > CELLS_PER_SIDE_MAX:
        raise _wrong(spec, "cell_size", f"make it larger: that is {cells} cells, and at most {CELLS_MAX} can be had")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _wrong(spec: Any, field: str, remedy: str) -> GameValueError:
    where = place_of_caller(f"ZoneSpec {shown(spec.name)}")
    return GameValueError(where, f"{field} is {shown(getattr(spec, field))}", remedy)
