"""Things in a zone. Assigning ``x``, ``y``, ``facing`` or ``status`` is what moves them: the assignment notes the
entity as changed, and the zone shows the change, and a player's session keeps it, at the end of the tick."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.world_frame import FACING_STEPS, RECORD
from gameserver.world.action_log import ActionLog
from gameserver.world.inventory import Inventory
from gameserver.world.speech import Speech
from gameserver.world.state import PlayerState

if TYPE_CHECKING:
    from gameserver.world.grid import Cell

DISCONNECTED = 1  # bit 0 of status belongs to the server; a game may use the other fifteen


class Entity:
    """Something with a place in a zone.

    ``x y`` in world units, ``facing`` in 256ths of a turn (0 is +x, 64 is +y), ``kind`` an index into the game's kinds,
    ``status`` 16 bits that are shown to viewers.
    """

    __slots__ = ("_changed", "_facing", "_status", "_x", "_y", "cell", "id", "kind", "name")

    def __init__(self, kind: int, x: float, y: float, name: str = ""):
        self.id = EntityId(0)  # given by the zone
        self.kind = kind
        self.name = name
        self.cell: Cell | None = None
        self._x = x
        self._y = y
        self._facing = 0
        self._status = 0
        self._changed: set[Entity] = set()  # the zone's, once it is in one

    def note_changes_in(self, changed: set[Entity]) -> None:
        """From now on a change adds this entity to ``changed``."""
        self._changed = changed
        changed.add(self)

    @property
    def x(self) -> float:
        return self._x

    @x.setter
    def x(self, value: float) -> None:
        self._x = _finite(value)
        self._changed.add(self)

    @property
    def y(self) -> float:
        return self._y

    @y.setter
    def y(self, value: float) -> None:
        self._y = _finite(value)
        self._changed.add(self)

    @property
    def facing(self) -> int:
        return self._facing

    @facing.setter
    def facing(self, value: int) -> None:
        self._facing = value % FACING_STEPS
        self._changed.add(self)

    @property
    def status(self) -> int:
        return self._status

    @status.setter
    def status(self, value: int) -> None:
        self._status = value & 0xFFFF
        self._changed.add(self)

    def face(self, dx: float, dy: float) -> None:
        """Turn towards the direction (dx, dy), which need not be of length 1."""
        self.facing = round(math.atan2(dy, dx) / math.tau * FACING_STEPS)

    def distance_to(self, other: Entity) -> float:
        """World units."""
        return math.hypot(self._x - other._x, self._y - other._y)

    def record(self) -> bytes:
        """The entity as it travels: one RECORD."""
        return RECORD.pack(self.id, self._x, self._y, self.kind, self._facing, self._status)


def _finite(value: float) -> float:
    """A place that is none would stop the zone; so it costs only the one who assigns it."""
    if not math.isfinite(value):
        raise ValueError(f"no place: {value}")
    return value


class Player(Entity):
    """A player's entity, with what the session keeps: ``inventory`` and ``state``; and what it does not: ``volatile``,
    a place for whatever the game needs until the player leaves."""

    __slots__ = ("actions", "connected", "inventory", "is_new", "player_id", "speech", "state", "volatile")

    def __init__(self, player_id: PlayerId, name: str, kind: int, x: float, y: float, state: PlayerState):
        super().__init__(kind, x, y, name)
        self.player_id = player_id
        self.state: Any = state  # of the game's own type, so games need no cast
        self.inventory = Inventory()
        self.actions = ActionLog()
        self.speech = Speech()
        self.volatile: Any = None
        self.connected = False
        self.is_new = True  # never saved before: the game may choose where it starts

    def show_connected(self, connected: bool) -> None:
        """Note whether somebody is at the other end, and let viewers see it."""
        self.connected = connected
        self.status = self._status & ~DISCONNECTED if connected else self._status | DISCONNECTED
