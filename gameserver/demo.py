"""The demo game: a meadow to walk about in, with things to pick up, use, drop and give, and butterflies.

It imports only public names of the package, as a game of your own would.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from gameserver import (
    Action,
    Entity,
    Exchange,
    Game,
    Input,
    Player,
    PlayerState,
    Scratch,
    Zone,
    ZoneSpec,
    handles,
    refuse,
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


class Drop(Action, tag="drop", ack="durable", frozen=True):
    item: Item
    quantity: Annotated[int, Meta(ge=1, le=DROP_MAX)] = 1


class Give(Action, tag="give", ack="durable", frozen=True):
    to: int  # the entity of a player nearby
    item: Item
    quantity: Quantity = 1


class Villager(PlayerState):
    """The part of a player that the meadow keeps."""

    apples_eaten: int = 0
    steps: float = 0.0


class Walk(Scratch):
    """The direction that a player walks in: of length 1 at most, and (0, 0) while the player stands."""

    dx: float = 0.0
    dy: float = 0.0


class Ground(Scratch):
    """The meadow's own memory: its butterflies, and the dropped things, which do not grow again."""

    butterflies: list[Entity] = field(default_factory=list)
    dropped: set[int] = field(default_factory=set)


Grass = Zone[Villager, Walk, Ground]
Visitor = Player[Villager, Walk]


class Meadow(Game[Villager, Walk, Ground]):
    """Walk, gather, eat, give."""

    tick_hz = 20
    kinds = ("player", "apple", "coin", "flower", "butterfly")
    zones = (ZoneSpec("meadow", width=120.0, height=120.0, cell_size=20.0),)
    page = Path(__file__).parent / "web"

    def on_start(self, zone: Grass) -> None:
        for kind, count in THINGS_PER_KIND.items():
            for _ in range(count):
                grow(zone, kind)
        zone.scratch.butterflies = [zone.spawn("butterfly", *anywhere(zone)) for _ in range(BUTTERFLIES)]

    def on_join(self, zone: Grass, player: Visitor) -> None:
        if player.is_new:
            middle = (zone.width / 2 + zone.random.uniform(-8, 8), zone.height / 2 + zone.random.uniform(-8, 8))
            zone.move_to(player, *middle)

    def on_disconnect(self, zone: Grass, player: Visitor) -> None:
        halt(player)

    @handles(Move)
    def move(self, zone: Grass, player: Visitor, message: Move) -> None:
        length = math.hypot(message.dx, message.dy)
        if length == 0.0:
            halt(player)
            return
        shrink = max(length, 1.0)  # a diagonal is not faster
        player.scratch.dx, player.scratch.dy = message.dx / shrink, message.dy / shrink
        player.face(message.dx, message.dy)

    @handles(PickUp)
    def pick_up(self, zone: Grass, player: Visitor, message: PickUp) -> None:
        thing = zone.reach(player, message.entity, REACH)
        kind = zone.kind_of(thing)
        if kind not in THINGS_PER_KIND:
            refuse(f"a {kind} cannot be picked up", code="not_usable")
        player.inventory.add(kind)
        zone.remove(thing)
        if thing.id in zone.scratch.dropped:
            zone.scratch.dropped.discard(thing.id)
        else:
            grow(zone, kind)

    @handles(Use)
    def use(self, zone: Grass, player: Visitor, message: Use) -> None:
        if message.item != "apple":
            refuse("only apples can be used: they are eaten", code="not_usable", field="item")
        player.inventory.remove("apple")
        player.state.apples_eaten += 1

    @handles(Drop)
    def drop(self, zone: Grass, player: Visitor, message: Drop) -> None:
        if message.item not in THINGS_PER_KIND:
            refuse("that cannot be dropped here", code="not_usable", field="item")
        zone.exchange(player, None, message.item, message.quantity)

    @handles(Give)
    def give(self, zone: Grass, player: Visitor, message: Give) -> None:
        receiver = zone.reach(player, message.to, REACH)
        if not isinstance(receiver, Player):
            refuse("that is not a player", code="no_such_thing", field="to")
        zone.exchange(player, receiver, message.item, message.quantity)

    def on_exchange(self, zone: Grass, exchange: Exchange[Villager, Walk]) -> None:
        if exchange.receiver is not None:
            zone.send(exchange.receiver, "received", by=exchange.giver.name, item=exchange.kind, n=exchange.quantity)
            return
        for _ in range(exchange.quantity):
            beside = exchange.x + zone.random.uniform(-1, 1), exchange.y + zone.random.uniform(-1, 1)
            zone.scratch.dropped.add(zone.spawn(exchange.kind, *beside).id)

    def on_tick(self, zone: Grass) -> None:
        stride = WALK_SPEED * zone.tick_s
        for player in zone.players.values():
            dx, dy = player.scratch.dx, player.scratch.dy
            if dx or dy:
                zone.move_to(player, player.x + dx * stride, player.y + dy * stride)
        for butterfly in zone.scratch.butterflies:
            flutter(zone, butterfly)


def halt(player: Visitor) -> None:
    player.scratch.dx = player.scratch.dy = 0.0


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
