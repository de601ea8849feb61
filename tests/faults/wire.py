"""The wire as docs/protocol.md tells it, written again: what judges the server shares no code with it."""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

_FORMATS = {"u8": "B", "u16": "H", "u32": "I", "i8": "b", "i16": "h", "i32": "i", "f32": "f"}
_HEADER = struct.Struct("<BBHI")
_SECTION = struct.Struct("<BBHHhhH")
_SNAPSHOT, _FORGET = 1, 3
OPEN_S = 2.0

Message = dict[str, Any]


@asynccontextmanager
async def dial(url: str) -> AsyncIterator[ClientConnection]:
    """A connected WebSocket; lost without a word at the end."""
    socket = await connect(
        url,
        subprotocols=["gameserver.v1"],  # type: ignore[list-item]
        compression=None,
        open_timeout=OPEN_S,
        close_timeout=0.2,
        max_size=None,
        ping_interval=None,
    )
    try:
        yield socket
    finally:
        socket.transport.abort()


async def send(socket: ClientConnection, message: Message) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> Message | bytes:
    """A JSON message or a frame of the world. Raises ConnectionClosed."""
    received = await socket.recv()
    return json.loads(received) if isinstance(received, str) else received


@dataclass(frozen=True, slots=True)
class Thing:
    x: float
    y: float
    kind: str


class View:
    """The view that the frames since a welcome show."""

    def __init__(self, welcome: Message):
        self._record = struct.Struct("<" + "".join(_FORMATS[kind] for _, kind in welcome["layout"]))
        names = [name for name, _ in welcome["layout"]]
        self._at = tuple(names.index(name) for name in ("id", "x", "y", "kind"))
        self._kinds = welcome["kinds"]
        self._cells: dict[int, tuple[int, int]] = {}
        self.things: dict[int, Thing] = {}
        self.tick = 0

    def take(self, frame: bytes) -> set[int]:
        """Bring the view up to date; the ids that the frame had a record of."""
        _, _, sections, self.tick = _HEADER.unpack_from(frame)
        at, seen = _HEADER.size, set()
        for _ in range(sections):
            what, _, records, left, x, y, _ = _SECTION.unpack_from(frame, at)
            at += _SECTION.size
            if what in (_SNAPSHOT, _FORGET):
                self._drop([known for known, cell in self._cells.items() if cell == (x, y)])
            for thing_id, thing in self._records(frame, at, records):
                self.things[thing_id], self._cells[thing_id] = thing, (x, y)
                seen.add(thing_id)
            at += records * self._record.size
            gone = struct.unpack_from(f"<{left}I", frame, at)
            at += 4 * left
            self._drop([thing_id for thing_id in gone if self._cells.get(thing_id) == (x, y)])
        return seen

    def _records(self, frame: bytes, at: int, count: int) -> Iterator[tuple[int, Thing]]:
        for number in range(count):
            fields = self._record.unpack_from(frame, at + number * self._record.size)
            thing_id, x, y, kind = (fields[at] for at in self._at)
            yield thing_id, Thing(x, y, self._kinds[kind])

    def _drop(self, thing_ids: list[int]) -> None:
        for thing_id in thing_ids:
            self.things.pop(thing_id, None)
            self._cells.pop(thing_id, None)
