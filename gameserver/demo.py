"""The demo game: a meadow to walk about in, with things to pick up, use, drop and give, and butterflies.

It imports only public names of the package, as a game of your own would.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from gameserver import (
    Action,
    Entity,
    Exchange,
    Game,
    Input,
    Player,
    PlayerState,
    Refusal,
    RefusalCode,
    Zone,
    ZoneSpec,
    handles,
)

WALK_SPEED = 6.0  # world units a second
REACH = 3.0  # world units
THINGS_PER_KIND = {"apple": 80, "coin": 60, "flower": 80}
DROP_MAX = 20  # things at once
BUTTERFLIES = 12
BUTTERFLY_SPEED = 2.5

Direction = Annotated[float, Meta(ge=-1.0, le=1.0)]
Item = Annotated[str, Meta(min_length=1, max_length=32)]
Quantity = Annotated[int, Meta(ge=1, le=1_000_000)]


class Move(Input, tag="move", frozen=True):
    """Walk in this direction until told otherwise; (0, 0) stops."""

    dx: Direction
    dy: Direction


class PickUp(Action, tag="pick_up", frozen=True):
    entity: int


class Use(Action, tag="use", frozen=True):
    item: Item


class Drop(Action, tag="drop", frozen=True):
    item: Item
    quantity: Annotated[int, Meta(ge=1, le=DROP_MAX)] = 1


class Give(Action, tag="give", frozen=True):
    to: int  # the entity of a player nearby
    item: Item
    quantity: Quantity = 1


class Villager(PlayerState):
    """The part of a player that the meadow keeps."""

    apples_eaten: int = 0
    steps: float = 0.0


class Ground:
    """The meadow's own memory: its butterflies, and the dropped things, which do not grow again."""

    def __init__(self, butterflies: list[Entity]):
        self.butterflies = butterflies
        self.dropped: set[int] = set()


class Meadow(Game):
    """Walk, gather, eat, give."""

    tick_hz = 20
    kinds = ("player", "apple", "coin", "flower", "butterfly")
    zones = (ZoneSpec("meadow", width=120.0, height=120.0, cell_size=20.0),)
    state_type = Villager
    page = Path(__file__).parent / "web"

    def on_start(self, zone: Zone) -> None:
        for kind, count in THINGS_PER_KIND.items():
            for _ in range(count):
                grow(zone, kind)
        zone.volatile = Ground([zone.spawn("butterfly", *anywhere(zone)) for _ in range(BUTTERFLIES)])

    def on_join(self, zone: Zone, player: Player) -> None:
        if player.is_new:
            middle = (zone.width / 2 + zone.random.uniform(-8, 8), zone.height / 2 + zone.random.uniform(-8, 8))
            zone.move_to(player, *middle)
        player.volatile = (0.0, 0.0)

    def on_disconnect(self, zone: Zone, player: Player) -> None:
        player.volatile = (0.0, 0.0)

    @handles(Move)
    def move(self, zone: Zone, player: Player, message: Move) -> None:
        length = math.hypot(message.dx, message.dy)
        if length == 0.0:
            player.volatile = (0.0, 0.0)
            return
        shrink = max(length, 1.0)  # a diagonal is not faster
        player.volatile = (message.dx / shrink, message.dy / shrink)
        player.face(message.dx, message.dy)

    @handles(PickUp)
    def pick_up(self, zone: Zone, player: Player, message: PickUp) -> None:
        thing = zone.reach(player, message.entity, REACH)
        kind = zone.kind_of(thing)
        if kind not in THINGS_PER_KIND:
            raise Refusal(RefusalCode.NOT_USABLE, f"a {kind} cannot be picked up")
        player.inventory.add(kind)
        zone.remove(thing)
        if thing.id in zone.volatile.dropped:
            zone.volatile.dropped.discard(thing.id)
        else:
            grow(zone, kind)

    @handles(Use)
    def use(self, zone: Zone, player: Player, message: Use) -> None:
        if message.item != "apple":
            raise Refusal(RefusalCode.NOT_USABLE, "only apples can be used: they are eaten", field="item")
        player.inventory.remove("apple")
        player.state.apples_eaten += 1

    @handles(Drop)
    def drop(self, zone: Zone, player: Player, message: Drop) -> None:
        if message.item not in THINGS_PER_KIND:
            raise Refusal(RefusalCode.NOT_USABLE, "that cannot be dropped here", field="item")
        zone.exchange(player, None, message.item, message.quantity)

    @handles(Give)
    def give(self, zone: Zone, player: Player, message: Give) -> None:
        receiver = zone.reach(player, message.to, REACH)
        if not isinstance(receiver, Player):
            raise Refusal(RefusalCode.NO_SUCH_THING, "that is not a player", field="to")
        zone.exchange(player, receiver, message.item, message.quantity)

    def on_exchange(self, zone: Zone, exchange: Exchange) -> None:
        if exchange.receiver is not None:
            zone.send(exchange.receiver, "received", by=exchange.giver.name, item=exchange.kind, n=exchange.quantity)
            return
        for _ in range(exchange.quantity):
            beside = exchange.x + zone.random.uniform(-1, 1), exchange.y + zone.random.uniform(-1, 1)
            zone.volatile.dropped.add(zone.spawn(exchange.kind, *beside).id)

    def on_tick(self, zone: Zone) -> None:
        stride = WALK_SPEED * zone.tick_s
        for player in zone.players.values():
            dx, dy = player.volatile
            if dx or dy:
                zone.move_to(player, player.x + dx * stride, player.y + dy * stride)
        for butterfly in zone.volatile.butterflies:
            flutter(zone, butterfly)


def anywhere(zone: Zone) -> tuple[float, float]:
    return zone.random.uniform(1, zone.width - 1), zone.random.uniform(1, zone.height - 1)


def grow(zone: Zone, kind: str) -> None:
    """One more thing of the kind, somewhere."""
    zone.spawn(kind, *anywhere(zone))


def flutter(zone: Zone, butterfly: Entity) -> None:
    """A random walk: mostly onwards, turning a little."""
    butterfly.facing += zone.random.randint(-12, 12)
    angle = butterfly.facing / 256 * math.tau
    stride = BUTTERFLY_SPEED * zone.tick_s
    zone.move_to(butterfly, butterfly.x + math.cos(angle) * stride, butterfly.y + math.sin(angle) * stride)
