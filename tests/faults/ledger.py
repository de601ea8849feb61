"""Promises to players: every action with its answer, and every position that was shown.

Law: an action without an answer is unknown, never failed; what follows from it is a range.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.faults.wire import Message

SAME_PLACE = 0.002  # world units: what f32 and four decimals may differ by
WALK_SPEED = 6.0  # world units a second
SIGHTS_MAX = 600
UNSEEN_S = 0.5  # so long somebody may walk on unseen; the server stops whose socket is lost


class Range(NamedTuple):
    """The least and the most that a quantity can be."""

    low: int = 0
    high: int = 0

    def moved(self, by: int, is_certain: bool) -> Range:
        if is_certain:
            return Range(self.low + by, self.high + by)
        return Range(self.low + min(by, 0), self.high + max(by, 0))

    def holds(self, value: int) -> bool:
        return self.low <= value <= self.high


@dataclass(slots=True)
class Deed:
    """One action: what was sent, and the answer if there was one."""

    lineage: int  # counts the sign-ins whose numbering the seq is of
    message: Message
    item: str
    quantity: int = 1
    to: int | None = None  # the player a gift is for
    sent_s: float = field(default_factory=time.monotonic)
    answered_s: float = math.inf
    answer: str | None = None  # a level, or the code of a refusal

    @property
    def seq(self) -> int:
        return int(self.message["seq"])

    @property
    def what(self) -> str:
        return str(self.message["type"])

    @property
    def is_done(self) -> bool:
        return self.answer in ("stored", "durable")

    @property
    def is_unknown(self) -> bool:
        return self.answer in (None, "already_answered")


class Sight(NamedTuple):
    """A position at which the player was shown, and the last time of it."""

    x: float
    y: float
    at_s: float


class Staleness(NamedTuple):
    """Age of a position compared with the last one shown; zero if it is that one or newer. A walking player moves on
    every tick, so ticks are counted in moves: tick numbers begin again with each process."""

    ticks: int
    ms: float


class Before(NamedTuple):
    """One row of ``inventory``."""

    quantity: int
    minted: int
    burned: int


@dataclass
class Ledger:
    """The promises to one player."""

    player_id: int
    name: str
    deeds: list[Deed] = field(default_factory=list)
    sights: deque[Sight] = field(default_factory=lambda: deque(maxlen=SIGHTS_MAX))
    lineages: int = 0  # numberings so far
    before: dict[str, Before] = field(default_factory=dict)  # kind -> the row in SQL when the ledger began
    exchanges_before: int = 0
    left_s: float | None = None  # when it was told that it is logged out

    def see(self, x: float, y: float) -> None:
        if self.sights and math.hypot(self.sights[-1].x - x, self.sights[-1].y - y) <= SAME_PLACE:
            self.sights.pop()
        self.sights.append(Sight(x, y, time.monotonic()))

    def of(self, lineage: int) -> list[Deed]:
        return [deed for deed in self.deeds if deed.lineage == lineage]

    def staleness(self, x: float, y: float, late_s: float = 0.0, unseen_s: float = 0.0) -> Staleness | None:
        """Return the staleness of (x, y); None when the player was never shown there and cannot have got there since.
        ``late_s``: so much of its walk the observer may have missed besides."""
        if not self.sights:
            return Staleness(0, 0.0)
        last = self.sights[-1]
        for moves, sight in enumerate(reversed(self.sights)):
            if math.hypot(sight.x - x, sight.y - y) <= SAME_PLACE:
                return Staleness(moves, (last.at_s - sight.at_s) * 1000)
        reach = max(unseen_s, min(time.monotonic() - last.at_s, UNSEEN_S + late_s)) * WALK_SPEED + 0.5
        return Staleness(0, 0.0) if math.hypot(last.x - x, last.y - y) <= reach else None


class Book:
    """The ledgers of all players of a round."""

    def __init__(self) -> None:
        self.ledgers: dict[int, Ledger] = {}

    def deeds(self) -> Iterable[Deed]:
        return (deed for ledger in self.ledgers.values() for deed in ledger.deeds)

    def quantities(self, player_id: int, *, as_of_s: float = math.inf, sure_until_s: float = math.inf) -> Ranges:
        """Kind -> how many the player may hold. What others gave and had acked after ``as_of_s`` is uncertain; so is
        what was acked ``stored`` after ``sure_until_s``, when a fault may cost that."""
        ranges = Ranges({kind: _just(row.quantity) for kind, row in self.ledgers[player_id].before.items()})
        for deed in self.ledgers[player_id].deeds:
            gain = 1 if deed.what == "pick_up" else -deed.quantity
            ranges.note(deed, gain, _is_sure(deed, sure_until_s))
        for deed in self.deeds():
            if deed.to == player_id:
                ranges.note(deed, deed.quantity, deed.answered_s < as_of_s)
        return ranges

    def made(self, player_id: int, whats: tuple[str, ...], *, sure_until_s: float = math.inf) -> Ranges:
        """Kind -> how many the player minted or burned by these kinds of deeds."""
        before = self.ledgers[player_id].before.items()
        ranges = Ranges({kind: _just(row.minted if "pick_up" in whats else row.burned) for kind, row in before})
        for deed in self.ledgers[player_id].deeds:
            if deed.what in whats:
                ranges.note(deed, deed.quantity, _is_sure(deed, sure_until_s))
        return ranges


class Ranges(dict[str, Range]):
    def __missing__(self, kind: str) -> Range:
        return Range()

    def note(self, deed: Deed, by: int, is_sure: bool) -> None:
        if deed.is_done or deed.is_unknown:
            self[deed.item] = self[deed.item].moved(by, deed.is_done and is_sure)


def _just(quantity: int) -> Range:
    return Range(quantity, quantity)


def _is_sure(deed: Deed, sure_until_s: float) -> bool:
    return deed.answer == "durable" or deed.answered_s < sure_until_s
