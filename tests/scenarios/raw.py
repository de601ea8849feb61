"""A player by hand: one WebSocket, JSON in and out, to misbehave where the client library would not."""

from __future__ import annotations

import asyncio
import json
import math
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gameserver.protocol.world_frame import FULL, Record, Section, decode_frame

PATIENCE_S = 5.0


class Closed(Exception):  # noqa: N818
    """The server closed the connection; ``code`` is the close code."""

    def __init__(self, code: int):
        super().__init__(f"closed with {code}")
        self.code = code


class Raw:
    """``async with Raw(url) as player: await player.guest()``."""

    def __init__(self, url: str):
        self._url = url
        self._socket: ClientConnection | None = None
        self.waiting: list[dict[str, Any]] = []
        self.entities: dict[int, Record] = {}
        self._cells: dict[int, tuple[int, int]] = {}
        self.welcome: dict[str, Any] = {}
        self.seq = 0

    async def __aenter__(self) -> Self:
        """Connect, with room for all that a test does not read: behind a full queue the answer to ``close`` is not read
        either, and ``close`` waits ten seconds for it."""
        self._socket = await connect(
            self._url,
            subprotocols=["gameserver.v1"],  # type: ignore[list-item]
            max_size=None,
            max_queue=None,
            compression=None,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.socket.close()

    @property
    def socket(self) -> ClientConnection:
        assert self._socket is not None
        return self._socket

    @property
    def me(self) -> Record:
        return self.entities[self.welcome["entity_id"]]

    async def send(self, type_: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": type_, **fields}))

    async def sign_in(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The welcome; raises AssertionError with the refusal."""
        await self.send(type_, **fields)
        answer = await self.receive("welcome", "refused")
        assert answer["type"] == "welcome", answer
        self.welcome, self.seq = answer, answer["last_seq"]
        await self.until(lambda: self.welcome["entity_id"] in self.entities)
        return answer

    async def guest(self, **fields: Any) -> dict[str, Any]:
        return await self.sign_in("guest", **fields)

    async def act(self, type_: str, **fields: Any) -> dict[str, Any]:
        """The ack or refusal of a new action."""
        return await self.answer_to(await self.act_only(type_, **fields))

    async def act_only(self, type_: str, **fields: Any) -> int:
        self.seq += 1
        await self.send(type_, seq=self.seq, **fields)
        return self.seq

    async def answer_to(self, seq: int) -> dict[str, Any]:
        while (answer := await self.receive("ack", "refused")).get("seq") != seq:
            pass
        return answer

    async def receive(self, *types: str) -> dict[str, Any]:
        """The next message of one of these types; others before it are kept for later."""
        for at, kept in enumerate(self.waiting):
            if kept["type"] in types:
                return self.waiting.pop(at)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self._next()
                if message is not None and message["type"] in types:
                    return message
                if message is not None:
                    self.waiting.append(message)

    async def until(self, done: Any, patience_s: float = PATIENCE_S) -> None:
        """Read until ``done()``."""
        async with asyncio.timeout(patience_s):
            while not done():
                if (message := await self._next()) is not None:
                    self.waiting.append(message)

    async def listen(self, seconds: float) -> None:
        """Read for so long."""
        try:
            await self.until(lambda: False, seconds)
        except TimeoutError:
            pass

    async def closed(self, patience_s: float = PATIENCE_S) -> int:
        """The code the server closes with."""
        try:
            await self.until(lambda: False, patience_s)
        except Closed as closed:
            return closed.code
        except TimeoutError:
            raise AssertionError("the server did not close") from None
        raise AssertionError

    def cut(self) -> None:
        """Lose the socket without a word."""
        self.socket.transport.abort()

    async def walk_to(self, x: float, y: float, within: float = 1.0) -> None:
        """Stand within so much of the place. On a busy machine a step may be a long one: then walk back."""

        def away() -> float:
            return math.hypot(x - self.me.x, y - self.me.y)

        async with asyncio.timeout(40):
            while away() > within:
                while (distance := away()) > within:
                    await self.send("move", dx=(x - self.me.x) / distance, dy=(y - self.me.y) / distance)
                    await self.listen(0.1)
                await self.stand()

    async def stand(self) -> None:
        """Stop, and return when the player no longer moves."""
        await self.send("move", dx=0, dy=0)
        before = None
        while before != (before := (self.me.x, self.me.y)):
            await self.listen(0.15)

    async def fetch(self, kind: str) -> int:
        """Walk to the nearest thing of the kind and pick it up; its entity id."""
        number = self.welcome["kinds"].index(kind)
        await self.listen(0.1)  # somebody else may have taken what was last in view
        await self.until(lambda: any(record.kind == number for record in self.entities.values()))
        things = (record for record in self.entities.values() if record.kind == number)
        thing = min(things, key=lambda record: math.hypot(record.x - self.me.x, record.y - self.me.y))
        await self.walk_to(thing.x, thing.y)
        answer = await self.act("pick_up", entity=thing.id)
        assert answer == {"type": "ack", "seq": self.seq, "level": "stored"}
        return thing.id

    async def _next(self) -> dict[str, Any] | None:
        try:
            received = await self.socket.recv()
        except ConnectionClosed as closed:
            raise Closed(closed.rcvd.code if closed.rcvd else 1006) from None
        if isinstance(received, str):
            message: dict[str, Any] = json.loads(received)
            return message
        self._see(received)
        return None

    def _see(self, payload: bytes) -> None:
        if payload[1] & FULL:
            self._drop(list(self._cells))
        for section in decode_frame(payload)[1]:
            if section.what in (Section.SNAPSHOT, Section.FORGET):
                self._drop([known for known, cell in self._cells.items() if cell == section.cell])
            for record in section.records:
                self.entities[record.id] = record
                self._cells[record.id] = section.cell
            self._drop([gone for gone in section.left if self._cells.get(gone) == section.cell])

    def _drop(self, ids: list[int]) -> None:
        for entity_id in ids:
            self.entities.pop(entity_id, None)
            self._cells.pop(entity_id, None)
