"""A wire to Redis on which replies are lost, torn and late, requests are lost and late, and lines cut, by a seed."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from enum import Enum
from random import Random

_LATE_S = (0.05, 0.6)  # some arrive in time, some when nobody waits any more


class Fate(Enum):
    """The fate of one chunk of bytes."""

    REPLY_DROPPED = "the server has done it, no more replies arrive, the line stays open"
    REPLY_CUT = "the server has done it, the line is cut before its reply"
    REPLY_TORN = "the line is cut in the middle of the reply"
    REPLY_LATE = "the reply, and all after it, arrive late"
    REQUEST_CUT = "the line is cut before the server has seen it"
    REQUEST_LATE = "the server sees it late, also when the client has hung up meanwhile"


_OF_REPLIES = (Fate.REPLY_DROPPED, Fate.REPLY_CUT, Fate.REPLY_TORN, Fate.REPLY_LATE)
_OF_REQUESTS = (Fate.REQUEST_CUT, Fate.REQUEST_LATE)


class LossyWire:
    """Listens on ``port``; of the chunks in each direction ``share`` meet a fate. Set it to 0 and all pass."""

    def __init__(self, server_port: int, seed: int, share: float):
        self.port = 0
        self.share = share
        self.server_port = server_port
        self.fates: Counter[Fate] = Counter()
        self.lines: set[_Line] = set()
        self._random = Random(seed)
        self._listener: asyncio.Server | None = None

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is on its way late."""
        return all(line.is_free for line in self.lines)

    async def plug(self) -> None:
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(lambda: _Line(self), "127.0.0.1", 0)
        self.port = int(self._listener.sockets[0].getsockname()[1])

    async def unplug(self) -> None:
        assert self._listener is not None
        self._listener.close()
        while self.lines:
            for line in self.lines:
                line.cut()
            await asyncio.sleep(0.01)

    def fate(self, among: tuple[Fate, ...]) -> Fate | None:
        if self._random.random() >= self.share:
            return None
        fate = self._random.choice(among)
        self.fates[fate] += 1
        return fate

    def delay_s(self) -> float:
        return self._random.uniform(*_LATE_S)


class _Lane:
    """One direction of a line: chunks in their order, which wait while it is held. ``freed`` is called afterwards."""

    def __init__(self, send: Callable[[bytes], None], freed: Callable[[], None]):
        self._send = send
        self._freed = freed
        self._waiting: list[bytes] = []
        self._holds = 0

    @property
    def is_free(self) -> bool:
        return self._holds == 0

    def carry(self, chunk: bytes) -> None:
        if self._holds:
            self._waiting.append(chunk)
        else:
            self._send(chunk)

    def hold(self) -> None:
        self._holds += 1

    def hold_for(self, seconds: float) -> None:
        self.hold()
        asyncio.get_running_loop().call_later(seconds, self.release)

    def release(self) -> None:
        self._holds -= 1
        if self._holds == 0:
            waiting, self._waiting = self._waiting, []
            for chunk in waiting:
                self._send(chunk)
            self._freed()


class _Line(asyncio.Protocol):
    """One client's connection. When it ends, the server's side of it ends once the requests held have gone on."""

    def __init__(self, wire: LossyWire):
        self._wire = wire
        self._to_client: asyncio.Transport | None = None
        self._to_server: asyncio.Transport | None = None
        self._requests = _Lane(self._send_on, self._end_if_alone)
        self._replies = _Lane(self._send_back, lambda: None)
        self._dialling: asyncio.Task[None] | None = None
        self._is_mute = False  # a wire loses the end of what was said, never something in the middle

    @property
    def is_free(self) -> bool:
        return self._requests.is_free and self._replies.is_free

    def cut(self) -> None:
        if self._to_client is not None:
            self._to_client.close()

    # --- the client ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._to_client = transport
        self._wire.lines.add(self)
        self._requests.hold()  # until the server's side is there
        self._dialling = asyncio.create_task(self._dial())

    def data_received(self, request: bytes) -> None:
        match self._wire.fate(_OF_REQUESTS):
            case Fate.REQUEST_CUT:
                self.cut()
                return
            case Fate.REQUEST_LATE:
                self._requests.hold_for(self._wire.delay_s())
        self._requests.carry(request)

    def connection_lost(self, error: Exception | None) -> None:
        self._to_client = None
        self._end_if_alone()

    # --- the server ---

    async def _dial(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            transport, _ = await loop.create_connection(lambda: _Back(self), "127.0.0.1", self._wire.server_port)
        except OSError:
            self.cut()
        else:
            self._to_server = transport
        self._requests.release()

    def replied(self, reply: bytes) -> None:
        match self._wire.fate(_OF_REPLIES):
            case Fate.REPLY_DROPPED:
                self._is_mute = True
            case Fate.REPLY_CUT:
                self.cut()
                return
            case Fate.REPLY_TORN:
                self._send_back(reply[: len(reply) // 2])
                self.cut()
                return
            case Fate.REPLY_LATE:
                self._replies.hold_for(self._wire.delay_s())
        self._replies.carry(reply)

    def hung_up(self) -> None:
        self._to_server = None
        self.cut()

    # --- both ---

    def _send_on(self, request: bytes) -> None:
        if self._to_server is not None:
            self._to_server.write(request)

    def _send_back(self, reply: bytes) -> None:
        if self._to_client is not None and not self._is_mute:
            self._to_client.write(reply)

    def _end_if_alone(self) -> None:
        if self._to_client is None and self._requests.is_free:
            if self._to_server is not None:
                self._to_server.close()
            self._wire.lines.discard(self)


class _Back(asyncio.Protocol):
    """The server's side of a line."""

    def __init__(self, line: _Line):
        self._line = line

    def data_received(self, reply: bytes) -> None:
        self._line.replied(reply)

    def connection_lost(self, error: Exception | None) -> None:
        self._line.hung_up()


@asynccontextmanager
async def lossy(server_port: int, *, seed: int, share: float) -> AsyncIterator[LossyWire]:
    wire = LossyWire(server_port, seed, share)
    await wire.plug()
    try:
        yield wire
    finally:
        await wire.unplug()
