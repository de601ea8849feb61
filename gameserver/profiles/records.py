"""Records that go into SQL and come out of it. Pure: structs only."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

import msgspec

from gameserver.profiles.edits import Seen
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.world.inventory import Holding


class Profile(msgspec.Struct, frozen=True):
    """A player's saved profile, as one claim or read found it."""

    player_id: PlayerId
    name: str
    epoch: Epoch
    saved_seq: int
    inventory_seq: int
    zone: str | None  # none until the first save
    x: float
    y: float
    facing: int
    state: bytes  # the game's own, JSON; b"{}" if none
    inventory: dict[str, Holding]
    saved_epoch: Epoch = Epoch(0)  # under which either seq last rose; 0 if an older version saved it
    is_behind: bool = False  # Redis has a session of an epoch that SQL had not issued: SQL was set back


class Save(msgspec.Struct, frozen=True):
    """A session as of ``seq``, to be written if nothing newer was."""

    player_id: PlayerId
    epoch: Epoch
    seq: int
    zone: str | None  # none: it was never let into its zone, and is still new
    x: float
    y: float
    facing: int
    state: bytes
    inventory_seq: int
    inventory: dict[str, Holding]  # whole: a kind that is used up stays, with quantity 0
    seen: Seen | None = None  # what the session last saw in SQL


class SaveOutcome(Enum):
    SAVED = "saved"
    ALREADY = "already"  # this seq or a newer one is in SQL; all is well
    FENCED = "fenced"  # a newer epoch has the player; this session must stop
    REFUSED = "refused"  # SQL is well and does not take this save; a later one of the session may fit


class Party(msgspec.Struct, frozen=True):
    """One side of an exchange, as it is to be afterwards."""

    player_id: PlayerId
    epoch: Epoch
    inventory_seq: int  # the new one
    inventory: dict[str, Holding]  # whole, after


class Exchange(msgspec.Struct, frozen=True):
    """Items that pass between players, or from one player to the ground: all or nothing, once per ``op_id``."""

    op_id: str  # at most 128 characters
    parties: tuple[Party, ...]  # one or two
    what: str  # for support staff


class ExchangeOutcome(Enum):
    DONE = "done"
    ALREADY = "already"  # this op_id was applied before; nothing changed now
    FENCED = "fenced"  # a party's epoch is not the row's
    STALE = "stale"  # a party's inventory_seq is not above the row's


class SessionLogEntry(msgspec.Struct, frozen=True):
    """One session from open to end, as support staff read it. Either half may be missing if SQL was away then."""

    player_id: PlayerId
    epoch: Epoch
    node: NodeId | None = None
    opened_ms: int | None = None
    ended_ms: int | None = None
    reason: str | None = None  # at most 64 characters
    last_seq: int | None = None


class Mark(NamedTuple):
    """A node's progress in a history of the database. Both numbers only rise."""

    commits: int  # exchanges and new accounts of the node
    beats: int  # seconds of play; the start counts two


class AccountRow(NamedTuple):
    player_id: PlayerId
    name: str
    password_hash: str | None  # none for guests
