"""A zone: a bounded world with its entities and players, and what a game may ask of it. It changes only on its tick.

What a handler or ``on_tick`` asks of the outside (messages, exchanges) is collected here and acted on after the tick.
Time and randomness come from the zone, so that a tick is a pure function of what went in.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, Any, Generic, NamedTuple

import msgspec

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.messages import Action, ServerMessage, ZoneDescription
from gameserver.protocol.mistake import GameError, closest, place_of_caller, shown
from gameserver.world.entity import Entity, Player
from gameserver.world.event import event_of
from gameserver.world.exchange import Exchange, ExchangeOp
from gameserver.world.grid import Cell, Grid
from gameserver.world.journal import Journal, cut
from gameserver.world.scratch import ScratchT, ZoneScratchT
from gameserver.world.state import StateT
from gameserver.world.zone_size import check_zone

if TYPE_CHECKING:
    from random import Random  # only the type: the source of randomness is an argument


class ZoneSpec(msgspec.Struct, frozen=True):
    """A zone a game has: x in [0, width], y in [0, height], in world units.

    Viewers see the 3 × 3 cells of ``cell_size`` around them. Who walks along a border is not now in one cell and now in
    the other: an entity, and so a viewer, keeps its cell until it is ``border_margin``, a fraction of a cell, inside
    another. So whatever is nearer than ``cell_size * (1 - 2 * border_margin)`` is in view.

    ``refresh_ticks`` is for zones where one sees far: every how many ticks viewers are shown the cells that are 0, 1,
    2 … cells away from their own; they see as far as it names. With ``(1, 1, 4)`` they see 5 × 5 cells: who comes to
    and leaves the outer ones on every tick, what else changes there on every fourth.
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


class Outgoing(msgspec.Struct, frozen=True):
    """A JSON message for one player, or for everyone in the zone."""

    to: PlayerId | None
    message: ServerMessage


class Note(NamedTuple):
    """A note that a service's handler leaves for the service, which acts on it after the tick."""

    service: Any
    player: Player
    content: Any


class WaitingAction(NamedTuple):
    came_tick: int
    lineage: str  # whose numbering its seq is of
    action: Action


