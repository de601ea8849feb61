"""A player whose game tries to keep what no store can. Whatever was acked must be there whenever it comes back."""

from __future__ import annotations

import asyncio
import time
from random import Random

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.faults.bot import EdgeContext
from tests.faults.wire import Message, dial, receive, send

BACK_S = 15.0
ANSWER_S = 5.0
NAMES = (
    "relic", "x" * 64, "\U0001f409" * 64, "Relic", "épée", "a b",
    "x" * 65, "relic ", " relic", "", "re\nlic", "\u200b", "y" * 5_000,
)  # fmt: skip
LETTERS = (0, 10, 2_000, 60_000, 70_000, 300_000)


class Hoarder:
    """``hoard`` plays for a while, ``leave`` logs out. Each begins with a sign-in, and compares what is there then."""

    def __init__(self, number: int, around: EdgeContext, random: Random):
        self.number = number
        self._around = around
        self._random = random
        self._token: str | None = None
        self._acked: dict[str, int] = {}
        self._unanswered: dict[str, int] = {}  # may have been done, or not
        self._seq = 0

    async def hoard(self, seconds: float) -> None:
        """Act until the time is over, or the socket is lost."""
        until_s = time.monotonic() + seconds
        try:
            async with dial(self._around.urls[0]) as socket:
                await self._come(socket)
                while time.monotonic() < until_s:
                    await self._act(socket)
        except (OSError, WebSocketException, TimeoutError):
            pass  # the server was killed: what was acked is looked for at the next sign-in

    async def leave(self) -> None:
        """Come back, within the time that a player may be away, and log out."""
        until_s = time.monotonic() + self._around.lateness.patience_s(BACK_S)
        is_back = False
        while not is_back and time.monotonic() < until_s:
            try:
                async with dial(self._around.urls[0]) as socket:
                    is_back = await self._come(socket)
                    if is_back:
                        await send(socket, {"type": "logout"})
                        await self._end(socket)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.2)
        self._around.verdicts.check("no orphans", is_back, f"{self} cannot sign in any more")

    async def _come(self, socket: ClientConnection) -> bool:
        await send(socket, {"type": "guest", **({"token": self._token} if self._token else {})})
        answer = await self._answer(socket, "welcome", "refused")
        if answer["type"] == "refused":
            await asyncio.sleep(0.2)
            return False
        self._token = self._token or answer["guest_token"]
        self._seq = answer["last_seq"]
        self._compare(answer["inventory"])
        return True

    def _compare(self, held: dict[str, int]) -> None:
        for item, count in self._acked.items():
            most = count + self._unanswered.get(item, 0)
            found = held.get(item, 0)
            broken = f"{self} was acked {count} of {item[:70]!a} and has {found}"
            self._around.verdicts.check("true acks", count <= found <= most, broken)
        self._acked, self._unanswered = dict(held), {}

    async def _act(self, socket: ClientConnection) -> None:
        item, letters = self._random.choice(NAMES), self._random.choice(LETTERS)
        self._seq += 1
        self._unanswered[item] = self._unanswered.get(item, 0) + 1
        await send(socket, {"type": "hoard", "seq": self._seq, "item": item, "letters": letters})
        answer = await self._answer(socket, "ack", "refused")
        self._unanswered[item] -= 1
        if answer["type"] == "ack":
            self._acked[item] = self._acked.get(item, 0) + 1

    async def _answer(self, socket: ClientConnection, *types: str) -> Message:
        async with asyncio.timeout(ANSWER_S):
            while True:
                message = await receive(socket)
                if isinstance(message, dict) and message["type"] in types:
                    return message

    async def _end(self, socket: ClientConnection) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                while True:
                    await receive(socket)
        except ConnectionClosed:
            pass

    def __str__(self) -> str:
        return f"hoarder {self.number}"
