"""The sessions this host owns, by player, by connection and by name. Memory only; Redis has a copy that outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager

from gameserver.link.audiences import Audiences
from gameserver.protocol.ids import ConnectionId, Epoch, PlayerId
from gameserver.protocol.names import name_key
from gameserver.session.player_locks import PlayerLocks
from gameserver.session.session import Session
from gameserver.world.entity import Player


class Registry:
    """A player has at most one session here, a connection at most one session, a session at most one connection."""

    def __init__(self) -> None:
        self._by_player: dict[PlayerId, Session] = {}
        self._by_connection: dict[ConnectionId, Session] = {}
        self._by_name: dict[str, Session] = {}
        self._locks = PlayerLocks()
        self.connections = Audiences()  # of the sessions that have one

    def __len__(self) -> int:
        return len(self._by_player)

    def __iter__(self) -> Iterator[Session]:
        return iter(list(self._by_player.values()))

    def get(self, player_id: PlayerId) -> Session | None:
        return self._by_player.get(player_id)

    def session_of(self, player: Player) -> Session | None:
        """The session of exactly this player object, not of one that has taken its place."""
        session: Session | None = player._internals.session
        return session

    def by_connection(self, connection_id: ConnectionId) -> Session | None:
        return self._by_connection.get(connection_id)

    def by_name(self, name: str) -> Session | None:
        """The session of the player called ``name``, however it is written."""
        return self._by_name.get(name_key(name))

    def presence(self, name: str) -> tuple[PlayerId, str] | None:
        """Return the id and the name of the player called ``name``, if that player is connected."""
        session = self.by_name(name)
        if session is None or session.connection_id is None:
            return None
        return session.player_id, session.player.name

    def epoch_of(self, player_id: PlayerId) -> Epoch | None:
        """Return the epoch under which this host owns the player, if it does."""
        session = self.get(player_id)
        return session.epoch if session is not None else None

    def epochs(self) -> dict[PlayerId, Epoch]:
        """Return the epoch of each player here."""
        return {session.player_id: session.epoch for session in self}

    def has_sessions(self) -> bool:
        return bool(self._by_player)

    def add(self, session: Session) -> None:
        assert session.player_id not in self._by_player, "a player has one session on a host"
        self._by_player[session.player_id] = session
        session.player._internals.session = session
        session.count()
        self._by_name[name_key(session.player.name)] = session

    def remove(self, session: Session) -> None:
        """Forget the session; one that took its place stays."""
        self.unbind(session)
        if self._by_player.get(session.player_id) is session:
            del self._by_player[session.player_id]
            session.player._internals.session = None
            self._by_name.pop(name_key(session.player.name), None)

    def bind(self, session: Session, connection_id: ConnectionId) -> ConnectionId | None:
        """The session is this connection's now. Returns the connection it had before, to be closed."""
        before = self.unbind(session)
        session.connection_id = connection_id
        self._by_connection[connection_id] = session
        self.connections.put(session.player_id, connection_id)
        return before

    def unbind(self, session: Session) -> ConnectionId | None:
        before, session.connection_id = session.connection_id, None
        session.unanswered.clear()
        session.is_leaving = False
        if before is not None:
            self._by_connection.pop(before, None)
            if self.connections.get(session.player_id) == before:
                self.connections.drop(session.player_id)
        return before

    @property
    def is_busy(self) -> bool:
        """Some player is opening, resuming or ending."""
        return bool(self._locks)

    def lock(self, player_id: PlayerId) -> AbstractAsyncContextManager[None]:
        """Opening, resuming and ending of one player never overlap."""
        return self._locks.hold(player_id)
