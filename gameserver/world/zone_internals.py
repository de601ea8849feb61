"""The part of a zone that belongs to the server: ``zone._internals``. Games see ``Zone`` alone.

It has the cells, the notes of the tick that runs, the journal that undoes a failed call, and everything that the game
asked of the outside and that is acted on after the tick.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.messages import Action, ServerMessage, ZoneDescription
from gameserver.world.entity import Entity, Player, note_kept_in, note_kept_nowhere
from gameserver.world.exchange import Exchange, ExchangeOp, settle
from gameserver.world.grid import Cell, Grid
from gameserver.world.journal import Journal, cut

if TYPE_CHECKING:
    from random import Random  # only the type: the source of randomness is an argument

    from gameserver.world.zone import ZoneSpec


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


class ZoneInternals:
    """The server's part of one zone."""

    __slots__ = (
        "_next_id",
        "_spec",
        "changed",
        "crossings",
        "current_op",
        "entities",
        "exchanges",
        "grid",
        "items",
        "journal",
        "kept",
        "notes",
        "now_ms",
        "outgoing",
        "players",
        "tick",
        "waiting",
    )

    def __init__(self, spec: ZoneSpec, random: Random):
        self.tick = 0
        self.now_ms = 0
        self.entities: dict[EntityId, Entity] = {}
        self.players: dict[PlayerId, Player[Any, Any]] = {}
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
        self.journal: Journal = []  # the ways to undo all changes since the last tick
        self.outgoing: list[Outgoing] = []
        self.notes: list[Note] = []  # for services, which act on them after the tick
        self.exchanges: list[Exchange] = []
        self.waiting: dict[PlayerId, deque[WaitingAction]] = {}  # behind an exchange
        self.current_op: ExchangeOp | None = None  # the action being applied, for exchanges it asks for
        self.items: frozenset[str] | None = None  # the kinds of item that the game declares; None: any
        self._spec = spec
        # From anywhere: an action sent again to the next process must find nothing there, and not somebody else.
        self._next_id = 1 + random.getrandbits(30)

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
            older._internals.zone = None
        self.players[player.player_id] = player
        player._internals.zone = self
        player.inventory._declared = self.items
        note_kept_in(player, self.kept, self.journal)
        self.add(player)

    def has(self, player: Player) -> bool:
        """Return whether this very player is in the zone, not another one of the same name from a session before."""
        return player._internals.zone is self

    def release(self, player: Player) -> None:
        del self.players[player.player_id]
        player._internals.zone = None
        self.kept.pop(player.player_id, None)
        self.remove(player)
        note_kept_nowhere(player)

    def add(self, entity: Entity) -> None:
        entity._id = EntityId(self._next_id)
        self._next_id += 1
        self.entities[entity._id] = entity
        self.journal.append((self._take_out, entity))
        entity._stay_within(self._spec.width, self._spec.height, self.journal)
        entity._note_in(self.changed)
        entity._note()

    def remove(self, entity: Entity) -> None:
        if self.entities.pop(entity._id, None) is not None:
            was_changed = self.changed.pop(entity._id, None) is not None
            self.journal.append((self._put_back, entity, entity._cell, was_changed))
            self.grid.take(entity)
            entity._note_in(None)

    def take_changed(self) -> list[Entity]:
        """Return the entities that changed since the last call."""
        changed = list(self.changed.values())
        self.changed.clear()
        for entity in changed:
            entity._note_in(self.changed)
        return changed

    def describe(self) -> ZoneDescription:
        spec = self._spec
        return ZoneDescription(spec.name, spec.width, spec.height, spec.cell_size)

    def in_view(self, viewer: Player, entity: Entity) -> bool:
        return viewer._cell is not None and entity._cell in viewer._cell.view

    def withdraw_exchanges(self, count: int) -> None:
        """Take back all but the first ``count`` that were asked for on this tick; nothing of them has happened."""
        for exchange in self.exchanges[count:]:
            settle(exchange, "refused")
        del self.exchanges[count:]

    def op_of(self, giver: Player) -> ExchangeOp:
        """Return the action being applied, for the first exchange that it asks for; else an operation of the game's
        own."""
        op = self.current_op
        if op is not None and all(exchange._op is not op for exchange in self.exchanges):
            return op
        # Ticks begin again with the process, the inventory's sequence does not: no exchange takes an older one's name.
        lineage = giver._internals.actions.lineage
        return ExchangeOp(giver, None, f"{giver.player_id}:{lineage}:t{self.tick}.{giver.inventory._seq}")

    def _take_out(self, entity: Entity) -> None:
        """Undo ``add``. Nobody has seen the entity, so its number is free again."""
        del self.entities[entity._id]
        entity._note_in(None)
        self._next_id = entity._id

    def _put_back(self, entity: Entity, cell: Cell | None, was_changed: bool) -> None:
        """Undo ``remove``."""
        self.entities[entity._id] = entity
        if cell is not None:
            self.grid.put_back(entity, cell)
        if was_changed:
            self.changed[entity._id] = entity
        else:
            entity._note_in(self.changed)
