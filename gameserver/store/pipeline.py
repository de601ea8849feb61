"""Requests to a server, one at a time: the bytes of one go out in one piece, and its replies are counted in.

It takes over the transport of a connection that redis-py has opened. Reading through that connection sets a timer and
builds strings for each reply, which costs more than all the rest of a tick's write.
"""

from __future__ import annotations

import asyncio
from typing import Any

import hiredis
from redis.exceptions import InvalidResponse, RedisError, ResponseError

_NOT_YET = object()
_CHANGED = b":0\r\n"  # the reply to an HSET that added no field


class Pipeline(asyncio.Protocol):
    """Once ``is_clean`` is False, or ``ask`` has raised or was cancelled, the connection must be dropped: replies that
    are still due would be taken for those to the next request."""

    def __init__(self, transport: asyncio.Transport):
        """Whoever read from ``transport`` before is told nothing more; it must have read all that was sent."""
        self._transport = transport
        self._replies: Replies | None = None
        self._told: asyncio.Future[None] | None = None
        self.is_clean = True  # open, and nothing has come that nobody asked for
        transport.set_protocol(self)

    async def ask(self, packed: bytes, writes: int, reads: int) -> list[Any]:
        """Send commands, so many writes and then so many reads. Returns the replies to the reads; raises the first
        error among either, or OSError when the connection is lost."""
        replies = self._replies = Replies(writes, reads)
        self._told = asyncio.get_running_loop().create_future()
        self._transport.write(packed)
        await self._told
        self._replies = None
        return replies.read()

    def data_received(self, data: bytes) -> None:
        if self._replies is None:
            self.is_clean = False
            return
        try:
            is_whole = self._replies.take(data)
        except RedisError as error:
            self._end(error)
        else:
            if is_whole:
                self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_clean = False
        self._end(error or ConnectionResetError("the server closed the connection"))

    def _end(self, error: Exception | None) -> None:
        if self._told is None or self._told.done():
            return
        if error is None:
            self._told.set_result(None)
        else:
            self._told.set_exception(error)


class Replies:
    """The replies to so many writes and then so many reads, as they come in.

    Nearly every write changes fields that are there, and Redis says so: ``:0``. As long as nothing else comes, replies
    are counted by comparing bytes, in no time; whatever follows is parsed.
    """

    def __init__(self, writes: int, reads: int):
        self._writes = writes  # whose replies were not counted yet
        self._expected = writes + reads
        self._parser: hiredis.Reader | None = None
        self._parsed: list[Any] = []

    def take(self, chunk: bytes) -> bool:
        """Whether they are all here. Raises InvalidResponse for more than were due."""
        if self._parser is None:
            usual = min(self._writes, len(chunk) // len(_CHANGED))
            if chunk.startswith(_CHANGED * usual):
                self._writes -= usual
                self._expected -= usual
                if usual * len(_CHANGED) == len(chunk):
                    return self._expected == 0
                chunk = chunk[usual * len(_CHANGED) :]
            self._parser = _new_parser()
        self._parser.feed(chunk)
        while len(self._parsed) < self._expected and (reply := self._parser.gets()) is not _NOT_YET:
            self._parsed.append(reply)
        if len(self._parsed) < self._expected:
            return False
        if self._parser.has_data():
            raise InvalidResponse("more replies than were due")
        return True

    def read(self) -> list[Any]:
        """Those to the reads. Raises the first error among all."""
        for reply in self._parsed:
            if isinstance(reply, ResponseError):
                raise reply
        return self._parsed[self._writes :]


def _new_parser() -> hiredis.Reader:
    return hiredis.Reader(protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=_NOT_YET)
