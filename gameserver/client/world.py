"""The client's view: the entities of the visible cells, kept up to date from binary frames.

Records stay the tuples that struct unpacked, in one dict per cell; an ``Entity`` is made only when somebody looks. Law
(protocol/world_frame.py): a snapshot replaces a cell, a delta changes it, forget drops it; an id leaves a cell only, so
a walk from cell to cell may be told in either order. A full frame is all there is in view.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from gameserver.client.frames import FORGET, Content, Frames, Record
from gameserver.protocol.messages import Welcome, ZoneDescription
from gameserver.protocol.world_frame import FACING_STEPS, WorldFrameError

_FORMATS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "f32": "f", "f64": "d"}


class Entity(NamedTuple):
    """An entity as last shown."""

    id: int
    x: float
    y: float
    kind: str
    facing: int  # 256ths of a turn; 0 is +x, 64 is +y
    status: int

    @property
    def facing_radians(self) -> float:
        return self.facing * math.tau / FACING_STEPS

    def distance(self, x: float, y: float) -> float:
        return math.hypot(self.x - x, self.y - y)


class World:
    """The world in view. ``entities`` is a live mapping, id -> Entity."""

    def __init__(self, frames: Frames | None = None) -> None:
        self._frames = frames or Frames()
        self.tick = 0
        self.frames = 0  # frames applied since the client began
        self.zone: ZoneDescription | None = None
        self.kinds: list[str] = []
        self.entities: Mapping[int, Entity] = _Entities(self)
        self._cells: dict[tuple[int, int], Content] = {}
        self._record = struct.Struct("<")
        self._at: dict[str, int] = {}  # field name -> its place in a record

    def open(self, welcome: Welcome) -> None:
        """Begin anew: nothing is in view until the first frame."""
        self._cells.clear()
        self.tick = welcome.tick
        self.zone = welcome.zone
        self.kinds = list(welcome.kinds)
        self._record, self._at = _compiled(welcome.layout)

    def apply(self, payload: bytes) -> int:
        """Take in one binary frame; returns its tick. Raises WorldFrameError and has then changed nothing."""
        frame = self._frames.decode(payload, self._record, self._at["id"])
        cells = self._cells
        for section in frame.sections:
            content = cells.get(section.cell)
            if content is not None and content.by is section and content.next is not None:
                cells[section.cell] = content.next  # as a client that shares our frames has found before
            elif section.what == FORGET:
                cells.pop(section.cell, None)
            else:
                cells[section.cell] = self._frames.after(content, section)
        if frame.is_full:
            shown = {section.cell for section in frame.sections}
            self._cells = {cell: known for cell, known in self._cells.items() if cell in shown}
        self.tick = frame.tick
        self.frames += 1
        return frame.tick

    # --- looking ---

    def find(self, entity_id: int) -> Entity | None:
        for known in self._cells.values():
            record = known.get(entity_id)
            if record is not None:
                return self._entity(record)
        return None

    def near(self, x: float, y: float, radius: float, kind: str | None = None) -> list[Entity]:
        """Entities at most ``radius`` away, nearest first; only those of ``kind`` if it is given."""
        x_at, y_at, kind_at = self._at["x"], self._at["y"], self._at["kind"]
        wanted = self.kinds.index(kind) if kind in self.kinds else None
        if kind is not None and wanted is None:
            return []
        found: list[tuple[float, Record]] = []
        for known in self._cells.values():
            for record in known.values():
                distance = math.hypot(record[x_at] - x, record[y_at] - y)
                if distance <= radius and (wanted is None or record[kind_at] == wanted):
                    found.append((distance, record))
        found.sort(key=lambda pair: pair[0])
        return [self._entity(record) for _, record in found]

    @property
    def cells(self) -> frozenset[tuple[int, int]]:
        """The cells in view, (cell_x, cell_y)."""
        return frozenset(self._cells)

    def ids(self) -> Iterator[int]:
        for known in self._cells.values():
            yield from known

    def _entity(self, record: Record) -> Entity:
        at = self._at
        kind = int(record[at["kind"]])
        return Entity(
            id=int(record[at["id"]]),
            x=record[at["x"]],
            y=record[at["y"]],
            kind=self.kinds[kind] if kind < len(self.kinds) else f"kind {kind}",
            facing=int(record[at["facing"]]),
            status=int(record[at["status"]]),
        )


class _Entities(Mapping[int, Entity]):
    """The entities of all cells as one mapping."""

    def __init__(self, world: World):
        self._world = world

    def __getitem__(self, entity_id: int) -> Entity:
        entity = self._world.find(entity_id)
        if entity is None:
            raise KeyError(entity_id)
        return entity

    def __iter__(self) -> Iterator[int]:
        return self._world.ids()

    def __len__(self) -> int:
        return sum(1 for _ in self._world.ids())


def _compiled(layout: Sequence[tuple[str, str]]) -> tuple[struct.Struct, dict[str, int]]:
    """The record as the server announced it; fields this client does not know are skipped over. Raises
    WorldFrameError when one it needs is missing or of an unknown type."""
    at = {name: place for place, (name, _) in enumerate(layout)}
    missing = {"id", "x", "y", "kind", "facing", "status"} - at.keys()
    unknown = {field_type for _, field_type in layout} - _FORMATS.keys()
    if missing or unknown:
        raise WorldFrameError(f"record layout lacks {sorted(missing)}, has unknown types {sorted(unknown)}")
    return struct.Struct("<" + "".join(_FORMATS[field_type] for _, field_type in layout)), at
