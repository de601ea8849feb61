"""Things in a zone. Assigning ``x``, ``y``, ``facing`` or ``status`` moves them. The first change of a tick notes the
entity; at the end of the tick the zone shows it, and a player's session keeps it. Assigning the same value again
changes nothing.

Law: what is assigned can be packed into a world frame. A place outside the zone becomes the nearest place inside, and a
value of a wrong type raises where it is assigned.

The grid reads the slots of a place by their names with an underscore, on every tick, for everything that moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import atan2, hypot, isfinite, tau
from operator import index
from sys import float_info
from typing import TYPE_CHECKING, Any, Final, Generic

from gameserver.protocol.ids import EntityId, PlayerId
from gameserver.protocol.world_frame import FACING_STEPS, RECORD
from gameserver.world.action_log import ActionLog
from gameserver.world.changes import ignore_change
from gameserver.world.inventory import Inventory
from gameserver.world.journal import Journal
from gameserver.world.scratch import ScratchT
from gameserver.world.speech import Speech
from gameserver.world.state import PlayerState, StateT
from gameserver.world.state_rules import check_class, check_values

if TYPE_CHECKING:
    from gameserver.world.grid import Cell
    from gameserver.world.zone import Zone

KINDS_MAX: Final = 256  # a kind travels as u8
_UNBOUNDED: Final = float_info.max  # in no zone any finite place will do
DISCONNECTED: Final = 1  # bit 0 of status belongs to the server; a game may use the other fifteen


class Entity:
    """Something with a place in a zone.

    ``x y`` in world units, ``facing`` in 256ths of a turn (0 is +x, 64 is +y), ``kind`` an index into the game's kinds,
    ``status`` 16 bits that are shown to viewers, ``name`` a text that clients may ask for.
    """

    __slots__ = (
        "_facing",
        "_journal",
        "_kind",
        "_name",
        "_notes",
        "_status",
        "_x",
        "_x_max",
        "_y",
        "_y_max",
        "cell",
        "id",
    )

    def __init__(self, kind: int, x: float, y: float, name: str = ""):
        self.id = EntityId(0)  # given by the zone
        self._kind = kind
        self._name = _text(name)
        self.cell: Cell | None = None
        self._x = x
        self._y = y
        self._x_max = self._y_max = _UNBOUNDED  # the size of its zone
        self._facing = 0
        self._status = 0
        self._notes: dict[EntityId, Entity] | None = None  # takes the next change; None: noted already, or in no zone
        self._journal: Journal | None = None  # takes how to undo each change; None: was in no zone yet

    def stay_within(self, x_max: float, y_max: float, journal: Journal) -> None:
        """Enter a zone of this size; the journal notes the entity's changes."""
        self._x_max = x_max
        self._y_max = y_max
        self._journal = journal

    def note_in(self, notes: dict[EntityId, Entity] | None) -> None:
        """The next change, and it alone, puts this entity into ``notes``."""
        self._notes = notes

    def note(self) -> None:
        """Show the entity at the end of this tick. Called before each change, which can be undone afterwards."""
        if self._journal is not None:
            self._journal.append((_put_back, self, self._x, self._y, self._facing, self._status, self._notes))
        if self._notes is not None:
            self._notes[self.id] = self
            self._notes = None

    @property
    def x(self) -> float:
        return self._x

    @x.setter
    def x(self, value: float) -> None:
        self.move(value, self._y)

    @property
    def y(self) -> float:
        return self._y

    @y.setter
    def y(self, value: float) -> None:
        self.move(self._x, value)

    @property
    def facing(self) -> int:
        return self._facing

    @facing.setter
    def facing(self, value: int) -> None:
        facing = _whole("facing", value) % FACING_STEPS
        if facing != self._facing:
            self.note()
            self._facing = facing

    @property
    def status(self) -> int:
        return self._status

    @status.setter
    def status(self, value: int) -> None:
        status = _whole("status", value) & 0xFFFF
        if status != self._status:
            self.note()
            self._status = status

    @property
    def kind(self) -> int:
        return self._kind

    @kind.setter
    def kind(self, value: int) -> None:
        kind = _whole("kind", value)
        if not 0 <= kind < KINDS_MAX:
            raise ValueError(f"kind is the number of one of the game's kinds, not {kind}")
        if kind != self._kind:
            self.note()
            self._journal_look()
            self._kind = kind

    @property
    def name(self) -> str:
        return self._name

    @name.setter
    def name(self, value: str) -> None:
        name = _text(value)
        self._journal_look()
        self._name = name

    def move(self, x: float, y: float) -> None:
        """Assign ``x`` and ``y`` at once. Raises ValueError for what is no place."""
        if not (0.0 <= x <= self._x_max and 0.0 <= y <= self._y_max):
            x, y = self._inside(x, y)
        if x != self._x or y != self._y:
            self.note()
            self._x, self._y = x, y

    def face(self, dx: float, dy: float) -> None:
        """Turn towards the direction (dx, dy), which need not be of length 1."""
        self.facing = round(atan2(dy, dx) / tau * FACING_STEPS)

    def distance_to(self, other: Entity) -> float:
        """World units."""
        return hypot(self._x - other._x, self._y - other._y)

    def _inside(self, x: float, y: float) -> tuple[float, float]:
        """The nearest place inside the zone. Raises ValueError for what is infinite or no number."""
        if not isfinite(x + y):
            raise ValueError(f"no place: {x}, {y}")
        if self._x_max == _UNBOUNDED:
            return x, y
        return min(max(x, 0.0), self._x_max), min(max(y, 0.0), self._y_max)

    def _journal_look(self) -> None:
        """Note how to undo a change of ``kind`` or ``name``, which are seldom changed."""
        if self._journal is not None:
            self._journal.append((_look_as_before, self, self._kind, self._name))


