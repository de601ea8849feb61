"""The game's own kept state of a player: a struct that notes when a field is assigned, and knows its version.

Law: fields hold values that are not changed in place (numbers, text, tuples); to change one, assign it. Players outlive
releases: ``upgrade`` turns the fields of an older version into those of this one, and fields that this version does not
know are carried along, so two versions of a game can take turns on one player.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from typing_extensions import TypeVar

from gameserver.world.journal import Journal
from gameserver.world.state_class import StateClass
from gameserver.world.state_notes import Carried, notes_of
from gameserver.world.state_rules import Rules, deleted

_set = msgspec.Struct.__setattr__


_NOTHING_CARRIED = Carried(0, {}, {})


class NotUpgraded(Exception):  # noqa: N818
    """The author's ``upgrade`` returned something else than fields."""

    def __init__(self, returned: object):
        super().__init__("upgrade returned no fields")
        self.returned = returned


class PlayerState(msgspec.Struct, metaclass=StateClass, dict=True):
    """Subclass it, give every field a default, and name the subclass in ``Game[State]``."""

    version: ClassVar[int] = 1
    _rules: ClassVar[Rules]  # of this class, made with it

    if not TYPE_CHECKING:  # a type checker would allow any name in a class that has a __setattr__

        def __setattr__(self, name: str, value: Any) -> None:
            """Keep a value of the field's own type. Raises GameError for a value that could not be read back."""
            value = self._rules[name](self, name, value)
            notes = notes_of(self)
            if notes.journal is not None:
                notes.journal.append((_put_back, self, name, getattr(self, name), notes.changed))
            _set(self, name, value)
            notes.changed = True
            notes.on_change()

        def __delattr__(self, name: str) -> None:
            """Raise GameError: a state without one of its fields could not be kept."""
            raise deleted(self, name)

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        """Return the fields of the older ``version`` as this version wants them. The default keeps all of them."""
        return fields


StateT = TypeVar("StateT", bound=PlayerState, default=PlayerState, covariant=True)
"""The type of ``player.state``."""


def fields_of(state: PlayerState) -> dict[str, Any]:
    """Return the fields that this version knows, as plain JSON values."""
    result: dict[str, Any] = msgspec.to_builtins(state)
    return result


def was_assigned(state: PlayerState) -> bool:
    """Return whether a field was assigned since the last ``note_kept``."""
    return notes_of(state).changed


def note_assigned(state: PlayerState) -> None:
    notes = notes_of(state)
    notes.changed = True
    notes.on_change()


def note_kept(state: PlayerState) -> None:
    notes_of(state).changed = False


def tell_changes(state: PlayerState, on_change: Callable[[], None], journal: Journal | None) -> None:
    """Call ``on_change`` at every later assignment, and note in ``journal`` the way to undo it."""
    notes = notes_of(state)
    notes.on_change = on_change
    notes.journal = journal


def carry_from(state: PlayerState, before: PlayerState) -> None:
    """Carry along what ``before`` carries, because ``state`` takes its place. A stored state carries its own."""
    notes = notes_of(state)
    if notes.carried is None:
        notes.carried = (notes_of(before).carried or _NOTHING_CARRIED)._replace(richer={})


def encode_state(state: PlayerState) -> bytes:
    """Return the state as it is stored: JSON with the version, the carried fields and the known ones."""
    carried = notes_of(state).carried or _NOTHING_CARRIED
    fields = fields_of(state)
    for name, (ours, stored) in carried.richer.items():
        if fields[name] == ours:
            fields[name] = stored
    return msgspec.json.encode({"version": max(state.version, carried.version), **carried.fields, **fields})


def decode_state(state_type: type[StateT], stored: bytes | str) -> StateT:
    """Read what ``encode_state`` of any version wrote. A state of a newer version is not upgraded, and stays of that
    version. Raises msgspec.ValidationError when a field does not fit, and NotUpgraded."""
    fields: dict[str, Any] = msgspec.json.decode(stored or b"{}")
    version = fields.pop("version", state_type.version)
    if version < state_type.version:
        fields = _checked(state_type.upgrade(fields, version))
    state = msgspec.convert(fields, state_type)
    notes_of(state).carried = _carried(version, fields, fields_of(state))
    return state


def _checked(fields: Any) -> dict[str, Any]:
    """Return what ``upgrade`` returned. Raises NotUpgraded unless these are fields."""
    if not isinstance(fields, dict) or not all(isinstance(name, str) for name in fields):
        raise NotUpgraded(fields)
    return fields


def _put_back(state: PlayerState, name: str, value: Any, was_assigned: bool) -> None:
    """Undo one assignment."""
    _set(state, name, value)
    notes_of(state).changed = was_assigned


def _carried(version: int, stored: dict[str, Any], known: dict[str, Any]) -> Carried:
    unknown = {name: value for name, value in stored.items() if name not in known}
    richer = {
        name: (known[name], value)
        for name, value in stored.items()
        if isinstance(value, dict | list) and name in known and _as_json(known[name]) != value
    }
    return Carried(version, unknown, richer)


def _as_json(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))
