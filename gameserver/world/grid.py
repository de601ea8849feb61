"""Cells of a zone, and their viewers. A viewer sees the cells around the cell it stands in.

A change is noted once per cell, so the cost of a tick follows the changes, not the viewers; the bytes of a viewer
follow the entities near it, not the number in the zone. An entity keeps its cell until it is ``margin`` inside another:
walking along a border changes nothing for anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import inf

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.world.distant_cells import DistantCells
from gameserver.world.entity import Entity
from gameserver.world.zone_size import CELLS_PER_SIDE_MAX


class Cell:
    """A square of the zone: its entities, its changes of this tick, and the viewers that stand in it.

    An entity stays in it while x_from <= x < x_until and y_from <= y < y_until: its sides and the margin beyond.
    """

    __slots__ = (
        "_audience",
        "arrived",
        "changed",
        "entities",
        "left",
        "place",
        "shown",
        "view",
        "viewers",
        "viewing_cell_count",
        "x_from",
        "x_until",
        "y_from",
        "y_until",
    )

    def __init__(self, place: tuple[int, int]):
        self.place = place
        self.x_from = self.y_from = -inf
        self.x_until = self.y_until = inf
        self.entities: dict[EntityId, Entity] = {}
        self.changed: list[Entity] = []
        self.arrived: list[Entity] = []  # those of the changed that were not in it before
        self.left: list[EntityId] = []
        self.viewers: set[PlayerId] = set()  # changed by ``look``
        self._audience: list[PlayerId] | None = None  # the same in a list, if it was asked for
        self.view: dict[Cell, int] = {}  # the cells in view from it, itself too, and every how many ticks each is shown
        self.shown: dict[int, list[Cell]] = {}  # the view by how often
        self.viewing_cell_count = 0  # in so many cells stand viewers that have this one in view

    @property
    def audience(self) -> list[PlayerId]:
        """The viewers, in the same list until they are others; nobody else may change it."""
        if self._audience is None:
            self._audience = list(self.viewers)
        return self._audience

    def look(self, viewer: PlayerId, looks: bool) -> None:
        """The viewer stands in here, or does not any more."""
        if looks:
            self.viewers.add(viewer)
        else:
            self.viewers.remove(viewer)
        self._audience = None

    def forget_changes(self) -> None:
        self.changed.clear()
        self.arrived.clear()
        self.left.clear()


class Grid:
    """All cells of a zone of ``width`` × ``height`` world units, made once.

    ``margin`` in world units. ``refresh_ticks``: every how many ticks viewers are shown the cells that are 0, 1, 2 …
    cells away from theirs, and how far they see.
    """

    def __init__(
        self,
        width: float,
        height: float,
        cell_size: float,
        *,
        margin: float = 0.0,
        refresh_ticks: Sequence[int] = (1, 1),
    ):
        self.cell_size = cell_size
        self.margin = margin
        self.columns = max(1, -int(-width // cell_size))
        self.rows = max(1, -int(-height // cell_size))
        if max(self.columns, self.rows) > CELLS_PER_SIDE_MAX:
            raise ValueError(f"at most {CELLS_PER_SIDE_MAX} cells per side; make cell_size larger")
        self._cells = {(x, y): Cell((x, y)) for x in range(self.columns) for y in range(self.rows)}
        for cell in self._cells.values():
            column, row = cell.place
            cell.view = {
                near: refresh_ticks[max(abs(near.place[0] - column), abs(near.place[1] - row))]
                for near in self._around(cell.place, len(refresh_ticks) - 1)
            }
            for near, every_ticks in cell.view.items():
                cell.shown.setdefault(every_ticks, []).append(near)
            cell.x_from, cell.x_until = self._kept_within(column, self.columns)
            cell.y_from, cell.y_until = self._kept_within(row, self.rows)
        self.dirty: set[Cell] = set()  # cells with changes this tick
        self.watched: set[Cell] = set()  # cells with viewers standing in them
        self.later = [DistantCells(every_ticks) for every_ticks in sorted(set(refresh_ticks)) if every_ticks > 1]

    def cell_at(self, x: float, y: float) -> Cell:
        """The cell of a place; places outside belong to the nearest cell."""
        return self._cells[self._column(x), self._row(y)]

    def within(self, x: float, y: float, radius: float) -> Iterator[Cell]:
        """Cells that may have entities in a circle, even those that moved a margin further since they were settled."""
        reach = radius + 2 * self.margin
        for row in range(self._row(y - reach), self._row(y + reach) + 1):
            for column in range(self._column(x - reach), self._column(x + reach) + 1):
                yield self._cells[column, row]

    def settle(self, entities: Iterable[Entity]) -> list[tuple[Entity, Cell | None]]:
        """Note new and changed entities, each once a tick, in the cells of their places.

        Returns those that came into another cell, with the cell before.
        """
        came: list[tuple[Entity, Cell | None]] = []
        for entity in entities:
            cell = entity._cell
            if (
                cell is None
                or not cell.x_from <= entity._x < cell.x_until
                or not cell.y_from <= entity._y < cell.y_until
            ):
                before, cell = cell, self._cell_of(entity)
                if cell is not before:
                    self._put(entity, cell)
                    came.append((entity, before))
            if not cell.changed:
                self.dirty.add(cell)
            cell.changed.append(entity)
        return came

    def take(self, entity: Entity) -> None:
        """The entity leaves its cell."""
        cell = entity._cell
        if cell is None:
            return
        del cell.entities[entity._id]
        cell.left.append(entity._id)
        self.dirty.add(cell)
        entity._cell = None

    def put_back(self, entity: Entity, cell: Cell) -> None:
        """Undo ``take``: the entity has never left the cell."""
        cell.entities[entity._id] = entity
        cell.left.remove(entity._id)
        entity._cell = cell
        if not (cell.left or cell.changed):
            self.dirty.discard(cell)

    def look(self, viewer: PlayerId, cell: Cell | None, before: Cell | None) -> None:
        """The viewer stands in ``cell`` now (None: it does not look any more), in ``before`` until now."""
        if before is not None and viewer in before.viewers:
            before.look(viewer, False)
            if not before.viewers:
                self.watched.remove(before)
                self._see(before, -1)
        if cell is not None:
            if not cell.viewers:
                self.watched.add(cell)
                self._see(cell, +1)
            cell.look(viewer, True)

    def forget_changes(self) -> None:
        """The tick has been shown."""
        for cell in self.dirty:
            cell.forget_changes()
        self.dirty.clear()

    def _put(self, entity: Entity, cell: Cell) -> None:
        self.take(entity)
        cell.entities[entity._id] = entity
        cell.arrived.append(entity)
        entity._cell = cell

    def _cell_of(self, entity: Entity) -> Cell:
        """Return the entity's cell. Along an axis on which the entity is within its old cell's margin, it stays."""
        x, y, cell = entity._x, entity._y, entity._cell
        if cell is None:
            return self.cell_at(x, y)
        column = cell.place[0] if cell.x_from <= x < cell.x_until else self._column(x)
        row = cell.place[1] if cell.y_from <= y < cell.y_until else self._row(y)
        return self._cells[column, row]

    def _kept_within(self, number: int, count: int) -> tuple[float, float]:
        """Return the interval in which a column (row) keeps its entities. The outer ones have no outer bound."""
        first, last = number == 0, number == count - 1
        return (
            -inf if first else number * self.cell_size - self.margin,
            inf if last else (number + 1) * self.cell_size + self.margin,
        )

    def _column(self, x: float) -> int:
        return min(max(int(x // self.cell_size), 0), self.columns - 1)

    def _row(self, y: float) -> int:
        return min(max(int(y // self.cell_size), 0), self.rows - 1)

    @staticmethod
    def _see(cell: Cell, viewed: int) -> None:
        for near in cell.view:
            near.viewing_cell_count += viewed

    def _around(self, place: tuple[int, int], reach: int) -> Iterator[Cell]:
        for y in range(max(place[1] - reach, 0), min(place[1] + reach, self.rows - 1) + 1):
            for x in range(max(place[0] - reach, 0), min(place[0] + reach, self.columns - 1) + 1):
                yield self._cells[x, y]
