"""A lock for each player, kept while somebody wants it: work on one player is done one piece after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gameserver.protocol.ids import PlayerId


class PlayerLocks:
    """True while anybody has a turn or waits for one."""

    def __init__(self) -> None:
        self._locks: dict[PlayerId, tuple[asyncio.Lock, int]] = {}  # and how many want or have it

    def __bool__(self) -> bool:
        return bool(self._locks)

    @asynccontextmanager
    async def hold(self, player_id: PlayerId) -> AsyncIterator[None]:
        lock, users = self._locks.get(player_id) or (asyncio.Lock(), 0)
        self._locks[player_id] = (lock, users + 1)
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(player_id)
            if users > 1:
                self._locks[player_id] = (lock, users - 1)