class Zone(Generic[StateT, ScratchT, ZoneScratchT]):
    """A zone as the hooks of a game see it.

    ``tick`` counts from 0, ``tick_s`` is its length in seconds, ``now_ms`` the time of this tick in ms since 1970 (for
    stamps people read), ``random`` the zone's own randomness, ``scratch`` the game's own memory of the zone.
    """

    def __init__(self, spec: ZoneSpec, kinds: tuple[str, ...], tick_hz: int, random: Random, scratch: ZoneScratchT):
        self.spec = spec
        self.name = spec.name
        self.width = spec.width
        self.height = spec.height
        self.random = random
        self.tick = 0
        self.tick_s = 1.0 / tick_hz
        self.now_ms = 0
        self._scratch = scratch
        self.entities: dict[EntityId, Entity] = {}
        self.players: dict[PlayerId, Player[StateT, ScratchT]] = {}
        self.grid = Grid(
            spec.width,
            spec.height,
            spec.cell_size,
            margin=spec.cell_size * spec.border_margin,
            refresh_ticks=spec.refresh_ticks,
        )
        self.changed: dict[EntityId, Entity] = {}  # entities changed since the cells were last updated
        self.kept: dict[PlayerId, Player] = {}  # players whose inventory, state, actions or speech may have changed
        self.crossings: dict[PlayerId, tuple[Cell | None, Cell]] = {}  # viewers that need a frame of their own
        self.journal: Journal = []  # how to undo what happened since the last tick
        self.outgoing: list[Outgoing] = []
        self.notes: list[Note] = []  # for services, which act on them after the tick
        self.exchanges: list[Exchange] = []
        self.waiting: dict[PlayerId, deque[WaitingAction]] = {}  # behind an exchange
        self.current_op: ExchangeOp | None = None  # the action being applied, for exchanges it asks for
        self._always_seen = spec.cell_size * (1 - 2 * spec.border_margin)  # what is nearer is in view
        self.items: frozenset[str] | None = None  # the kinds of item that the game declares; None: any
        self._kinds = {name: number for number, name in enumerate(kinds)}
        # From anywhere: an action sent again to the next process must find nothing there, and not somebody else.
        self._next_id = 1 + random.getrandbits(30)

    # --- for games ---

    @property
    def scratch(self) -> ZoneScratchT:
        """The game's own memory of the zone, of the game's own type. It ends with the zone."""
        return self._scratch

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
        self.add(entity)
        return entity

    def remove(self, entity: Entity) -> None:
        """The entity is gone at the end of this tick; removing it twice is harmless. Raises ValueError for a player who
        is in the zone: those leave when their session ends."""
        if isinstance(entity, Player) and self.players.get(entity.player_id) is entity:
            raise ValueError(f"{entity.name} is a player and leaves with the session")
        if self.entities.pop(entity.id, None) is not None:
            was_changed = self.changed.pop(entity.id, None) is not None
            self.journal.append((self._put_back, entity, entity.cell, was_changed))
            self.grid.take(entity)
            entity.note_in(None)

    def clamp(self, x: float, y: float) -> tuple[float, float]:
        """The nearest place inside the zone. Raises ValueError for what is no place."""
        if isnan(x) or isnan(y):
            raise ValueError(f"no place: {x}, {y}")
        return min(max(x, 0.0), self.width), min(max(y, 0.0), self.height)

    def move_to(self, entity: Entity, x: float, y: float) -> None:
        """Put the entity at the nearest place inside the zone."""
        if not (0.0 <= x <= self.width and 0.0 <= y <= self.height):
            x, y = self.clamp(x, y)
        entity.move(x, y)

    def entity(self, entity_id: int) -> Entity:
        """The entity of that id. Raises Refusal (NO_SUCH_THING)."""
        entity = self.entities.get(EntityId(entity_id))
        if entity is None:
            raise _not_there()
        return entity

    def reach(self, player: Player, entity_id: int, radius: float) -> Entity:
        """Return the entity of that id if it is within ``radius``. Raises Refusal (NO_SUCH_THING, TOO_FAR).

        Out of view and out of reach is answered like an id that does not exist, so that nobody learns what is there."""
        entity = self.entity(entity_id)
        distance = player.distance_to(entity)
        if distance <= radius:
            return entity
        if distance <= self._always_seen or self.in_view(player, entity):
            raise Refusal(RefusalCode.TOO_FAR, "come closer")
        raise _not_there()

    def near(self, x: float, y: float, radius: float) -> Iterator[Entity]:
        """Entities within ``radius`` of the place. What is new on this tick, or came further on it than the zone's
        ``border_margin``, may be missed."""
        for cell in self.grid.within(x, y, radius):
            for entity in tuple(cell.entities.values()):  # the caller may remove what it gets
                if (entity.x - x) ** 2 + (entity.y - y) ** 2 <= radius * radius:
                    yield entity

    # In compiled code a field may not have the name of a parameter, so these have names that no field has.

    def send(self, _player: Player, _name: str, /, **fields: Any) -> None:
        """Send one player an event of the game's own, of any fields. Raises GameError where JSON has no such value."""
        check_player("zone.send", _player)
        event = event_of("zone.send", _name, fields)
        self.journal.append((cut, self.outgoing, len(self.outgoing)))
        self.outgoing.append(Outgoing(_player.player_id, event))

    def broadcast(self, _name: str, /, **fields: Any) -> None:
        """Send everyone in the zone an event of the game's own. Raises GameError like ``send``."""
        event = event_of("zone.broadcast", _name, fields)
        self.journal.append((cut, self.outgoing, len(self.outgoing)))
        self.outgoing.append(Outgoing(None, event))

    def exchange(self, giver: Player, receiver: Player | None, kind: str, quantity: int = 1) -> None:
        """Ask for ``quantity`` of ``kind`` to pass from giver to receiver, or to the ground when there is none.

        Both inventories are frozen until SQL has committed; the game learns of it in ``on_exchange``, and only then
        may it show what was dropped. Raises Refusal (NOT_ENOUGH, YOURSELF, FULL, TRY_LATER), changing nothing.
        """
        check_player("zone.exchange", giver)
        if receiver is not None:
            check_player("zone.exchange", receiver)
        proposed = Exchange.propose(self._op_of(giver), giver, receiver, kind, quantity, self.tick)
        self.journal.append((self.withdraw_exchanges, len(self.exchanges)))
        self.exchanges.append(proposed)

    # --- for the server and its services ---

    def tell(self, to: PlayerId | None, message: ServerMessage) -> None:
        """Send a message to one player, in whichever zone, or to everyone in this one."""
        self.journal.append((cut, self.outgoing, len(self.outgoing)))
        self.outgoing.append(Outgoing(to, message))

    def note(self, note: Note) -> None:
        """Leave a note for a service. It is gone if the handler refuses or raises."""
        self.journal.append((cut, self.notes, len(self.notes)))
        self.notes.append(note)

    def admit(self, player: Player[Any, Any]) -> None:
        if (older := self.players.get(player.player_id)) is not None:
            older.zone = None
        self.players[player.player_id] = player
        player.zone = self
        player.inventory.declared = self.items
        player.note_kept_in(self.kept, self.journal)
        self.add(player)

    def has(self, player: Player) -> bool:
        """This one, not another of the same name whose session was before it or comes after it."""
        return player.zone is self

    def release(self, player: Player) -> None:
        del self.players[player.player_id]
        player.zone = None
        self.kept.pop(player.player_id, None)
        self.remove(player)
        player.note_kept_nowhere()

    def add(self, entity: Entity) -> None:
        entity.id = EntityId(self._next_id)
        self._next_id += 1
        self.entities[entity.id] = entity
        self.journal.append((self._take_out, entity))
        entity.stay_within(self.width, self.height, self.journal)
        entity.note_in(self.changed)
        entity.note()

    def take_changed(self) -> list[Entity]:
        """Return the entities that changed since the last call."""
        changed = list(self.changed.values())
        self.changed.clear()
        for entity in changed:
            entity.note_in(self.changed)
        return changed

    def describe(self) -> ZoneDescription:
        return ZoneDescription(self.name, self.width, self.height, self.spec.cell_size)

    def in_view(self, viewer: Player, entity: Entity) -> bool:
        return viewer.cell is not None and entity.cell in viewer.cell.view

    def withdraw_exchanges(self, count: int) -> None:
        """Take back all but the first ``count`` that were asked for on this tick; nothing of them has happened."""
        for exchange in self.exchanges[count:]:
            exchange.settle("refused")
        del self.exchanges[count:]

    def _take_out(self, entity: Entity) -> None:
        """Undo ``add``. Nobody has seen the entity, so its number is free again."""
        del self.entities[entity.id]
        entity.note_in(None)
        self._next_id = entity.id

    def _put_back(self, entity: Entity, cell: Cell | None, was_changed: bool) -> None:
        """Undo ``remove``."""
        self.entities[entity.id] = entity
        if cell is not None:
            self.grid.put_back(entity, cell)
        if was_changed:
            self.changed[entity.id] = entity
        else:
            entity.note_in(self.changed)

    def _op_of(self, giver: Player) -> ExchangeOp:
        """The action being applied, whoever gives, for the first exchange it asks for; else the game's own."""
        op = self.current_op
        if op is not None and all(exchange.op is not op for exchange in self.exchanges):
            return op
        # Ticks begin again with the process, the inventory's sequence does not: no exchange takes an older one's name.
        return ExchangeOp(giver, None, f"{giver.player_id}:{giver.actions.lineage}:t{self.tick}.{giver.inventory.seq}")


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
