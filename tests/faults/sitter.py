"""A player who signs in, looks on and does nothing: one more socket, and one more session to be saved.

After its welcome it only counts frames by their headers and answers pings, so that hundreds cost a round little.
"""

from __future__ import annotations

import asyncio
import json
import struct

from websockets.asyncio.client import ClientConnection

from tests.faults.bot import EdgeContext
from tests.faults.ledger import Ledger
from tests.faults.wire import Message, dial, receive, send

SIT_S = 60.0
_TEXT, _PING = 0x81, 0x89
_PONG = b"\x8a\x80\0\0\0\0"  # empty, under a mask of zeros


class Sitter:
    """``sits_down``, then ``rises`` once the server is gone. ``was_told``: why the server said it closes."""

    def __init__(self, number: int, around: EdgeContext):
        self.number = number
        self._around = around
        self._looker = _Looker()
        self._task: asyncio.Task[None] | None = None

    @property
    def was_told(self) -> str:
        return self._looker.was_told

    async def sits_down(self) -> None:
        """Returns when it plays. Raises what kept it from it."""
        seated = asyncio.Event()
        self._task = asyncio.create_task(self._sit(seated))
        waiting = asyncio.create_task(seated.wait())
        await asyncio.wait((self._task, waiting), timeout=SIT_S, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._task.done():
            self._task.result()
        assert seated.is_set(), f"{self} could not sit down"

    async def rises(self) -> None:
        """Waits for the socket's end."""
        assert self._task is not None
        async with asyncio.timeout(SIT_S):
            await self._task

    async def _sit(self, seated: asyncio.Event) -> None:
        async with dial(self._around.urls[0]) as socket:
            welcome = await _signed_in(socket)
            ledger = Ledger(welcome["player_id"], welcome["name"])
            ledger.see(welcome["x"], welcome["y"])
            self._around.book.ledgers[ledger.player_id] = ledger
            self._looker.look(socket.transport)
            seated.set()
            await self._looker.gone.wait()

    def __str__(self) -> str:
        return f"sitter {self.number}"


class _Looker(asyncio.Protocol):
    """Takes the socket over from the library, right after the welcome. Counts on the library not having read half of a
    frame: the server sends what is this small in one piece."""

    def __init__(self) -> None:
        self.was_told = ""
        self.gone = asyncio.Event()
        self._read = bytearray()
        self._transport: asyncio.Transport | None = None

    def look(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        transport.set_protocol(self)
        transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        self._read += data
        at = 0
        while (end := _end_of_frame(self._read, at)) is not None:
            self._see(self._read[at], bytes(self._read[at:end]))
            at = end
        del self._read[:at]

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.gone.set()

    def _see(self, first: int, frame: bytes) -> None:
        assert self._transport is not None
        if first == _PING:
            self._transport.write(_PONG)
        elif first == _TEXT:
            message = json.loads(frame[frame.index(b"{") :])
            if message["type"] == "closing":
                self.was_told = message["reason"]


def _end_of_frame(read: bytearray, at: int) -> int | None:
    """Return the end of the frame that begins at ``at``; None while a part of it is missing. Servers do not mask."""
    if len(read) < at + 4:
        return at + 2 if len(read) >= at + 2 and read[at + 1] == 0 else None
    length, begin = read[at + 1], at + 2
    if length == 126:
        length, begin = struct.unpack_from("!H", read, at + 2)[0], at + 4
    elif length == 127:
        length, begin = struct.unpack_from("!Q", read, at + 2)[0] if len(read) >= at + 10 else 1 << 40, at + 10
    return begin + length if len(read) >= begin + length else None


async def _signed_in(socket: ClientConnection) -> Message:
    """The welcome; who is told to come later asks again."""
    while True:
        await send(socket, {"type": "guest"})
        answer = await receive(socket)
        assert isinstance(answer, dict), "no world is shown before the welcome"
        if answer["type"] == "welcome":
            return answer
        await asyncio.sleep(answer["retry_after_ms"] / 1000)
