"""Things in a zone. Assigning ``x``, ``y``, ``facing`` or ``status`` moves them. The first change of a tick notes the
entity; at the end of the tick the zone shows it, and a player's session keeps it. Assigning the same value again
changes nothing.

Law: every assigned value can be packed into a world frame. A place outside the zone becomes the nearest place inside,
and a value of a wrong type raises where it is assigned.

Names with an underscore belong to the server. The grid reads the slots of a place by these names, on every tick, for
everything that moves.
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
from gameserver.world.state import PlayerState, StateT, carry_from, note_assigned, tell_changes
from gameserver.world.state_rules import check_class, check_values

if TYPE_CHECKING:
    from gameserver.world.grid import Cell
    from gameserver.world.zone_internals import ZoneInternals

KINDS_MAX: Final = 256  # a kind travels as u8
NAME_LENGTH_MAX: Final = 256  # characters; clients may ask for 64 names at once
_UNBOUNDED: Final = float_info.max  # in no zone any finite place will do
DISCONNECTED: Final = 1  # bit 0 of status belongs to the server; a game may use the other fifteen


class Entity:
    """Something with a place in a zone.

    ``x y`` in world units, ``facing`` in 256ths of a turn (0 is +x, 64 is +y), ``kind`` an index into the game's kinds,
    ``status`` 16 bits that are shown to viewers, ``name`` a text that clients may ask for.
    """

    __slots__ = (
        "_cell",
        "_facing",
        "_id",
        "_journal",
        "_kind",
        "_name",
        "_notes",
        "_status",
        "_x",
        "_x_max",
        "_y",
        "_y_max",
    )

    def __init__(self, kind: int, x: float, y: float, name: str = ""):
        self._id = EntityId(0)  # given by the zone
        self._kind = kind
        self._name = _text(name)
        self._cell: Cell | None = None
        self._x = float(x)
        self._y = float(y)
        self._x_max = self._y_max = _UNBOUNDED  # the size of its zone
        self._facing = 0
        self._status = 0
        self._notes: dict[EntityId, Entity] | None = None  # takes the next change; None: noted already, or in no zone
        self._journal: Journal | None = None  # takes how to undo each change; None: was in no zone yet

    def _stay_within(self, x_max: float, y_max: float, journal: Journal) -> None:
        """Enter a zone of this size; the journal notes the entity's changes."""
        self._x_max = x_max
        self._y_max = y_max
        self._journal = journal

    def _note_in(self, notes: dict[EntityId, Entity] | None) -> None:
        """The next change, and it alone, puts this entity into ``notes``."""
        self._notes = notes

    def _note(self) -> None:
        """Show the entity at the end of this tick. Called before each change, which can be undone afterwards."""
        if self._journal is not None:
            self._journal.append((_put_back, self, self._x, self._y, self._facing, self._status, self._notes))
        if self._notes is not None:
            self._notes[self._id] = self
            self._notes = None

    @property
    def id(self) -> EntityId:
        """The number that names the entity to clients and to ``zone.entity``."""
        return self._id

    @property
    def x(self) -> float:
        return self._x

    @x.setter
    def x(self, value: float) -> None:
        self._move(value, self._y)

    @property
    def y(self) -> float:
        return self._y

    @y.setter
    def y(self, value: float) -> None:
        self._move(self._x, value)

    @property
    def facing(self) -> int:
        return self._facing

    @facing.setter
    def facing(self, value: int) -> None:
        facing = _whole("facing", value) % FACING_STEPS
        if facing != self._facing:
            self._note()
            self._facing = facing

    @property
    def status(self) -> int:
        return self._status

    @status.setter
    def status(self, value: int) -> None:
        status = _whole("status", value) & 0xFFFF
        if status != self._status:
            self._note()
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
            self._note()
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

    def _move(self, x: float, y: float) -> None:
        """Assign ``x`` and ``y`` at once. Raises ValueError unless both are finite numbers."""
        if not (0.0 <= x <= self._x_max and 0.0 <= y <= self._y_max):
            x, y = self._inside(x, y)
        if x != self._x or y != self._y:
            if type(x) is not float or type(y) is not float:  # another number, which no store would read back
                x, y = float(x), float(y)
            self._note()
            self._x, self._y = x, y

    def face(self, dx: float, dy: float) -> None:
        """Turn towards the direction (dx, dy), which need not be of length 1."""
        self.facing = round(atan2(dy, dx) / tau * FACING_STEPS)

    def distance_to(self, other: Entity) -> float:
        """World units."""
        return hypot(self._x - other._x, self._y - other._y)

    def _inside(self, x: float, y: float) -> tuple[float, float]:
        """The nearest place inside the zone. Raises ValueError unless both are finite numbers."""
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
    return [pack(it._id, it._x, it._y, it._kind, it._facing, it._status) for it in entities]


