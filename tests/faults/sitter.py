"""A player who signs in, looks on and does nothing: one more socket, and one more session to be saved.

It reads what it is sent and looks at none of it, so that hundreds cost a round little.
"""

from __future__ import annotations

import asyncio
import json

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.faults.bot import Surroundings
from tests.faults.ledger import Ledger
from tests.faults.wire import Message, dial, receive, send

SIT_S = 60.0


class Sitter:
    """``sits_down``, then ``rises`` once the server is gone. ``was_told``: why the server said it closes."""

    def __init__(self, number: int, around: Surroundings):
        self.number = number
        self.was_told = ""
        self._around = around
        self._seated = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def sits_down(self) -> None:
        """Returns when it plays."""
        self._task = asyncio.create_task(self._sit())
        async with asyncio.timeout(SIT_S):
            await self._seated.wait()

    async def rises(self) -> None:
        """Waits for the socket's end."""
        assert self._task is not None
        async with asyncio.timeout(SIT_S):
            await self._task

    async def _sit(self) -> None:
        async with dial(self._around.urls[0]) as socket:
            welcome = await _signed_in(socket)
            ledger = Ledger(welcome["player_id"], welcome["name"])
            ledger.see(welcome["x"], welcome["y"])
            self._around.book.ledgers[ledger.player_id] = ledger
            self._seated.set()
            await self._look_on(socket)

    async def _look_on(self, socket: ClientConnection) -> None:
        try:
            while True:
                received = await socket.recv()
                if isinstance(received, str) and (message := json.loads(received))["type"] == "closing":
                    self.was_told = message["reason"]
        except ConnectionClosed:
            pass

    def __str__(self) -> str:
        return f"sitter {self.number}"


async def _signed_in(socket: ClientConnection) -> Message:
    """The welcome; who is told to come later asks again."""
    while True:
        await send(socket, {"type": "guest"})
        answer = await receive(socket)
        assert isinstance(answer, dict), "no world is shown before the welcome"
        if answer["type"] == "welcome":
            return answer
        await asyncio.sleep(answer["retry_after_ms"] / 1000)
