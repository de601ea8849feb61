"""Requests to a server, one at a time: the bytes of one go out in one piece, and its replies are compared to the usual.

It takes over the transport of a connection that redis-py has opened. Reading through that connection sets a timer and
builds strings for each reply, which costs more than all the rest of a tick's write.
"""

from __future__ import annotations

import asyncio
import os
import sys
from socket import AF_INET, AF_INET6, SO_RCVLOWAT, SOL_SOCKET, socket
from typing import Any

import hiredis
from redis.exceptions import InvalidResponse, RedisError, ResponseError

_NOT_YET = object()
_PIECE_BYTES = 16_384  # servers read so much, reply to it, and read on
_REPLY_BYTES_MIN = 3  # the shortest there is: nothing, ``_``
_LOW_WATER_BYTES_MAX = 1 << 16


class Pipeline(asyncio.Protocol):
    """Once ``is_clean`` is False, or ``ask`` has raised or was cancelled, the connection must be dropped: replies that
    are still due would be taken for those to the next request."""

    def __init__(self, transport: asyncio.Transport):
        """Whoever read from ``transport`` before is told nothing more; it must have read all that was sent."""
        self._transport = transport
        self._socket = _plain_tcp(transport)
        self._low_water_bytes = 1
        self._replies: Replies | None = None
        self._told: asyncio.Future[None] | None = None
        self.is_clean = True  # open, and nothing has come that nobody asked for
        transport.set_protocol(self)

    async def ask(self, packed: bytes | bytearray, count: int, usual: bytes) -> list[Any] | None:
        """Send so many commands. Returns None if the replies are the usual ones, else all of them; raises the first
        error among them, InvalidResponse for other replies than these, OSError when the connection is lost."""
        replies = self._replies = Replies(count, usual)
        self._told = asyncio.get_running_loop().create_future()
        if len(packed) > _PIECE_BYTES:
            self._wake_for(min(count * _REPLY_BYTES_MIN, _LOW_WATER_BYTES_MAX))
        self._transport.write(packed)
        await self._told
        self._replies = None
        return replies.read()

    def _wake_for(self, count: int) -> None:
        """Be woken only when so many bytes are there, or at the end: a piece by itself would wake us for little."""
        if self._socket is not None and count != self._low_water_bytes:
            self._socket.setsockopt(SOL_SOCKET, SO_RCVLOWAT, count)
            self._low_water_bytes = count

    def data_received(self, data: bytes) -> None:
        self._wake_for(1)  # the missing part may be shorter
        if self._replies is None or self._told is None or self._told.done():
            self.is_clean = False
            return
        try:
            is_whole = self._replies.take(data)
        except RedisError as error:
            self._end(error)
        else:
            if is_whole:
                self._end(None)

    def eof_received(self) -> None:
        """Nothing more will come, also if our own bytes still wait to leave."""
        self.is_clean = False
        self._end(ConnectionResetError("the server closed the connection"))

    def connection_lost(self, error: Exception | None) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
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
    """So many replies, as they come in. As long as they are the usual ones, byte for byte, nothing is parsed."""

    def __init__(self, count: int, usual: bytes):
        self._count = count
        self._usual = usual
        self._came = 0  # bytes of the usual ones
        self._parser: hiredis.Reader | None = None
        self._parsed: list[Any] = []

    def take(self, chunk: bytes) -> bool:
        """Whether they are all here. Raises InvalidResponse for more than were due."""
        if self._parser is None:
            if self._usual.startswith(chunk, self._came):
                self._came += len(chunk)
                return self._came == len(self._usual)
            self._parser = _new_parser()
            self._parser.feed(self._usual[: self._came])
        self._parser.feed(chunk)
        while len(self._parsed) < self._count and (reply := self._parser.gets()) is not _NOT_YET:
            self._parsed.append(reply)
        if len(self._parsed) < self._count:
            return False
        if self._parser.has_data():
            raise InvalidResponse("more replies than were due")
        return True

    def read(self) -> list[Any] | None:
        """All of them, or None if they are the usual ones. Raises the first error among them, unless it says only that
        one key has another type: that is a reply, and no reason to refuse the others."""
        if self._parser is None:
            return None
        for reply in self._parsed:
            if isinstance(reply, ResponseError) and not is_of_another_type(reply):
                raise reply
        return self._parsed


def is_of_another_type(reply: Any) -> bool:
    """Whether the reply says that the key holds no hash."""
    return isinstance(reply, ResponseError) and str(reply).startswith("WRONGTYPE")


def _plain_tcp(transport: asyncio.Transport) -> socket | None:
    """Its socket once more, to be closed; none where what comes there is no TCP, or is not yet what we are to read. The
    transport's own may be a stand-in, which makes a socket for each call."""
    if sys.platform != "linux" or transport.get_extra_info("sslcontext") is not None:
        return None
    opened: socket | None = transport.get_extra_info("socket")
    if opened is None or opened.family not in (AF_INET, AF_INET6):
        return None
    return socket(fileno=os.dup(opened.fileno()))


def _new_parser() -> hiredis.Reader:
    return hiredis.Reader(protocolError=InvalidResponse, replyError=ResponseError, notEnoughData=_NOT_YET)
