"""Weather: the seeded adversary of each call on its way to a store and back.

A call may be slow, so that it is overtaken; refused before it took effect; lose its reply after it took effect; or take
effect only after its caller has given up on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from random import Random
from typing import NamedTuple


class Loss(Enum):
    NOTHING = auto()
    REFUSED = auto()  # an error, and it never takes effect
    REPLY = auto()  # it took effect, its caller hears an error
    LATE = auto()  # its caller hears an error, and then it takes effect


class Fate(NamedTuple):
    there_s: float
    back_s: float
    loss: Loss
    late_s: float = 0.0  # how long after its caller gave up


LOSSES = (Loss.REFUSED, Loss.REPLY, Loss.LATE)
CALM_S = 0.004
LATE_MAX_S = 1.5


@dataclass
class Weather:
    """``delay_max_s`` each way; ``loss`` is the share of calls that are lost in one of the three ways."""

    random: Random
    delay_max_s: float = CALM_S
    loss: float = 0.0

    def fate(self) -> Fate:
        there_s, back_s = self.delay_s(), self.delay_s()
        if self.loss and self.random.random() < self.loss:
            return Fate(there_s, back_s, self.random.choice(LOSSES), self.random.uniform(0.0, LATE_MAX_S))
        return Fate(there_s, back_s, Loss.NOTHING)

    def delay_s(self) -> float:
        return self.random.uniform(0.0005, self.delay_max_s)

    def clears_up(self) -> None:
        self.delay_max_s, self.loss = CALM_S, 0.0
