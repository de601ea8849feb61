"""The demo game in a small place, so that bots find things and one another all the time; and with an action that tries
to keep what no store can."""

from __future__ import annotations

import os

from gameserver import Action, Player, Zone, ZoneSpec, handles
from gameserver.demo import Grass, Meadow, PickUp, Villager, Visitor
from gameserver.world.inventory import Holding
from gameserver.world.state_notes import notes_of

# In a node's environment, for the negative controls:
MINTS_PAST_THE_CHECK = "ORCHARD_MINTS_PAST_THE_CHECK"  # the game mints whatever it is asked for
FORGETS_FIELDS = "ORCHARD_FORGETS_FIELDS"  # the game carries no fields of other versions along


class Hoard(Action, tag="hoard"):
    """Mint one of ``item``, and write a diary of so many ``letters``."""

    item: str
    letters: int


class Hoarding(Villager):
    diary: str = ""


class Orchard(Meadow):
    zones = (ZoneSpec("orchard", width=30.0, height=30.0, cell_size=30.0),)
    state_type = Hoarding

    def on_join(self, zone: Grass, player: Visitor) -> None:
        super().on_join(zone, player)
        if FORGETS_FIELDS in os.environ:
            notes_of(player.state).carried = None

    @handles(Hoard)
    def hoard(self, zone: Zone, player: Player[Hoarding], message: Hoard) -> None:
        player.state.diary = "x" * message.letters
        if MINTS_PAST_THE_CHECK in os.environ:
            before = player.inventory._holdings.get(message.item, Holding())
            player.inventory._set(message.item, Holding(before.quantity + 1, before.minted + 1, before.burned))
        else:
            player.inventory.add(message.item)


class Picker(Hoarding):
    picked: int = 0


class NewOrchard(Orchard):
    """The next version of the game: it counts, besides, what a player has picked up."""

    state_type = Picker

    @handles(PickUp)
    def pick_up(self, zone: Grass, player: Visitor, message: PickUp) -> None:
        super().pick_up(zone, player, message)
        assert isinstance(player.state, Picker)
        player.state.picked += 1
