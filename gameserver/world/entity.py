"""Things in a zone. Assigning ``x``, ``y``, ``facing`` or ``status`` is what moves them: the first change of a tick
notes the entity; the zone shows it, and a player's session keeps it, at the end of the tick. Assigning what is there
already changes nothing.

The grid, too, reads the slots of a place by their names with an underscore: on every tick, of all that moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import atan2, hypot, inf, isfinite, tau
from typing import TYPE_CHECKING, Any, Final

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.world_frame import FACING_STEPS, RECORD
from gameserver.world.action_log import ActionLog
from gameserver.world.inventory import Inventory
from gameserver.world.kept import nothing
from gameserver.world.speech import Speech
from gameserver.world.state import PlayerState

if TYPE_CHECKING:
    from gameserver.world.grid import Cell
    from gameserver.world.zone import Zone

_INF: Final = inf
DISCONNECTED: Final = 1  # bit 0 of status belongs to the server; a game may use the other fifteen


class Entity:
    """Something with a place in a zone.

    ``x y`` in world units, ``facing`` in 256ths of a turn (0 is +x, 64 is +y), ``kind`` an index into the game's kinds,
    ``status`` 16 bits that are shown to viewers.
    """

    __slots__ = ("_facing", "_notes", "_status", "_x", "_y", "cell", "id", "kind", "name")

    def __init__(self, kind: int, x: float, y: float, name: str = ""):
        self.id = EntityId(0)  # given by the zone
        self.kind = kind
        self.name = name
        self.cell: Cell | None = None
        self._x = x
        self._y = y
        self._facing = 0
        self._status = 0
        self._notes: dict[EntityId, Entity] | None = None  # takes the next change; None: noted already, or in no zone

    def note_in(self, notes: dict[EntityId, Entity] | None) -> None:
        """The next change, and it alone, puts this entity into ``notes``."""
        self._notes = notes

    def note(self) -> None:
        """Show the entity at the end of this tick."""
        if self._notes is not None:
            self._notes[self.id] = self
            self._notes = None

    @property
    def x(self) -> float:
        return self._x

    @x.setter
    def x(self, value: float) -> None:
        if value != self._x:
            self._x = _finite(value)
            self.note()

    @property
    def y(self) -> float:
        return self._y

    @y.setter
    def y(self, value: float) -> None:
        if value != self._y:
            self._y = _finite(value)
            self.note()

    @property
    def facing(self) -> int:
        return self._facing

    @facing.setter
    def facing(self, value: int) -> None:
        facing = value % FACING_STEPS
        if facing != self._facing:
            self._facing = facing
            self.note()

    @property
    def status(self) -> int:
        return self._status

    @status.setter
    def status(self, value: int) -> None:
        status = value & 0xFFFF
        if status != self._status:
            self._status = status
            self.note()

    def move(self, x: float, y: float) -> None:
        """Assign ``x`` and ``y`` at once."""
        if x != self._x or y != self._y:
            if not -_INF < x + y < _INF:  # neither of them may be infinite, or no number
                raise ValueError(f"no place: {x}, {y}")
            self._x, self._y = x, y
            self.note()

    def face(self, dx: float, dy: float) -> None:
        """Turn towards the direction (dx, dy), which need not be of length 1."""
        self.facing = round(atan2(dy, dx) / tau * FACING_STEPS)

    def distance_to(self, other: Entity) -> float:
        """World units."""
        return hypot(self._x - other._x, self._y - other._y)


def records(entities: Iterable[Entity]) -> list[bytes]:
    """The entities as they travel: one RECORD each."""
    pack = RECORD.pack
    return [pack(it.id, it._x, it._y, it.kind, it._facing, it._status) for it in entities]


def _finite(value: float) -> float:
    """A place that is none would stop the zone; so it costs only the one who assigns it."""
    if not isfinite(value):
        raise ValueError(f"no place: {value}")
    return value


class Player(Entity):
    """A player's entity, with what the session keeps: ``inventory`` and ``state``; and what it does not: ``volatile``,
    a place for whatever the game needs until the player leaves."""

    __slots__ = (
        "_on_change", "_state", "actions", "connected", "inventory", "is_new", "keeper", "player_id", "speech",
        "volatile", "zone",
    )  # fmt: skip

    def __init__(self, player_id: PlayerId, name: str, kind: int, x: float, y: float, state: PlayerState):
        super().__init__(kind, x, y, name)
        self.player_id = player_id
        self._state = state
        self._on_change: Callable[[], None] = nothing
        self.inventory = Inventory()
        self.actions = ActionLog()
        self.speech = Speech()
        self.volatile: Any = None
        self.keeper: Any = None  # a place for whoever keeps the player: the host puts its session there
        self.zone: Zone | None = None  # where it is let in
        self.connected = False
        self.is_new = True  # never saved before: the game may choose where it starts

    @property
    def state(self) -> Any:
        """Of the game's own type, so games need no cast."""
        return self._state

    @state.setter
    def state(self, state: PlayerState) -> None:
        state.carry_from(self._state)
        self._state = state
        state.tell_changes(self._on_change)
        if self._on_change is not nothing:
            state.note_assigned()

    def note_kept_in(self, kept: dict[PlayerId, Player]) -> None:
        """From now on a change of what the session keeps puts this player into ``kept``."""
        self._tell_changes(partial(kept.__setitem__, self.player_id, self))
        kept[self.player_id] = self  # it may have changed before

    def note_kept_nowhere(self) -> None:
        self._tell_changes(nothing)

    def _tell_changes(self, on_change: Callable[[], None]) -> None:
        self._on_change = self.inventory.on_change = self.actions.on_change = self.speech.on_change = on_change
        self._state.tell_changes(on_change)

    def show_connected(self, connected: bool) -> None:
        """Note whether somebody is at the other end, and let viewers see it."""
        self.connected = connected
        self.status = self._status & ~DISCONNECTED if connected else self._status | DISCONNECTED
