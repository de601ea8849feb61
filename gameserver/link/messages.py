"""What edge and host say to each other; the same whether the link is a call or a network.

Nothing here holds an object of either side: identifiers, structs of the protocol and bytes only.
"""

from __future__ import annotations

import msgspec

from gameserver.protocol.errors import Close, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import ClientMessage, ServerMessage, Welcome

# --- edge to host ---


class Join(msgspec.Struct, frozen=True):
    """An authenticated player wants a session on this connection. Answered by Opened, Declined or CloseConnection."""

    connection_id: ConnectionId
    player_id: PlayerId
    name: str
    guest_token: str | None = None  # to be passed on in the welcome


class ResumeSession(msgspec.Struct, frozen=True):
    """A client wants back the session its token names. Answered like Join."""

    connection_id: ConnectionId
    token: str


class PlayerInputs(msgspec.Struct, frozen=True):
    """What connections whose sessions are open have said since the last of these, decoded, in the order of arrival:
    who, and beside it what. A connection is in here as often as it said something."""

    connection_ids: list[ConnectionId]
    messages: list[ClientMessage]


class Leave(msgspec.Struct, frozen=True):
    """The connection is gone. ``why`` is for logs and metrics."""

    connection_id: ConnectionId
    why: str


class Resync(msgspec.Struct, frozen=True):
    """Ticks were skipped for this slow connection; it can take one full view now."""

    connection_id: ConnectionId


ToHost = Join | ResumeSession | PlayerInputs | Leave | Resync

# --- host to edge ---


class Opened(msgspec.Struct, frozen=True):
    """The session is open on this connection; from now on it may send inputs."""

    connection_id: ConnectionId
    player_id: PlayerId
    welcome: Welcome


class Declined(msgspec.Struct, frozen=True):
    """Join or resume failed; the connection stays open and may try again."""

    connection_id: ConnectionId
    code: RefusalCode
    reason: str
    retry_after_ms: int = 0


class Deliver(msgspec.Struct, frozen=True):
    """One JSON message for each of these connections; those that are gone are skipped. Nobody may change the list."""

    connection_ids: list[ConnectionId]
    message: ServerMessage


class WorldFrame(msgspec.Struct, frozen=True):
    """Ready bytes of one binary frame, and who sees it. ``full`` frames need no frame before them. Nobody may change
    the list: the same one may come again on the next tick."""

    payload: bytes
    connection_ids: list[ConnectionId]
    full: bool = False


class TickFrames(msgspec.Struct, frozen=True):
    """Everything one zone shows for one tick. A viewer is in at most one of the frames."""

    zone: str
    tick: int
    frames: list[WorldFrame]


class CloseConnection(msgspec.Struct, frozen=True):
    connection_id: ConnectionId
    reason: Close
    detail: str = ""


ToEdge = Opened | Declined | Deliver | TickFrames | CloseConnection
