"""Binary frames, decoded: for one client, or once for many clients of one process.

Players who stand in the same cell are sent the same frame, and all players who see a cell get the same section of it,
which makes the same of what was in it. SharedFrames remembers all three: in step, a frame is found whole, out of step
its sections are, and a cell's next content is a step along a pointer. Law: nobody changes decoded or shared content.
"""

from __future__ import annotations

import struct
from typing import Generic, NamedTuple, TypeVar

from gameserver.protocol.world_frame import FULL, Section, read_section, split_frame

SNAPSHOT, FORGET = int(Section.SNAPSHOT), int(Section.FORGET)
SHARED_FRAMES_MAX = 512  # a tick has as many distinct ones as cells that players stand in
SHARED_SECTIONS_MAX = 4096  # a tick has as many as cells that changed
SHARED_CELLS_MAX = 10_000
Record = tuple[float, ...]  # one unpacked record, fields in the order of the layout


class CellSection(NamedTuple):
    what: int
    cell: tuple[int, int]
    records: dict[int, Record]  # by entity id
    left: tuple[int, ...]


class Content(dict[int, Record]):
    """Records of a cell's entities, by entity id. ``by`` and ``next``: the section applied to it, and its result."""

    __slots__ = ("by", "next")

    def __init__(self, records: dict[int, Record]):
        super().__init__(records)
        self.by: CellSection | None = None
        self.next: Content | None = None


class Frame(NamedTuple):
    tick: int
    is_full: bool  # all there is in view: comes after skipped frames, whose forgets are missing
    sections: list[CellSection]


class Frames:
    """Decodes frames."""

    def decode(self, payload: bytes, record: struct.Struct, id_at: int) -> Frame:
        """``record`` unpacks one record; its field number ``id_at`` is the entity's id. Raises WorldFrameError."""
        tick, flags, parts = split_frame(payload, record.size)
        return Frame(tick, bool(flags & FULL), [self._section(part, record, id_at) for part in parts])

    def after(self, content: Content | None, section: CellSection) -> Content:
        """Return the cell's content after ``section`` (not a forget). Do not use ``content`` afterwards."""
        if content is None or section.what == SNAPSHOT:
            content = Content(section.records)
        else:
            content.update(section.records)
        for gone in section.left:
            content.pop(gone, None)
        return content

    def _section(self, part: bytes, record: struct.Struct, id_at: int) -> CellSection:
        what, cell, records, left = read_section(part, record)
        return CellSection(what, cell, {fields[id_at]: fields for fields in records}, left)


class SharedFrames(Frames):
    """Decodes and applies each distinct frame, and each distinct section of one, once. Give the same to all clients."""

    def __init__(self) -> None:
        self._frames: _Recent[Frame] = _Recent(SHARED_FRAMES_MAX)
        self._sections: _Recent[CellSection] = _Recent(SHARED_SECTIONS_MAX)
        self._latest: dict[tuple[int, int], Content] = {}  # the newest content of each cell that any client has found

    def decode(self, payload: bytes, record: struct.Struct, id_at: int) -> Frame:
        key = (payload, record.format)
        frame = self._frames.get(key)
        if frame is None:
            frame = super().decode(payload, record, id_at)
            self._frames.put(key, frame)
        return frame

    def after(self, content: Content | None, section: CellSection) -> Content:
        if content is not None and content.by is section and content.next is not None:
            return content.next
        made = super().after(Content(content) if content is not None else None, section)
        latest = self._latest.get(section.cell)
        if latest is not None and latest == made:
            made = latest  # clients that came into view at different times go on together
        else:
            if len(self._latest) >= SHARED_CELLS_MAX:
                self._latest.clear()
            self._latest[section.cell] = made
        if content is not None and content is not made:
            content.by, content.next = section, made
        return made

    def _section(self, part: bytes, record: struct.Struct, id_at: int) -> CellSection:
        key = (part, record.format)
        section = self._sections.get(key)
        if section is None:
            section = super()._section(part, record, id_at)
            self._sections.put(key, section)
        return section


_Key = tuple[bytes, str]  # the bytes and the record's format
_Decoded = TypeVar("_Decoded")


class _Recent(Generic[_Decoded]):
    """A cache of two generations of ``entries_max`` each. It forgets entries that nobody used while one filled up."""

    def __init__(self, entries_max: int):
        self._entries_max = entries_max
        self._young: dict[_Key, _Decoded] = {}
        self._old: dict[_Key, _Decoded] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: _Key) -> _Decoded | None:
        decoded = self._young.get(key)
        if decoded is None:
            decoded = self._old.get(key)
            if decoded is not None:
                self.put(key, decoded)
        return decoded

    def put(self, key: _Key, decoded: _Decoded) -> None:
        if len(self._young) >= self._entries_max:
            self._old, self._young = self._young, {}
        self._young[key] = decoded
