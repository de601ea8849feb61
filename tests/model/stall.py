"""The game of the model: every thing is one of a kind, so that a double is seen at once, and players walk to the east
only, so that a place says how old it is."""

from __future__ import annotations

from gameserver import Action, Game, Input, Player, PlayerState, Zone, ZoneSpec, handles, refuse
from gameserver.protocol.ids import PlayerId


class Step(Input, tag="step", frozen=True):
    """One unit to the east."""


class Pick(Action, tag="pick", frozen=True):
    item: str


class Use(Action, tag="use", frozen=True):
    item: str


class Give(Action, tag="give", frozen=True):
    item: str
    to: int


class Drop(Action, tag="drop", frozen=True):
    item: str


class Bag(PlayerState):
    picked: int = 0


class Stall(Game[Bag]):
    tick_hz = 5
    zones = (ZoneSpec("stall", width=10_000.0, height=10.0, cell_size=10_000.0),)

    @handles(Step)
    def step(self, zone: Zone[Bag], player: Player[Bag], message: Step) -> None:
        zone.move_to(player, player.x + 1, 0.0)

    @handles(Pick)
    def pick(self, zone: Zone[Bag], player: Player[Bag], message: Pick) -> None:
        player.inventory.add(message.item)
        player.state.picked += 1

    @handles(Use)
    def use(self, zone: Zone[Bag], player: Player[Bag], message: Use) -> None:
        player.inventory.remove(message.item)

    @handles(Give)
    def give(self, zone: Zone[Bag], player: Player[Bag], message: Give) -> None:
        receiver = zone.players.get(PlayerId(message.to))
        if receiver is None:
            refuse("not here", code="no_such_thing")
        zone.exchange(player, receiver, message.item)

    @handles(Drop)
    def drop(self, zone: Zone[Bag], player: Player[Bag], message: Drop) -> None:
        zone.exchange(player, None, message.item)
