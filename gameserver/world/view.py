"""What viewers see of a tick: each cell encoded once, each view joined once, shared by everyone who has it.

A viewer that stands where it stood gets the deltas of its 3 × 3 cells: the same bytes as everyone to whom the same is
news. One that crossed a border gets forgets, snapshots and deltas; the sections in it are still the shared bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from gameserver.protocol.ids import PlayerId
from gameserver.protocol.world_frame import Section, encode_frame, encode_section
from gameserver.world.entity import records
from gameserver.world.grid import Cell, Grid

Crossing = tuple[Cell | None, Cell]  # from where (None: a full view) to where


class ViewFrame(NamedTuple):
    """One frame's ready bytes and its viewers. A ``full`` frame needs no frame before it."""

    payload: bytes
    viewers: list[PlayerId]
    full: bool


class TickEncoder:
    """Encodes one tick of one grid; made for the tick, so that what it holds is the tick's."""

    def __init__(self, tick: int, grid: Grid):
        self._tick = tick
        self._watched = grid.watched
        self._deltas = {cell: _delta(cell) for cell in grid.dirty if cell.seen_from}
        self._snapshots: dict[Cell, bytes] = {}

    def frames(self, crossings: Mapping[PlayerId, Crossing]) -> list[ViewFrame]:
        """All frames of the tick; ``crossings`` by viewer."""
        return [*self._crossing_frames(crossings), *self._staying_frames(crossings)]

    def _crossing_frames(self, crossings: Mapping[PlayerId, Crossing]) -> Iterator[ViewFrame]:
        together: dict[Crossing, list[PlayerId]] = {}
        for viewer, crossing in crossings.items():
            together.setdefault(crossing, []).append(viewer)
        for (before, now), viewers in together.items():
            full = before is None
            yield ViewFrame(encode_frame(self._tick, self._news(before, now), full=full), viewers, full)

    def _staying_frames(self, crossings: Mapping[PlayerId, Crossing]) -> Iterator[ViewFrame]:
        together: dict[tuple[bytes, ...], list[PlayerId]] = {}
        for cell in self._watched:
            sections = self._changes(cell.neighbours)
            if sections and (staying := cell.viewers.difference(crossings)):
                together.setdefault(tuple(sections), []).extend(staying)
        for same, viewers in together.items():
            yield ViewFrame(encode_frame(self._tick, same), viewers, False)

    def _news(self, before: Cell | None, now: Cell) -> list[bytes]:
        """The sections for who saw what is seen from ``before`` and sees what is seen from ``now``."""
        old, new = before.neighbours if before is not None else [], now.neighbours
        sections = [encode_section(Section.FORGET, cell.place, ()) for cell in old if cell not in new]
        sections += [self._snapshot(cell) for cell in new if cell not in old]
        return sections + self._changes(cell for cell in new if cell in old)

    def _changes(self, cells: Iterable[Cell]) -> list[bytes]:
        deltas = self._deltas
        return [deltas[cell] for cell in cells if cell in deltas]

    def _snapshot(self, cell: Cell) -> bytes:
        section = self._snapshots.get(cell)
        if section is None:
            shown = records(cell.entities.values())
            section = self._snapshots[cell] = encode_section(Section.SNAPSHOT, cell.place, shown)
        return section


def _delta(cell: Cell) -> bytes:
    return encode_section(Section.DELTA, cell.place, records(cell.changed), cell.left)
