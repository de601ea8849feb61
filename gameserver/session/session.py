"""One live session: the player, its owner, its connection, and its unwritten changes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from gameserver.observability import metrics
from gameserver.profiles.edits import Seen
from gameserver.protocol.ids import ConnectionId, Epoch, PlayerId
from gameserver.protocol.messages import Ack
from gameserver.session.lifecycle import SessionEvent, SessionState, next_state
from gameserver.world.entity import Player

_OPEN: Final = (SessionState.JOINING, SessionState.ACTIVE, SessionState.DISCONNECTED)


class Dirty:
    """Bits for the parts of the session hash that are behind memory. Plain ints: the ``|`` of an enum would cost more
    than all the rest of marking a session."""

    NOTHING: Final = 0
    PLACE: Final = 1
    ITEMS: Final = 2
    STATE: Final = 4
    ACTIONS: Final = 8
    SPEECH: Final = 16
    STATUS: Final = 32  # resume tokens and whether it is connected
    ALL: Final = 63


@dataclass(slots=True, eq=False)
class Session:
    """``seq`` rises with every write to Redis; ``saved_seq`` is the last one SQL has. Times are monotonic seconds."""

    player: Player
    epoch: Epoch
    zone: str
    seq: int
    saved_seq: int
    opened_at_ms: int
    last_input_s: float
    state: SessionState = SessionState.JOINING
    connection_id: ConnectionId | None = None
    disconnected_at_s: float | None = None
    seen: Seen | None = None  # SQL's row as the session last saw it
    refused_ends: int = 0  # how often it could not end because SQL refused its final save
    tick: int = 0  # the zone's tick that memory shows
    resume_token: str = ""  # to be told in the next welcome; only its hash is stored
    resume_hashes: tuple[str, ...] = ()  # of the newest token and, until it is known to have arrived, the one before
    resumed: bool = False  # how the present connection came by the session
    guest_token: str | None = None
    dirty: int = Dirty.NOTHING
    dirty_kinds: set[str] = field(default_factory=set)
    kinds_written: int = 0  # of items, to its hash
    foreign_fields: int = 0  # that the hash has of another release
    # Both are looked at on every tick: the empty tuple is the same for all, and always in the cache.
    unstored: tuple[Ack, ...] = ()  # acks to be given once Redis has replied
    stored_waiters: tuple[asyncio.Future[bool], ...] = ()
    unanswered: set[int] = field(default_factory=set)  # seqs that the present connection sent and has no answer to
    is_leaving: bool = False  # the present connection logs out or is about to be closed: no action is taken any more
    key: bytes = b""  # of its hash; made when first needed
    is_counted: bool = False  # in the metric, which counts the registry's sessions

    def count(self) -> None:
        """Count the session in the metric of sessions by state."""
        self.is_counted = True
        metrics.SESSIONS.labels(self.state).inc()

    @property
    def player_id(self) -> PlayerId:
        return self.player.player_id

    @property
    def is_open(self) -> bool:
        """It takes inputs, or would if its client came back."""
        return self.state in _OPEN

    def move(self, event: SessionEvent) -> None:
        """Move along the table of the lifecycle."""
        before, self.state = self.state, next_state(self.state, event)
        if self.is_counted:
            metrics.SESSIONS.labels(before).dec()
            if self.state is not SessionState.ENDED:
                metrics.SESSIONS.labels(self.state).inc()
