"""The demo game on a quarter of its ground, with as many things: a player walks to the next one in half the time."""

from __future__ import annotations

from gameserver import ZoneSpec
from gameserver.demo import Meadow


class Glade(Meadow):
    zones = (ZoneSpec("meadow", width=60.0, height=60.0, cell_size=20.0),)
