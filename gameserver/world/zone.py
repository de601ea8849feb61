"""A zone: a bounded world with its entities and players, and the calls of a game. It changes only on its tick.

``Zone`` is what a game sees. The server's part of a zone is behind ``zone._internals``. What a handler or ``on_tick``
asks of the outside (messages, exchanges) is collected there and acted on after the tick. Time and randomness come from
the zone, so that a tick is a pure function of what went in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isnan
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic

import msgspec

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.mistake import GameError, closest, place_of_caller, shown
from gameserver.world.entity import Entity, Player
from gameserver.world.event import event_of
from gameserver.world.exchange import propose
from gameserver.world.scratch import ScratchT, ZoneScratchT
from gameserver.world.state import StateT
from gameserver.world.zone_internals import ZoneInternals
from gameserver.world.zone_size import check_zone

if TYPE_CHECKING:
    from random import Random  # only the type: the source of randomness is an argument


class ZoneSpec(msgspec.Struct, frozen=True):
    """A zone a game has: x in [0, width], y in [0, height], in world units.

    Viewers see the 3 × 3 cells of ``cell_size`` around them. An entity, and so a viewer, keeps its cell until it is
    ``border_margin``, a fraction of a cell, inside another: it does not flicker between two cells along a border. So
    everything nearer than ``cell_size * (1 - 2 * border_margin)`` is in view.

    ``refresh_ticks`` is for zones where one sees far. It names the ticks between two updates of the cells that are 0,
    1, 2 … cells away, and so how far viewers see. With ``(1, 1, 4)`` they see 5 × 5 cells: arrivals and departures in
    the outer ones on every tick, other changes on every fourth.
    """

    name: str
    width: float = 100.0
    height: float = 100.0
    cell_size: float = 16.0
    border_margin: float = 0.1
    refresh_ticks: tuple[int, ...] = (1, 1)

    def __post_init__(self) -> None:
        """Raise GameError where no zone could be made of it."""
        check_zone(self)


class Zone(Generic[StateT, ScratchT, ZoneScratchT]):
    """A zone as the hooks of a game see it. Nothing of it can be assigned, but for the fields of ``scratch``.

    ``tick`` counts from 0, ``tick_s`` is its length in seconds, ``now_ms`` the time of this tick in ms since 1970 (for
    stamps people read), ``random`` the zone's own randomness, ``scratch`` the game's own memory of the zone.
    """

    __slots__ = (
        "_always_seen",
        "_entities",
        "_height",
        "_internals",
        "_kinds",
        "_name",
        "_players",
        "_random",
        "_scratch",
        "_tick_s",
        "_width",
    )

    def __init__(self, spec: ZoneSpec, kinds: tuple[str, ...], tick_hz: int, random: Random, scratch: ZoneScratchT):
        self._internals = ZoneInternals(spec, random)
        self._name = spec.name
        self._width = spec.width
        self._height = spec.height
        self._tick_s = 1.0 / tick_hz
        self._random = random
        self._scratch = scratch
        self._entities: Mapping[EntityId, Entity] = MappingProxyType(self._internals.entities)
        self._players: Mapping[PlayerId, Player[StateT, ScratchT]] = MappingProxyType(self._internals.players)
        self._kinds = {name: number for number, name in enumerate(kinds)}
        self._always_seen = spec.cell_size * (1 - 2 * spec.border_margin)  # nearer entities are in view

    @property
    def name(self) -> str:
        return self._name

    @property
    def width(self) -> float:
        return self._width

    @property
    def height(self) -> float:
        return self._height

    @property
    def tick(self) -> int:
        return self._internals.tick

    @property
    def tick_s(self) -> float:
        return self._tick_s

    @property
    def now_ms(self) -> int:
        return self._internals.now_ms

    @property
    def random(self) -> Random:
        return self._random

    @property
    def scratch(self) -> ZoneScratchT:
        """The game's own memory of the zone, of the game's own type. It ends with the zone."""
        return self._scratch

    @property
    def entities(self) -> Mapping[EntityId, Entity]:
        """All entities in the zone by their id, players included."""
        return self._entities

    @property
    def players(self) -> Mapping[PlayerId, Player[StateT, ScratchT]]:
        """The players in the zone by ``player_id``."""
        return self._players

    def kind_number(self, kind: str) -> int:
        """Return the number a kind travels as. Raises GameError for one that the game did not declare."""
        number = self._kinds.get(kind)
        if number is None:
            raise _unknown_kind(kind, self._kinds)
        return number

    def kind_of(self, entity: Entity) -> str:
        return next(name for name, number in self._kinds.items() if number == entity.kind)

    def spawn(self, kind: str, x: float, y: float, *, name: str = "") -> Entity:
        """Add a new entity, in view from the end of this tick. Raises GameError for a kind that was not declared."""
        entity = Entity(self.kind_number(kind), *self.clamp(x, y), name)
        self._internals.add(entity)
        return entity

    def remove(self, entity: Entity) -> None:
        """The entity is gone at the end of this tick; removing it twice is harmless. Raises ValueError for a player who
        is in the zone: those leave when their session ends."""
        if isinstance(entity, Player) and self._internals.players.get(entity.player_id) is entity:
            raise ValueError(f"{entity.name} is a player and leaves with the session")
        self._internals.remove(entity)

    def clamp(self, x: float, y: float) -> tuple[float, float]:
        """The nearest place inside the zone. Raises ValueError for NaN."""
        if isnan(x) or isnan(y):
            raise ValueError(f"no place: {x}, {y}")
        return min(max(x, 0.0), self._width), min(max(y, 0.0), self._height)

    def move_to(self, entity: Entity, x: float, y: float) -> None:
        """Put the entity at the nearest place inside the zone."""
        if not (0.0 <= x <= self._width and 0.0 <= y <= self._height):
            x, y = self.clamp(x, y)
        entity._move(x, y)

    def entity(self, entity_id: int) -> Entity:
        """The entity of that id. Raises Refusal (NO_SUCH_THING)."""
        entity = self._internals.entities.get(EntityId(entity_id))
        if entity is None:
            raise _not_there()
        return entity

    def reach(self, player: Player, entity_id: int, radius: float) -> Entity:
        """Return the entity of that id if it is within ``radius``. Raises Refusal (NO_SUCH_THING, TOO_FAR).

        Out of view and out of reach is answered like an id that does not exist, so that nobody learns of hidden
        entities.
        """
        entity = self.entity(entity_id)
        distance = player.distance_to(entity)
        if distance <= radius:
            return entity
        if distance <= self._always_seen or self._internals.in_view(player, entity):
            raise Refusal(RefusalCode.TOO_FAR, "come closer")
        raise _not_there()

    def near(self, x: float, y: float, radius: float) -> Iterator[Entity]:
        """Entities within ``radius`` of the place. What is new on this tick, or came further on it than the zone's
        ``border_margin``, may be missed."""
        for cell in self._internals.grid.within(x, y, radius):
            for entity in tuple(cell.entities.values()):  # the caller may remove entities
                if (entity.x - x) ** 2 + (entity.y - y) ** 2 <= radius * radius:
                    yield entity

    # In compiled code a field may not have the name of a parameter, so these have names that no field has.

    def send(self, _player: Player, _name: str, /, **fields: Any) -> None:
        """Send one player an event of the game's own, of any fields. Raises GameError where JSON has no such value."""
        check_player("zone.send", _player)
        event = event_of("zone.send", _name, fields)
        self._internals.tell(_player.player_id, event)

    def broadcast(self, _name: str, /, **fields: Any) -> None:
        """Send everyone in the zone an event of the game's own. Raises GameError like ``send``."""
        event = event_of("zone.broadcast", _name, fields)
        self._internals.tell(None, event)

    def exchange(self, giver: Player, receiver: Player | None, kind: str, quantity: int = 1) -> None:
        """Ask for ``quantity`` of ``kind`` to pass from giver to receiver, or to the ground when there is none.

        Both inventories are frozen until SQL has committed; the game learns of it in ``on_exchange``, and only then
        may it show the dropped items. Raises Refusal (NOT_ENOUGH, YOURSELF, FULL, TRY_LATER), changing nothing.
        """
        check_player("zone.exchange", giver)
        if receiver is not None:
            check_player("zone.exchange", receiver)
        inside = self._internals
        proposed = propose(inside.op_of(giver), giver, receiver, kind, quantity)
        inside.journal.append((inside.withdraw_exchanges, len(inside.exchanges)))
        inside.exchanges.append(proposed)


def _not_there() -> Refusal:
    return Refusal(RefusalCode.NO_SUCH_THING, "it is not there any more")


def check_player(call: str, player: Any) -> None:
    """Raise GameError unless a player was given where the call wants one."""
    if not isinstance(player, Player):
        raise GameError(place_of_caller(call), f"is given {shown(player)} for a player", "give it the Player")


def _unknown_kind(kind: Any, kinds: dict[str, int]) -> GameError:
    problem = f"{shown(kind)} is none of the game's kinds"
    near = closest(kind, list(kinds))
    return GameError(place_of_caller("zone.spawn"), problem, f'write "{near}"' if near else "add it to Game.kinds")
