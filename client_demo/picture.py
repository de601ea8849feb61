"""The map as characters: what stands where around the player, as rows of (character, colour).

Pure. One world unit is two columns or one row, which is about square in a terminal. Rows and columns are cut from the
world's own grid, so that the ground stands still while the player walks over it.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from gameserver.client import Entity, World

COLUMNS_PER_UNIT = 2
LABEL_MAX = 14
ME_COLOUR = "bold #ffe66d"
OUTSIDE, FENCE = ("·", "#1c1c22"), ("#", "#6b5335")
_GRASS = {0: ('"', "#3b6b3b"), 1: (",", "#2f5a34"), 2: (".", "#33552f"), 3: ("'", "#2c4a2e")}
_PLAYER_COLOURS = ("#7fdbff", "#b0a1ff", "#ffb3ba", "#9be29b", "#ffcf8f", "#e0a3ff", "#a3f0e0", "#f0e68c")

Cell = tuple[str, str]  # one character and its style


@dataclass(frozen=True)
class Glyphs:
    """One character for each kind; ``other`` for kinds this program does not know."""

    of: Mapping[str, Cell]
    other: Cell = ("?", "#aaaaaa")


PRETTY = Glyphs(
    {
        "player": ("@", "#7fdbff"),
        "apple": ("●", "#ff5c57"),
        "coin": ("◆", "#f7c948"),
        "flower": ("✿", "#ff8ad8"),
        "butterfly": ("ж", "#8be9fd"),
    }
)
PLAIN = Glyphs(
    {
        "player": ("@", "#7fdbff"),
        "apple": ("o", "#ff5c57"),
        "coin": ("$", "#f7c948"),
        "flower": ("*", "#ff8ad8"),
        "butterfly": ("w", "#8be9fd"),
    }
)


def draw(
    world: World, me: Entity, names: Mapping[int, str], columns: int, rows: int, glyphs: Glyphs = PRETTY
) -> list[list[Cell]]:
    """``rows`` rows of ``columns`` cells with ``me`` in the middle."""
    left = math.floor(me.x * COLUMNS_PER_UNIT) - columns // 2
    top = math.floor(me.y) - rows // 2
    zone = world.zone
    end_column = math.ceil(zone.width * COLUMNS_PER_UNIT) if zone else 0
    end_row = math.ceil(zone.height) if zone else 0
    picture = [
        [_ground(column, row, end_column, end_row) for column in range(left, left + columns)]
        for row in range(top, top + rows)
    ]
    reach = math.hypot(columns / COLUMNS_PER_UNIT, rows)
    shown = world.near(me.x, me.y, reach)
    for entity in sorted(shown, key=_is_player):  # players on top of what lies about
        column, row = math.floor(entity.x * COLUMNS_PER_UNIT) - left, math.floor(entity.y) - top
        if not (0 <= column < columns and 0 <= row < rows):
            continue
        is_me = entity.id == me.id
        picture[row][column] = _figure(entity, is_me, glyphs)
        if _is_player(entity) and not is_me and entity.id in names:
            _label(picture, column, row, names[entity.id], player_colour(names[entity.id]))
    _put(picture, columns // 2, rows // 2, ("@", ME_COLOUR))
    return picture


def player_colour(name: str) -> str:
    """The same for a name wherever it is shown."""
    return _PLAYER_COLOURS[zlib.crc32(name.encode()) % len(_PLAYER_COLOURS)]


def _is_player(entity: Entity) -> bool:
    return entity.kind == "player"


def _figure(entity: Entity, is_me: bool, glyphs: Glyphs) -> Cell:
    if is_me:
        return "@", ME_COLOUR
    return glyphs.of.get(entity.kind, glyphs.other)


def _ground(column: int, row: int, end_column: int, end_row: int) -> Cell:
    if 0 <= column < end_column and 0 <= row < end_row:
        return _GRASS.get((column * 7919 ^ row * 104_729) % 23, (" ", ""))
    if -2 <= column < end_column + 2 and -1 <= row < end_row + 1:
        return FENCE
    return OUTSIDE


def _label(picture: list[list[Cell]], column: int, row: int, name: str, colour: str) -> None:
    """The name above its player, below where there is no above."""
    label = name if len(name) <= LABEL_MAX else name[: LABEL_MAX - 1] + "…"
    first = column - len(label) // 2
    at_row = row - 1 if row else row + 1
    picture[row][column] = (picture[row][column][0], colour)
    for place, character in enumerate(label):
        _put(picture, first + place, at_row, (character, f"italic {colour}"))


def _put(picture: list[list[Cell]], column: int, row: int, cell: Cell) -> None:
    if 0 <= row < len(picture) and 0 <= column < len(picture[row]):
        picture[row][column] = cell
