"""The messages between edge and host. They are the same whether the link is a call or a network.

Law: a message holds identifiers, numbers, texts and bytes only, never an object of either side, so that each of the two
unions at the end of a section can be encoded and decoded (``link/codec``).
"""

from __future__ import annotations

import msgspec

from gameserver.protocol.errors import Close, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId


class LinkMessage(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One message of the link; on a network its class name travels in front of its fields."""


# --- edge to host ---


class Join(LinkMessage, frozen=True):
    """An authenticated player wants a session on this connection. Answered by Opened, Declined or CloseConnection."""

    connection_id: ConnectionId
    player_id: PlayerId
    name: str
    guest_token: str | None = None  # to be passed on in the welcome


class ResumeSession(LinkMessage, frozen=True):
    """A client wants back the session that its token names. Answered like Join."""

    connection_id: ConnectionId
    token: str


class PlayerInputs(LinkMessage, frozen=True):
    """The JSON texts that open sessions have sent since the last message of this kind, in the order of arrival.

    ``texts[i]`` came from ``connection_ids[i]``. A connection is named once for each of its texts.
    """

    connection_ids: list[ConnectionId]
    texts: list[bytes]


class Leave(LinkMessage, frozen=True):
    """The connection is gone. ``why`` is for logs and metrics."""

    connection_id: ConnectionId
    why: str


class Resync(LinkMessage, frozen=True):
    """The edge skipped ticks for this slow connection. The connection can take one full view now."""

    connection_id: ConnectionId


ToHost = Join | ResumeSession | PlayerInputs | Leave | Resync

# --- host to edge ---


class Opened(LinkMessage, frozen=True):
    """The session is open on this connection, which may send inputs from now on. ``welcome`` is a JSON text."""

    connection_id: ConnectionId
    player_id: PlayerId
    welcome: bytes


class Declined(LinkMessage, frozen=True):
    """Join or resume failed. The connection stays open and may try again."""

    connection_id: ConnectionId
    code: RefusalCode
    reason: str
    retry_after_ms: int = 0


class Deliver(LinkMessage, frozen=True):
    """One JSON text for each of these connections. The edge skips those that are gone."""

    connection_ids: list[ConnectionId]
    text: bytes


class WorldFrame(LinkMessage, frozen=True):
    """One binary frame and its viewers. A ``full`` frame needs no frame before it.

    ``audience`` is the number of the list of viewers. The first frame with a number has the list in ``connection_ids``;
    later frames leave the list empty. Number 0 means that the list is short: it comes with the frame and is not kept.
    """

    payload: bytes
    connection_ids: list[ConnectionId]
    audience: int = 0
    full: bool = False


class TickFrames(LinkMessage, frozen=True):
    """All frames of one zone for one tick. A viewer is in at most one of the frames.

    No later frame uses an audience with a number below ``oldest_audience``: the edge may forget them.
    """

    zone: str
    tick: int
    oldest_audience: int
    frames: list[WorldFrame]


class CloseConnection(LinkMessage, frozen=True):
    """Close this connection; the host has let go of it."""

    connection_id: ConnectionId
    reason: Close
    detail: str = ""


class InputsWanted(LinkMessage, frozen=True):
    """Some zones are about to tick: read the players now."""


class PhaseEnded(LinkMessage, frozen=True):
    """These zones have ticked: send everything queued."""


ToEdge = Opened | Declined | Deliver | TickFrames | CloseConnection | InputsWanted | PhaseEnded
