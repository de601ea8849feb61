"""View of a tick: each cell is encoded once, each view is joined once and shared by all its viewers.

Viewers who stay in their cell share one encoded delta of the cells around. A viewer that crossed a border gets forgets,
snapshots and deltas; their sections are still shared bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import NamedTuple

from gameserver.protocol.ids import PlayerId
from gameserver.protocol.world_frame import Section, encode_frame, encode_section
from gameserver.world.distant_cells import DistantCells
from gameserver.world.entity import Entity, records
from gameserver.world.grid import Cell, Grid

Crossing = tuple[Cell | None, Cell]  # from where (None: a full view) to where


class ViewFrame(NamedTuple):
    """One frame's ready bytes and its viewers, in a list that nobody may change. A ``full`` frame needs no frame before
    it."""

    payload: bytes
    viewers: list[PlayerId]
    full: bool


class TickEncoder:
    """Encodes one tick of one grid, once, and is used for that tick alone."""

    def __init__(self, tick: int, grid: Grid):
        self._tick = tick
        self._watched = grid.watched
        self._later = {later.every_ticks: later for later in grid.later}
        # By the interval in which a cell is shown, then by cell: the bytes for viewers that had it in view before.
        self._deltas = {1: {cell: _delta(cell, cell.changed) for cell in grid.dirty if cell.viewing_cell_count}}
        for every_ticks, later in self._later.items():
            self._deltas[every_ticks] = self._now_and_then(later, grid.dirty)
        self._snapshots: dict[Cell, bytes] = {}

    def frames(self, crossings: Mapping[PlayerId, Crossing]) -> list[ViewFrame]:
        """All frames of the tick; ``crossings`` by viewer."""
        return [*self._crossing_frames(crossings), *self._staying_frames(crossings)]

    def _now_and_then(self, later: DistantCells, dirty: Iterable[Cell]) -> dict[Cell, bytes]:
        """Return the deltas of distant cells: arrivals and departures for all of them, all changes for those that are
        due.
        """
        later.note(dirty)
        came_or_went = (cell for cell in dirty if cell.viewing_cell_count and (cell.arrived or cell.left))
        deltas = {cell: _delta(cell, cell.arrived) for cell in came_or_went}
        for cell, unshown in later.take_due(self._tick):
            if unshown:
                deltas[cell] = _delta(cell, unshown)
        return deltas

    def _crossing_frames(self, crossings: Mapping[PlayerId, Crossing]) -> Iterator[ViewFrame]:
        together: dict[Crossing, list[PlayerId]] = {}
        for viewer, crossing in crossings.items():
            together.setdefault(crossing, []).append(viewer)
        for (before, now), viewers in together.items():
            full = before is None
            yield ViewFrame(encode_frame(self._tick, self._news(before, now), full=full), viewers, full)

    def _staying_frames(self, crossings: Mapping[PlayerId, Crossing]) -> Iterator[ViewFrame]:
        deltas = self._deltas
        if not any(deltas.values()):
            return
        together: dict[tuple[bytes, ...], list[Cell]] = {}
        for cell in self._watched:
            sections = [
                delta for every, cells in cell.shown.items() for delta in map(deltas[every].get, cells) if delta
            ]
            if sections:
                together.setdefault(tuple(sections), []).append(cell)
        entered = {now for _, now in crossings.values()}
        for same, cells in together.items():
            if viewers := _staying(cells, entered, crossings):
                yield ViewFrame(encode_frame(self._tick, same), viewers, False)

    def _news(self, before: Cell | None, now: Cell) -> list[bytes]:
        """The sections for a viewer that saw the cells around ``before`` and sees those around ``now``."""
        old = before.view if before is not None else {}
        sections = [encode_section(Section.FORGET, cell.place, ()) for cell in old if cell not in now.view]
        sections += [self._snapshot(cell) for cell in now.view if cell not in old]
        return sections + [section for cell in now.view if cell in old and (section := self._missed(cell, old[cell]))]

    def _missed(self, cell: Cell, every_ticks: int) -> bytes | None:
        """Return the changes that viewers lack after being shown the cell every ``every_ticks`` ticks."""
        later = self._later.get(every_ticks)
        if later is not None and (unshown := later.unshown(cell)):
            return _delta(cell, unshown)
        return self._deltas[every_ticks].get(cell)

    def _snapshot(self, cell: Cell) -> bytes:
        section = self._snapshots.get(cell)
        if section is None:
            shown = records(cell.entities.values())
            section = self._snapshots[cell] = encode_section(Section.SNAPSHOT, cell.place, shown)
        return section


def _staying(cells: list[Cell], entered: Set[Cell], crossings: Mapping[PlayerId, Crossing]) -> list[PlayerId]:
    """Return the viewers that were in ``cells`` before and still are. For one cell without newcomers, its own list."""
    if len(cells) == 1 and cells[0] not in entered:
        return cells[0].audience
    return [viewer for cell in cells for viewer in cell.audience if viewer not in crossings]


def _delta(cell: Cell, entities: Iterable[Entity]) -> bytes:
    return encode_section(Section.DELTA, cell.place, records(entities), cell.left)
