"""The binary world: one frame a tick, made of sections of ready bytes that many viewers share.

    frame    u8 version=1 · u8 flags (bit 0: full) · u16 sections · u32 tick
    section  u8 what (1 snapshot, 2 delta, 3 forget) · u8 zero · u16 records · u16 left
             i16 cell_x · i16 cell_y · u16 zero
             then `records` records of RECORD.size bytes, then `left` entity ids as u32
    record   u32 id · f32 x · f32 y · u8 kind · u8 facing · u16 status          (announced in welcome.layout)

All little-endian. A snapshot replaces its cell; a delta holds the entities that changed or came and
the ids that left; forget ends a cell's being in view. An id leaves for the viewer only if it is still thought to be in
that cell: one that walks from cell to cell leaves one and comes in the other, in either order, in the same frame.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, Final, NamedTuple

FULL: Final = 1  # flag: the snapshots in this frame are all there is in view; what else was known is to be forgotten
FRAME: Final = struct.Struct("<BBHI")
SECTION: Final = struct.Struct("<BBHHhhH")
RECORD: Final = struct.Struct("<IffBBH")
VERSION: Final = 1
FACING_STEPS: Final = 256  # facing is an angle: 0 is +x, 64 is +y, counted in 256ths of a turn

LAYOUT: list[tuple[str, str]] = [
    ("id", "u32"), ("x", "f32"), ("y", "f32"), ("kind", "u8"), ("facing", "u8"), ("status", "u16"),
]  # fmt: skip


class Section(IntEnum):
    SNAPSHOT = 1
    DELTA = 2
    FORGET = 3


class Record(NamedTuple):
    """An entity as a viewer sees it at one tick."""

    id: int
    x: float
    y: float
    kind: int
    facing: int
    status: int


class CellSection(NamedTuple):
    what: Section
    cell: tuple[int, int]
    records: list[Record]
    left: list[int]


def encode_section(what: Section, cell: tuple[int, int], records: Sequence[bytes], left: Sequence[int] = ()) -> bytes:
    """One section; ``records`` are already packed with RECORD."""
    header = SECTION.pack(what, 0, len(records), len(left), cell[0], cell[1], 0)
    section = header + b"".join(records)
    return section + struct.pack(f"<{len(left)}I", *left) if left else section


def encode_frame(tick: int, sections: Sequence[bytes], *, full: bool = False) -> bytes:
    return FRAME.pack(VERSION, FULL if full else 0, len(sections), tick & 0xFFFFFFFF) + b"".join(sections)


class WorldFrameError(ValueError):
    """The bytes are not a world frame of this version."""


def decode_frame(payload: bytes) -> tuple[int, list[CellSection]]:
    """Return (tick, sections) of a frame with records of this version's layout. Raises WorldFrameError."""
    tick, _, parts = split_frame(payload, RECORD.size)
    return tick, [_cell_section(part) for part in parts]


def split_frame(payload: bytes, record_bytes: int) -> tuple[int, int, list[bytes]]:
    """Return (tick, flags, the bytes of each section) of a frame with records of that size. Raises WorldFrameError."""
    try:
        version, flags, count, tick = FRAME.unpack_from(payload)
        if version != VERSION:
            raise WorldFrameError(f"world frame version {version}, this client knows {VERSION}")
        return tick, flags, list(_parts(payload, count, record_bytes))
    except struct.error as error:
        raise WorldFrameError(str(error)) from error


def read_section(
    part: bytes, record: struct.Struct
) -> tuple[int, tuple[int, int], list[tuple[Any, ...]], tuple[int, ...]]:
    """Return (what, cell, the fields of each record, the ids that left) of a section from ``split_frame``."""
    what, _zero, records, left, cell_x, cell_y, _zero = SECTION.unpack_from(part)
    end = SECTION.size + records * record.size
    gone = struct.unpack_from(f"<{left}I", part, end) if left else ()
    return what, (cell_x, cell_y), list(record.iter_unpack(part[SECTION.size : end])), gone


def _cell_section(part: bytes) -> CellSection:
    what, cell, records, left = read_section(part, RECORD)
    try:
        return CellSection(Section(what), cell, [Record(*fields) for fields in records], list(left))
    except ValueError as error:
        raise WorldFrameError(str(error)) from error


def _parts(payload: bytes, count: int, record_bytes: int) -> Iterator[bytes]:
    at = FRAME.size
    for _ in range(count):
        _, _, records, left, _, _, _ = SECTION.unpack_from(payload, at)
        end = at + SECTION.size + records * record_bytes + 4 * left
        if end > len(payload):
            raise WorldFrameError("truncated")
        yield payload[at:end]
        at = end
