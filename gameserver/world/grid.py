"""Cells of a zone and who looks at which. A viewer sees the 3 × 3 cells around the cell it stands in.

What changed is noted per cell once, so the cost of a tick follows what changed, not who watches; what a viewer receives
follows what is near it, not how many are in the zone.
"""

from __future__ import annotations

from collections.abc import Iterator

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.world.entity import Entity

CELLS_PER_SIDE_MAX = 32_767  # cell coordinates travel as i16


class Cell:
    """A square of the zone: what is in it, what changed in it this tick, who stands in it and looks."""

    __slots__ = ("changed", "entities", "left", "neighbours", "place", "viewers")

    def __init__(self, place: tuple[int, int]):
        self.place = place
        self.entities: dict[EntityId, Entity] = {}
        self.changed: set[Entity] = set()
        self.left: list[EntityId] = []
        self.viewers: set[PlayerId] = set()
        self.neighbours: list[Cell] = []  # the 3 × 3 around it, itself included, clipped to the zone

    def forget_changes(self) -> None:
        self.changed.clear()
        self.left.clear()


class Grid:
    """All cells of a zone of ``width`` × ``height`` world units, made once."""

    def __init__(self, width: float, height: float, cell_size: float):
        self.cell_size = cell_size
        self.columns = max(1, -int(-width // cell_size))
        self.rows = max(1, -int(-height // cell_size))
        if max(self.columns, self.rows) > CELLS_PER_SIDE_MAX:
            raise ValueError(f"at most {CELLS_PER_SIDE_MAX} cells per side; make cell_size larger")
        self._cells = {(x, y): Cell((x, y)) for x in range(self.columns) for y in range(self.rows)}
        for cell in self._cells.values():
            cell.neighbours = list(self._around(cell.place, 1))
        self.dirty: set[Cell] = set()  # cells with changes this tick
        self.watched: set[Cell] = set()  # cells with viewers standing in them

    def cell_at(self, x: float, y: float) -> Cell:
        """The cell of a place; places outside belong to the nearest cell."""
        column = min(max(int(x // self.cell_size), 0), self.columns - 1)
        row = min(max(int(y // self.cell_size), 0), self.rows - 1)
        return self._cells[column, row]

    def within(self, x: float, y: float, radius: float) -> Iterator[Cell]:
        """Cells that a circle can touch."""
        reach = int(radius // self.cell_size) + 1
        return self._around(self.cell_at(x, y).place, reach)

    def put(self, entity: Entity) -> bool:
        """Note a new or changed entity, moving it to the cell of its place. True when it came into another cell."""
        cell = self.cell_at(entity.x, entity.y)
        moved = cell is not entity.cell
        if moved:
            self.take(entity)
            cell.entities[entity.id] = entity
            entity.cell = cell
        cell.changed.add(entity)
        self.dirty.add(cell)
        return moved

    def take(self, entity: Entity) -> None:
        """The entity leaves its cell."""
        cell = entity.cell
        if cell is None:
            return
        del cell.entities[entity.id]
        cell.changed.discard(entity)
        cell.left.append(entity.id)
        self.dirty.add(cell)
        entity.cell = None

    def look(self, viewer: PlayerId, cell: Cell | None, before: Cell | None) -> None:
        """The viewer stands in ``cell`` now (None: it does not look any more), in ``before`` until now."""
        if before is not None:
            before.viewers.discard(viewer)
            if not before.viewers:
                self.watched.discard(before)
        if cell is not None:
            cell.viewers.add(viewer)
            self.watched.add(cell)

    def forget_changes(self) -> None:
        """The tick has been shown."""
        for cell in self.dirty:
            cell.forget_changes()
        self.dirty.clear()

    def _around(self, place: tuple[int, int], reach: int) -> Iterator[Cell]:
        for y in range(max(place[1] - reach, 0), min(place[1] + reach, self.rows - 1) + 1):
            for x in range(max(place[0] - reach, 0), min(place[0] + reach, self.columns - 1) + 1):
                yield self._cells[x, y]
