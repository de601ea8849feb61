"""What comes out of a tick: what is to be shown, kept, answered, asked of the outside. The host acts on it."""

from __future__ import annotations

from dataclasses import dataclass

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


class TickResult:
    def __init__(self, tick: int):
        self.tick = tick
        self.admitted: list[Player] = []  # to be welcomed; they get a full frame this tick
        self.declined: list[tuple[Player, str]] = []
        self.left: list[Player] = []
        self.moved: list[Player] = []  # position, facing or status changed
        self.kept: list[Player] = []  # inventory, state or action log changed
        self.verdicts: list[Verdict] = []
        self.exchanges: list[Exchange] = []
        self.outgoing: list[Outgoing] = []
        self.lines: list[tuple[Player, ChatLine]] = []
        self.frames: list[ViewFrame] = []
        self.errors: list[Exception] = []  # what handlers raised that is not a refusal