def records(entities: Iterable[Entity]) -> list[bytes]:
    """The entities as they travel: one RECORD each."""
    pack = RECORD.pack
    return [pack(it.id, it._x, it._y, it._kind, it._facing, it._status) for it in entities]


def _put_back(
    entity: Entity, x: float, y: float, facing: int, status: int, notes: dict[EntityId, Entity] | None
) -> None:
    """Undo a change of the entity's place; with ``notes`` it was the first one of the tick."""
    entity._x, entity._y, entity._facing, entity._status = x, y, facing, status
    if notes is not None:
        notes.pop(entity.id, None)
        entity._notes = notes


def _look_as_before(entity: Entity, kind: int, name: str) -> None:
    entity._kind, entity._name = kind, name


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"name is a text, not {value!r}")
    return value


def _whole(name: str, value: int) -> int:
    """The value as an int. Raises TypeError, which says what to write instead."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}: round it first") from None


class Player(Entity, Generic[StateT, ScratchT]):
    """A player's entity. The session keeps its ``inventory`` and its ``state``. It does not keep its ``scratch``, the
    game's own memory of the player until the player leaves."""

    __slots__ = (
        "_on_change",
        "_scratch",
        "_state",
        "actions",
        "connected",
        "inventory",
        "is_new",
        "lost_zone",
        "player_id",
        "session",
        "speech",
        "zone",
    )  # fmt: skip

    def __init__(self, player_id: PlayerId, name: str, kind: int, x: float, y: float, state: StateT, scratch: ScratchT):
        super().__init__(kind, x, y, name)
        self.player_id = player_id
        self._state = state
        self._scratch = scratch
        self._on_change: Callable[[], None] = ignore_change
        self.inventory = Inventory()
        self.actions = ActionLog()
        self.speech = Speech()
        self.session: Any = None  # a place for whoever keeps the player: the host puts its session there
        self.zone: Zone | None = None  # where it is let in
        self.connected = False
        self.is_new = True  # never saved before: the game may choose where it starts
        self.lost_zone: str | None = None  # the zone it was in, if the game has that zone no more; until ``on_join``

    @property
    def state(self) -> StateT:
        """The player's kept state, of the game's own type."""
        return self._state

    @state.setter
    def state(self, state: PlayerState) -> None:
        check_class(state, type(self._state))
        state.carry_from(self._state)
        check_values(state)
        if self._journal is not None:
            self._journal.append((_state_as_before, self, self._state))
        self._state = state  # type: ignore[assignment]  # of the same class, as was checked
        state.tell_changes(self._on_change, self._journal)
        if self._on_change is not ignore_change:
            state.note_assigned()

    @property
    def scratch(self) -> ScratchT:
        """The game's own memory of the player, of the game's own type. It is not kept."""
        return self._scratch

    def note_kept_in(self, kept: dict[PlayerId, Player], journal: Journal) -> None:
        """Note each change of a kept part: the player in ``kept``, and the way to undo the change in ``journal``."""
        self._tell_changes(partial(kept.__setitem__, self.player_id, self), journal)
        kept[self.player_id] = self  # it may have changed before

    def note_kept_nowhere(self) -> None:
        self._tell_changes(ignore_change, None)

    def _tell_changes(self, on_change: Callable[[], None], journal: Journal | None) -> None:
        self._journal = self.inventory.journal = journal
        self._on_change = self.inventory.on_change = self.actions.on_change = self.speech.on_change = on_change
        self._state.tell_changes(on_change, journal)

    def show_connected(self, connected: bool) -> None:
        """Note whether somebody is at the other end, and let viewers see it."""
        self.connected = connected
        self.status = self._status & ~DISCONNECTED if connected else self._status | DISCONNECTED


def _state_as_before(player: Player, state: PlayerState) -> None:
    player._state = state
