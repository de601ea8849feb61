"""What comes out of a tick: what is to be shown, kept, answered, asked of the outside. The host acts on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from gameserver.protocol.errors import Refusal
from gameserver.protocol.messages import AckLevel, ChatLine
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange
from gameserver.world.view import ViewFrame
from gameserver.world.zone import Outgoing


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one message was answered: a level, or a refusal. ``seq`` None: it was not an action."""

    player: Player
    seq: int | None
    level: AckLevel | None = None
    refusal: Refusal | None = None


@dataclass(slots=True)
class TickResult:
    tick: int
    admitted: list[Player] = field(default_factory=list)  # to be welcomed; they get a full frame this tick
    declined: list[tuple[Player, str]] = field(default_factory=list)
    left: list[Player] = field(default_factory=list)
    moved: list[Player] = field(default_factory=list)  # position, facing or status changed
    kept: list[Player] = field(default_factory=list)  # inventory, state or action log changed
    verdicts: list[Verdict] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    outgoing: list[Outgoing] = field(default_factory=list)
    lines: list[tuple[Player, ChatLine]] = field(default_factory=list)
    frames: list[ViewFrame] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)  # what handlers raised that is not a refusal
