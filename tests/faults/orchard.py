"""The demo game in a small place, so that bots find things and one another all the time."""

from __future__ import annotations

from gameserver import ZoneSpec
from gameserver.demo import Meadow


class Orchard(Meadow):
    zones = (ZoneSpec("orchard", width=30.0, height=30.0, cell_size=30.0),)
