"""The HSETs of a tick's write, packed one behind the other in one buffer. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gameserver.protocol.ids import PlayerId
from gameserver.speedups import fill

ROOM_BYTES: Final = 4096  # more than the HSET of where a player is takes


class Batch:
    """Changes of sessions: the session, and its HSET. The buffer is made for so many bytes, and grows where that was
    too little."""

    __slots__ = ("_end", "_ends", "_room", "players")

    def __init__(self, room_bytes: int = 0) -> None:
        self.players: list[PlayerId] = []
        self._ends: list[int] = []  # of each one's HSET
        self._room = bytearray(room_bytes + ROOM_BYTES)
        self._end = 0  # of the packed bytes

    def __len__(self) -> int:
        return len(self.players)

    def __iter__(self) -> Iterator[tuple[PlayerId, bytes]]:
        """Each player with the HSET."""
        begin = 0
        for player, end in zip(self.players, self._ends, strict=True):
            yield player, bytes(self._room[begin:end])
            begin = end

    @property
    def size(self) -> int:
        """Bytes."""
        return self._end

    def add(self, player: PlayerId, command: bytes) -> None:
        end = self._end + len(command)
        self._room[self._end : end] = command
        self._note(player, end)

    def add_rendered(
        self, player: PlayerId, picture: bytes, key: bytes, seq: int, tick: int, x: float, y: float, facing: int
    ) -> None:
        """Add the HSET that ``speedups.fill`` makes of these values."""
        end = fill(self._room, self._end, picture, key, seq, tick, x, y, facing)
        while end < 0:
            self._room += bytes(len(self._room) + ROOM_BYTES)
            end = fill(self._room, self._end, picture, key, seq, tick, x, y, facing)
        self._note(player, end)

    def _note(self, player: PlayerId, end: int) -> None:
        self.players.append(player)
        self._ends.append(end)
        self._end = end

    def packed(self) -> bytearray:
        """All of them. Nothing may be added while somebody looks into it."""
        del self._room[self._end :]
        return self._room