def _put_back(
    entity: Entity, x: float, y: float, facing: int, status: int, notes: dict[EntityId, Entity] | None
) -> None:
    """Undo a change of the entity's place; with ``notes`` it was the first one of the tick."""
    entity._x, entity._y, entity._facing, entity._status = x, y, facing, status
    if notes is not None:
        notes.pop(entity._id, None)
        entity._notes = notes


def _look_as_before(entity: Entity, kind: int, name: str) -> None:
    entity._kind, entity._name = kind, name


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError(f"name is a text, not {value!r}")
    if len(value) > NAME_LENGTH_MAX:
        raise ValueError(f"name has at most {NAME_LENGTH_MAX} characters, not {len(value)}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise ValueError(f"name is {value!a}, which is not UTF-8: no client could be told") from None
    return value


def _whole(name: str, value: int) -> int:
    """The value as an int. Raises TypeError, which names the remedy."""
    try:
        return index(value)
    except TypeError:
        raise TypeError(f"{name} is a whole number, not {value!r}: round it first") from None


class PlayerInternals:
    """The part of a player that belongs to the server: ``player._internals``. Games see ``Player`` alone."""

    __slots__ = (
        "actions",
        "connected",
        "inventory",
        "is_new",
        "lost_zone",
        "on_change",
        "session",
        "speech",
        "zone",
    )  # fmt: skip

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.actions = ActionLog()
        self.speech = Speech()
        self.on_change: Callable[[], None] = ignore_change
        self.session: Any = None  # the host puts the player's session here
        self.zone: ZoneInternals | None = None  # the zone that the player was let into
        self.connected = False
        self.is_new = True  # never saved before: the game may choose where it starts
        self.lost_zone: str | None = None  # the zone it was in, if the game has that zone no more; until ``on_join``


class Player(Entity, Generic[StateT, ScratchT]):
    """A player's entity. The session keeps its ``inventory`` and its ``state``. It does not keep its ``scratch``, the
    game's own memory of the player until the player leaves."""

    __slots__ = ("_internals", "_player_id", "_scratch", "_state")

    def __init__(self, player_id: PlayerId, name: str, kind: int, x: float, y: float, state: StateT, scratch: ScratchT):
        super().__init__(kind, x, y, name)
        self._internals = PlayerInternals()
        self._player_id = player_id
        self._state = state
        self._scratch = scratch

    @property
    def player_id(self) -> PlayerId:
        """The number that names the player for ever, over sessions and nodes."""
        return self._player_id

    @property
    def inventory(self) -> Inventory:
        """The items of the player. They are kept."""
        return self._internals.inventory

    @property
    def connected(self) -> bool:
        """Whether a client is at the other end. A player without one stays for the grace period."""
        return self._internals.connected

    @property
    def is_new(self) -> bool:
        """Whether the player was never saved before, so that the game may choose where it starts."""
        return self._internals.is_new

    @property
    def lost_zone(self) -> str | None:
        """The zone that the player was in, if the game has that zone no more. It is None after ``on_join``."""
        return self._internals.lost_zone

    @property
    def state(self) -> StateT:
        """The player's kept state, of the game's own type."""
        return self._state

    @state.setter
    def state(self, state: PlayerState) -> None:
        check_class(state, type(self._state))
        carry_from(state, self._state)
        check_values(state)
        if self._journal is not None:
            self._journal.append((_state_as_before, self, self._state))
        self._state = state  # type: ignore[assignment]  # of the same class, as was checked
        on_change = self._internals.on_change
        tell_changes(state, on_change, self._journal)
        if on_change is not ignore_change:
            note_assigned(state)

    @property
    def scratch(self) -> ScratchT:
        """The game's own memory of the player, of the game's own type. It is not kept."""
        return self._scratch


def note_kept_in(player: Player, kept: dict[PlayerId, Player], journal: Journal) -> None:
    """Put the player into ``kept`` at every later change of what the session keeps, and note in ``journal`` the way to
    undo it."""
    _tell_changes(player, partial(kept.__setitem__, player.player_id, player), journal)
    kept[player.player_id] = player  # it may have changed before


def note_kept_nowhere(player: Player) -> None:
    _tell_changes(player, ignore_change, None)


def _tell_changes(player: Player, on_change: Callable[[], None], journal: Journal | None) -> None:
    inside = player._internals
    player._journal = inside.inventory._journal = journal
    inside.on_change = inside.inventory._on_change = inside.actions.on_change = inside.speech.on_change = on_change
    tell_changes(player.state, on_change, journal)


def show_connected(player: Player, connected: bool) -> None:
    """Note whether a client is at the other end, and let viewers see it."""
    player._internals.connected = connected
    player.status = player._status & ~DISCONNECTED if connected else player._status | DISCONNECTED


def _state_as_before(player: Player, state: PlayerState) -> None:
    player._state = state
