"""Edits of a live player's rows, made past the server: noticed when a save overwrites them.

A save carries what its session last saw in SQL. Where the row still has the sequence of that moment, nobody but this
session may have written it since; what differs was edited elsewhere. Law: a difference is only ever told, and only when
the sequences agree, so a save whose outcome was unknown raises no false alarm.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from gameserver.world.inventory import Holding

PLACE: Final = ("zone", "x", "y", "facing")


class Seen(msgspec.Struct, frozen=True):
    """The row as the session last read or saved it."""

    seq: int
    inventory_seq: int
    zone: str | None
    x: float
    y: float
    facing: int
    state_crc: int
    inventory: dict[str, Holding]


def seen_in(row: Any, seq: int) -> Seen:
    """Return the ``Seen`` of a Profile or a Save, as of ``seq``."""
    return Seen(seq, row.inventory_seq, row.zone, row.x, row.y, row.facing, zlib.crc32(row.state), dict(row.inventory))


def edited_fields(seen: Seen, row: Mapping[str, Any]) -> list[str]:
    """Return which columns of ``profile`` are not as they were seen."""
    if row["saved_seq"] != seen.seq:
        return []
    edited = [name for name in PLACE if not _is_same(getattr(seen, name), row[name])]
    return edited + ["state"] * (_crc(row["state_crc"]) != seen.state_crc)


def edited_items(seen: Seen, inventory_seq: int, kept: Mapping[str, Holding]) -> list[str]:
    """Return which items are not as they were seen."""
    if inventory_seq != seen.inventory_seq:
        return []
    every = sorted(seen.inventory.keys() | kept.keys())
    return [f"item:{item}" for item in every if kept.get(item, Holding()) != seen.inventory.get(item, Holding())]


def _crc(state: int | str | bytes) -> int:
    """Return the checksum: the server's own, or that of the state, which a person may have written as text."""
    if isinstance(state, int):
        return state
    return zlib.crc32(state.encode() if isinstance(state, str) else state)


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)
    return one == other
