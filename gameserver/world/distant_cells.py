"""Cells seen from so far away that they are shown only every few ticks, with their changes since then.

Law: arrivals and departures are shown on every tick, near and far, so no entity vanishes between two cells.
Only other changes wait, and none is lost: a viewer is never more than ``every_ticks - 1`` ticks behind.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from gameserver.protocol.ids import EntityId
from gameserver.world.entity import Entity

if TYPE_CHECKING:
    from gameserver.world.grid import Cell


class DistantCells:
    """Cells take turns: those of one diagonal are due on the same tick, those beside it on the next."""

    def __init__(self, every_ticks: int):
        self.every_ticks = every_ticks
        self._unshown: dict[Cell, dict[EntityId, Entity]] = {}

    def note(self, cells: Iterable[Cell]) -> None:
        """Note the changes in these cells. Nothing is kept of a cell that nobody sees: a new viewer gets all
        of it."""
        for cell in cells:
            if not cell.viewing_cell_count:
                self._unshown.pop(cell, None)
                continue
            unshown = self._unshown.setdefault(cell, {})
            for gone in cell.left:
                unshown.pop(gone, None)
            for entity in cell.changed:
                unshown[entity.id] = entity

    def unshown(self, cell: Cell) -> Collection[Entity]:
        return self._unshown.get(cell, {}).values()

    def take_due(self, tick: int) -> Iterator[tuple[Cell, Collection[Entity]]]:
        """The cells whose turn it is, with their changes since the last turn."""
        due = [cell for cell in self._unshown if (tick + sum(cell.place)) % self.every_ticks == 0]
        for cell in due:
            yield cell, self._unshown.pop(cell).values()
