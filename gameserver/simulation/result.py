"""Result of a tick: frames to show, changes to keep, answers to send, exchanges to make. The host acts on it."""

from __future__ import annotations

from dataclasses import dataclass

from gameserver.protocol.errors import Refusal
from gameserver.protocol.policy import AckLevel
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange
from gameserver.world.view import ViewFrame
from gameserver.world.zone_internals import Note, Outgoing


@dataclass(frozen=True, slots=True)
class Verdict:
    """Answer to one message: a level, or a refusal. ``seq`` None: it was not an action."""

    player: Player
    seq: int | None
    level: AckLevel | None = None
    refusal: Refusal | None = None


class FailedCall:
    """A call of the game that raised and was undone: a hook's, or the handler's of the message named ``call``.

    (No NamedTuple: compiled, one cannot have a field of the type Exception.)
    """

    __slots__ = ("call", "error", "is_hook", "player")

    def __init__(self, call: str, is_hook: bool, player: Player | None, error: BaseException):
        self.call = call
        self.is_hook = is_hook
        self.player = player
        self.error = error


class TickResult:
    def __init__(self, tick: int):
        self.tick = tick
        self.admitted: list[Player] = []  # to be welcomed; they get a full frame this tick
        self.declined: list[tuple[Player, str]] = []  # the game's ``may_join`` gave this reason
        self.failed_to_join: list[Player] = []  # a hook raised: they are not in the zone, and may try again
        self.left: list[Player] = []
        self.rehomed: list[Player] = []  # their zone was gone; the game was told, so the new one is to be kept
        self.moved: list[Player] = []  # position, facing or status changed
        self.kept: list[Player] = []  # inventory, state or action log changed
        self.verdicts: list[Verdict] = []
        self.exchanges: list[Exchange] = []
        self.outgoing: list[Outgoing] = []
        self.notes: list[Note] = []  # for services
        self.frames: list[ViewFrame] = []
        self.errors: list[FailedCall] = []
