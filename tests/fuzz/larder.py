"""The demo game, with apples for everybody: an honest player has something to act with from the beginning."""

from __future__ import annotations

from gameserver.demo import Grass, Meadow, Visitor

APPLES = 1_000_000


class Larder(Meadow):
    def on_join(self, zone: Grass, player: Visitor) -> None:
        if player.is_new:
            player.inventory.add("apple", APPLES)
        super().on_join(zone, player)
