"""The game that is measured: players who walk a step with every input, in as many zones as BENCH_ZONES says.

It imports only public names, and does as little as a game can: what is measured is the server.
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from stacks import Stacks  # beside this file

from gameserver import Game, Input, Player, Zone, ZoneSpec, handles

if into := os.environ.get("BENCH_STACKS"):
    Stacks(Path(into)).listen()

STRIDE = 0.2  # world units an input: 4 a second
Direction = Annotated[float, Meta(ge=-1.0, le=1.0)]


def number(name: str, default: float) -> float:
    return float(os.environ.get(name, default))


ZONES = int(number("BENCH_ZONES", 1))
SIDE = number("BENCH_SIDE", 100)  # world units
CELL = number("BENCH_CELL", 100)
PLAYERS = int(number("BENCH_PLAYERS", 500))  # in all zones together


class Move(Input, tag="move", frozen=True):
    dx: Direction
    dy: Direction


class Walk(Game):
    """One input, one step."""

    tick_hz = 20
    zones = tuple(ZoneSpec(f"zone{number}", SIDE, SIDE, CELL) for number in range(ZONES))

    def choose_zone(self, player: Player) -> str:
        return self.zones[player.player_id % ZONES].name

    def on_join(self, zone: Zone, player: Player) -> None:
        zone.move_to(player, *place(player.player_id // ZONES, max(PLAYERS // ZONES, 1)))

    @handles(Move)
    def move(self, zone: Zone, player: Player, message: Move) -> None:
        zone.move_to(player, player.x + message.dx * STRIDE, player.y + message.dy * STRIDE)


def place(index: int, players: int) -> tuple[float, float]:
    """Places spread evenly over the zone, each in its own row and, by the golden ratio, far from its neighbours."""
    golden = (math.sqrt(5) - 1) / 2
    return (index * golden % 1.0) * SIDE, ((index + 0.5) / players % 1.0) * SIDE
