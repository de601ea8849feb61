"""A small zone with players and stones."""

from __future__ import annotations

from random import Random

from gameserver.world.scratch import Scratch
from gameserver.world.zone import Zone, ZoneSpec


def zone(border_margin: float = 0.1) -> Zone:
    spec = ZoneSpec("z", width=50.0, height=30.0, cell_size=10.0, border_margin=border_margin)
    return Zone(spec, ("player", "stone"), 20, Random(1), Scratch())


def settled(made: Zone) -> Zone:
    """Settle the zone as at the end of a tick."""
    made._internals.grid.settle(made._internals.take_changed())
    made._internals.grid.forget_changes()
    return made
