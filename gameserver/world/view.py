"""What viewers see of a tick: each cell encoded once, each view joined once, shared by everyone who has it.

A viewer that stands where it stood gets the deltas of its 3 × 3 cells, the same bytes as everyone in its cell. One that
crossed a border gets forgets, snapshots and deltas of its own; the sections in it are still the shared bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from gameserver.protocol.ids import PlayerId
from gameserver.protocol.world_frame import Section, encode_frame, encode_section
from gameserver.world.grid import Cell, Grid


class ViewFrame(NamedTuple):
    """One frame's ready bytes and its viewers. A ``full`` frame needs no frame before it."""

    payload: bytes
    viewers: list[PlayerId]
    full: bool


class TickEncoder:
    """Encodes one tick of one grid; made for the tick, so that what it caches is the tick's."""

    def __init__(self, tick: int, grid: Grid):
        self._tick = tick
        self._grid = grid
        self._deltas: dict[Cell, bytes] = {}
        self._snapshots: dict[Cell, bytes] = {}

    def frames(self, crossings: Mapping[PlayerId, tuple[Cell | None, Cell]]) -> list[ViewFrame]:
        """All frames of the tick. ``crossings``: viewer -> (cell before or None for a full view, cell now)."""
        frames = [self._crossing_frame(viewer, *cells) for viewer, cells in crossings.items()]
        for cell in self._grid.watched:
            staying = [viewer for viewer in cell.viewers if viewer not in crossings]
            if staying and (sections := self._changes(cell.neighbours)):
                frames.append(ViewFrame(encode_frame(self._tick, sections), staying, False))
        return frames

    def _crossing_frame(self, viewer: PlayerId, before: Cell | None, now: Cell) -> ViewFrame:
        old = before.neighbours if before is not None else []
        new = now.neighbours
        sections = [encode_section(Section.FORGET, cell.place, ()) for cell in old if cell not in new]
        sections += [self._snapshot(cell) for cell in new if cell not in old]
        sections += self._changes(cell for cell in new if cell in old)
        full = before is None
        return ViewFrame(encode_frame(self._tick, sections, full=full), [viewer], full)

    def _changes(self, cells: Iterable[Cell]) -> list[bytes]:
        return [self._delta(cell) for cell in cells if cell.changed or cell.left]

    def _delta(self, cell: Cell) -> bytes:
        section = self._deltas.get(cell)
        if section is None:
            records = [entity.record() for entity in cell.changed]
            section = self._deltas[cell] = encode_section(Section.DELTA, cell.place, records, cell.left)
        return section

    def _snapshot(self, cell: Cell) -> bytes:
        section = self._snapshots.get(cell)
        if section is None:
            records = [entity.record() for entity in cell.entities.values()]
            section = self._snapshots[cell] = encode_section(Section.SNAPSHOT, cell.place, records)
        return section
