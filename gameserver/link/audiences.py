"""The viewers of a frame, named by a number instead of a list. Pure.

The players of a cell mostly stay the same from tick to tick. The host numbers such a list and sends its connections
once (``Audiences``); the edge keeps the list under the number and looks its connections up once (``AudienceTable``).

Law: a number always means the same list. Any change of connections makes the host number anew. Bound: NUMBERED_MAX
players in all numbered lists, or one list.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from gameserver.link.messages import WorldFrame
from gameserver.protocol.ids import ConnectionId, PlayerId

NUMBERED_MAX: Final = 1 << 16
WORTH_NUMBERING: Final = 4  # players; a shorter list is sent and looked up sooner than numbered

V = TypeVar("V")


class Audiences:
    """The host's end: each player's connection, and the lists of players that have a number."""

    def __init__(self) -> None:
        self.oldest = 1  # the lowest number in use
        self._connections: dict[PlayerId, ConnectionId] = {}
        self._numbered: dict[PlayerId, _Audience] = {}  # by the first player of the list
        self._numbered_players = 0
        self._next = 1

    def __len__(self) -> int:
        return len(self._connections)

    def __contains__(self, player_id: object) -> bool:
        return player_id in self._connections

    def get(self, player_id: PlayerId) -> ConnectionId | None:
        return self._connections.get(player_id)

    def put(self, player_id: PlayerId, connection_id: ConnectionId) -> None:
        self._number_anew()
        self._connections[player_id] = connection_id

    def drop(self, player_id: PlayerId) -> None:
        """Forget the player's connection."""
        if self._connections.pop(player_id, None) is not None:
            self._number_anew()

    def connections_of(self, players: list[PlayerId]) -> list[ConnectionId]:
        """Return the connections of those players that have one, in the order of ``players``."""
        return [found for player_id in players if (found := self._connections.get(player_id)) is not None]

    def frame(self, payload: bytes, viewers: list[PlayerId], full: bool) -> WorldFrame | None:
        """Return the frame for the edge, or None when no viewer has a connection. ``viewers`` must not change later."""
        if len(viewers) < WORTH_NUMBERING:
            connections = self.connections_of(viewers)
            return WorldFrame(payload, connections, 0, full) if connections else None
        known = self._numbered.get(viewers[0])
        if known is not None and known.viewers == viewers:
            return WorldFrame(payload, [], known.number, full) if known.number else None
        return self._number(payload, viewers, full)

    def _number(self, payload: bytes, viewers: list[PlayerId], full: bool) -> WorldFrame | None:
        if self._numbered_players + len(viewers) > NUMBERED_MAX:
            self._number_anew()
        self._numbered_players += len(viewers)  # a list that takes another's place counts, too: safe, and simple
        connections = self.connections_of(viewers)
        if not connections:
            self._numbered[viewers[0]] = _Audience(viewers, 0)
            return None
        number, self._next = self._next, self._next + 1
        self._numbered[viewers[0]] = _Audience(viewers, number)
        return WorldFrame(payload, connections, number, full)

    def _number_anew(self) -> None:
        self._numbered.clear()
        self._numbered_players = 0
        self.oldest = self._next


class _Audience:
    """A list of players and its number; 0 when none of them has a connection."""

    def __init__(self, viewers: list[PlayerId], number: int):
        self.viewers = viewers
        self.number = number


class AudienceTable(Generic[V]):
    """The edge's end: a value for each connection, and the values of each numbered list."""

    def __init__(self) -> None:
        self._values: dict[ConnectionId, V] = {}
        self._lists: dict[int, list[ConnectionId]] = {}  # in the order of their numbers
        self._found: dict[int, list[V]] = {}  # the lists' viewers; emptied by every change
        self._oldest = 1

    def __len__(self) -> int:
        return len(self._values)

    def __contains__(self, connection_id: object) -> bool:
        return connection_id in self._values

    def get(self, connection_id: ConnectionId) -> V | None:
        return self._values.get(connection_id)

    def put(self, connection_id: ConnectionId, value: V) -> None:
        self._found.clear()
        self._values[connection_id] = value

    def drop(self, connection_id: ConnectionId) -> None:
        if self._values.pop(connection_id, None) is not None:
            self._found.clear()

    def viewers_of(self, frame: WorldFrame) -> list[V]:
        """Return the values of the frame's viewers; those without a value are left out. The list must not be changed.

        Raises KeyError for a number that was never sent with its list.
        """
        number = frame.audience
        if not number:
            return self._find(frame.connection_ids)
        found = self._found.get(number)
        if found is None:
            if frame.connection_ids:
                self._lists[number] = frame.connection_ids
            found = self._found[number] = self._find(self._lists[number])
        return found

    def forget_before(self, oldest: int) -> None:
        """Forget all lists with a lower number."""
        if oldest == self._oldest:
            return
        self._oldest = oldest
        for number in [number for number in self._lists if number < oldest]:
            del self._lists[number]
            self._found.pop(number, None)

    def _find(self, connection_ids: list[ConnectionId]) -> list[V]:
        return [found for connection_id in connection_ids if (found := self._values.get(connection_id)) is not None]
