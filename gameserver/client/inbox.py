"""The messages a program reads one by one: one bounded queue for each reader, dropping the oldest when it is full."""

from __future__ import annotations

import asyncio
from collections import deque

from gameserver.protocol.messages import ServerMessage

READER_MESSAGES_MAX = 1000


class Messages:
    """An async iterator over the messages that arrive from now on; it ends with the session. Made by
    ``Client.messages()``.
    """

    def __init__(self, messages_max: int = READER_MESSAGES_MAX):
        self.dropped = 0  # messages lost because this reader was too slow
        self._queue: deque[ServerMessage] = deque(maxlen=messages_max)
        self._arrived = asyncio.Event()
        self._is_closed = False

    def put(self, message: ServerMessage) -> None:
        if len(self._queue) == self._queue.maxlen:
            self.dropped += 1
        self._queue.append(message)
        self._arrived.set()

    def close(self) -> None:
        """End the iteration after the messages that have already arrived."""
        self._is_closed = True
        self._arrived.set()

    def __aiter__(self) -> Messages:
        return self

    async def __anext__(self) -> ServerMessage:
        while not self._queue:
            if self._is_closed:
                raise StopAsyncIteration
            self._arrived.clear()
            await self._arrived.wait()
        return self._queue.popleft()


class Inbox:
    """Hands each message to every reader."""

    def __init__(self) -> None:
        self._readers: list[Messages] = []

    def reader(self) -> Messages:
        messages = Messages()
        self._readers.append(messages)
        return messages

    def put(self, message: ServerMessage) -> None:
        for reader in self._readers:
            reader.put(message)

    def close(self) -> None:
        for reader in self._readers:
            reader.close()
        self._readers.clear()
