"""The JSON messages: two closed sets of tagged structs, one per direction.

A client message is an intent, never a fact: a direction, not a position. A game adds its own by subclassing ``Input``
(latest wins, never acked) or ``Action`` (numbered, acked, applied exactly once), and so does a service. Each class
declares its policy: ``ack``, ``handled_by`` and ``needs``, as ``policy`` says.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, dataclass_transform

import msgspec
from msgspec import Meta

from gameserver.protocol.constants import CHAT_LENGTH_MAX, DESCRIBE_MAX, SEQ_MAX
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.message_class import MessageClass
from gameserver.protocol.policy import AckLevel

Seq = Annotated[int, Meta(ge=1, le=SEQ_MAX)]
Name = Annotated[str, Meta(min_length=1, max_length=64)]  # accounts checks the rest
Password = Annotated[str, Meta(min_length=1, max_length=256)]
Token = Annotated[str, Meta(min_length=1, max_length=256)]
EntityRef = Annotated[int, Meta(ge=1, le=2**32 - 1)]


@dataclass_transform(frozen_default=True, field_specifiers=(msgspec.field,))  # for type checkers: no frozen=True needed
class ClientMessage(msgspec.Struct, metaclass=MessageClass, tag_field="type", frozen=True):
    """Sent by the client. Unknown extra fields are ignored, so that newer clients can talk to older servers."""


# --- signing in ---


class SignInMessage(ClientMessage, handled_by="node", frozen=True):
    """The first message of a connection. Each kind is a subclass."""


class Register(SignInMessage, tag="register", frozen=True):
    """Make an account and play as it."""

    name: Name
    password: Password


class Login(SignInMessage, tag="login", frozen=True):
    name: Name
    password: Password


class Guest(SignInMessage, tag="guest", frozen=True):
    """Play without an account. ``token`` is the ``guest_token`` of an earlier welcome, to be the same guest again."""

    token: Token | None = None
    name: Name | None = None  # a wish for a new guest; made unique when taken


class Resume(SignInMessage, tag="resume", frozen=True):
    """Take back the session of a lost socket. ``token`` is the newest ``resume_token`` received."""

    token: Token


# --- playing ---


class Input(ClientMessage, frozen=True):
    """A game's own message that is never acked: only the latest matters. Subclass with ``tag="..."``."""


class Action(ClientMessage, ack="stored", frozen=True, kw_only=True):
    """A game's own message that is acked and applied exactly once. ``seq`` rises by one per action, from
    ``welcome.last_seq + 1``. ``ack`` is the level it is acked with. An action that asks for an exchange is acked as
    ``durable`` in any case; one that is declared so has to ask for an exchange."""

    seq: Seq


class Say(Action, tag="say", ack="accepted", handled_by="service", frozen=True):
    """Speak to everyone in the zone."""

    text: Annotated[str, Meta(max_length=CHAT_LENGTH_MAX)]


class Whisper(Action, tag="whisper", ack="accepted", handled_by="service", frozen=True):
    """Speak to one player who is online, by name."""

    to: Name
    text: Annotated[str, Meta(max_length=CHAT_LENGTH_MAX)]


class Describe(ClientMessage, tag="describe", frozen=True):
    """Ask for the names of entities in view; answered by ``described``."""

    ids: Annotated[list[EntityRef], Meta(min_length=1, max_length=DESCRIBE_MAX)]


class Logout(ClientMessage, tag="logout", handled_by="node", frozen=True):
    """End the session: saved, then closed with ``logged_out``."""


class ServerMessage(msgspec.Struct, tag_field="type", frozen=True):
    """Sent by the server. Fields may be added in later versions; clients ignore unknown fields."""


class ZoneDescription(msgspec.Struct, frozen=True):
    name: str
    width: float  # world units; x in [0, width], y in [0, height]
    height: float
    cell_size: float  # world units; cell_x = floor(x / cell_size), except just after an entity crossed a border


class ChatLine(msgspec.Struct, frozen=True):
    """One line of chat. ``sender`` comes from the session that spoke, never from its message."""

    channel: Literal["zone", "whisper"]
    sender: str
    text: str
    at_ms: int  # wall time of the server, ms since 1970
    to: str | None = None  # whispers only


class Welcome(ServerMessage, tag="welcome", frozen=True, kw_only=True):
    """The session is open. Sent once per connection, before anything else of the game."""

    player_id: PlayerId
    entity_id: EntityId
    name: str
    resume_token: str
    guest_token: str | None = None  # only on a guest's first sign-in: keep it to come back as the same guest
    resumed: bool  # True: the running session was taken back; False: opened anew
    last_seq: int  # the highest action seq this session has applied; the next action is last_seq + 1
    tick: int
    tick_hz: int
    grace_ms: int  # how long the session waits for a resume after the socket is lost
    zone: ZoneDescription
    kinds: list[str]  # entity kind number -> its name
    layout: list[tuple[str, str]]  # the fields of a world record: (name, type), little-endian, in order
    x: float
    y: float
    inventory: dict[str, int]
    chat: list[ChatLine] = []  # the zone's last lines, oldest first
    state: dict[str, Any]  # the game's own kept state of this player


class Ack(ServerMessage, tag="ack", frozen=True):
    """The action was applied and is kept at ``level``: accepted = in memory, stored = survives kill -9 of any one
    process, durable = survives power loss."""

    seq: int
    level: AckLevel


class Refused(ServerMessage, tag="refused", frozen=True, omit_defaults=True):
    """The message was not obeyed and changed nothing. ``seq`` is there when it was an action."""

    code: str
    reason: str
    seq: int | None = None
    field: str | None = None
    retry_after_ms: int = 0


class InventoryChanged(ServerMessage, tag="inventory", frozen=True):
    """The whole inventory, after it changed: item kind -> quantity, without empty kinds."""

    items: dict[str, int]


class StateChanged(ServerMessage, tag="state", frozen=True):
    """The game's own kept state of this player, after it changed."""

    state: dict[str, Any]


class Said(ServerMessage, tag="said", frozen=True):
    line: ChatLine


class EntityDescription(msgspec.Struct, frozen=True):
    id: EntityId
    name: str


class Described(ServerMessage, tag="described", frozen=True):
    """Answers ``describe``; ids that are gone or out of view are left out."""

    entities: list[EntityDescription]


class Event(ServerMessage, tag="event", frozen=True):
    """Something the game tells: ``name`` and ``fields`` are the game's own."""

    name: str
    fields: dict[str, Any]


class Closing(ServerMessage, tag="closing", frozen=True):
    """Comes before the close frame whenever the server closes by itself."""

    code: int
    reason: str  # a row's name in the table of closes
    text: str
    may_return: bool
    retry_after_ms: int


AnyServerMessage = Welcome | Ack | Refused | InventoryChanged | StateChanged | Said | Described | Event | Closing
"""Every message that the server sends, as a closed union: a client decodes with it."""
