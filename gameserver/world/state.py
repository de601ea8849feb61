"""The game's own kept state of a player: a struct that notes when a field is assigned, and knows its version.

Law: fields hold values that are not changed in place (numbers, text, tuples); to change one, assign it. Players outlive
releases: ``upgrade`` turns the fields of an older version into those of this one, and fields that this version does not
know are carried along, so two versions of a game can take turns on one player.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

import msgspec
from typing_extensions import TypeVar

from gameserver.world.changes import ignore_change
from gameserver.world.journal import Journal
from gameserver.world.state_class import StateClass
from gameserver.world.state_rules import Rules

_set = msgspec.Struct.__setattr__


class Carried(NamedTuple):
    """The part of a stored state that this version of the game does not know."""

    version: int  # of the game that wrote it; 0 for a state that was never stored
    fields: dict[str, Any]  # name -> value; never changed
    # name -> (the value as this version writes it, the value as it was stored): it has fields of its own besides
    richer: dict[str, tuple[Any, Any]]


_NOTHING_CARRIED = Carried(0, {}, {})


class PlayerState(msgspec.Struct, metaclass=StateClass, dict=True):
    """Subclass it, give every field a default, and name the subclass in ``Game[State]``."""

    version: ClassVar[int] = 1
    rules: ClassVar[Rules]  # of this class, made with it

    if not TYPE_CHECKING:  # a type checker would allow any name in a class that has a __setattr__

        def __setattr__(self, name: str, value: Any) -> None:
            """Keep a value of the field's own type. Raises GameError: what is kept can be read back."""
            value = self.rules[name](self, name, value)
            journal: Journal | None = self.__dict__.get("journal")
            if journal is not None:
                journal.append((self._put_back, name, getattr(self, name), self.was_assigned))
            _set(self, name, value)
            self.note_assigned()

    @property
    def was_assigned(self) -> bool:
        """A field was assigned since the last ``note_kept``."""
        return bool(self.__dict__.get("changed", False))

    def tell_changes(self, on_change: Callable[[], None], journal: Journal | None) -> None:
        """Call ``on_change`` at every later assignment, and note in ``journal`` the way to undo it."""
        self.__dict__["on_change"] = on_change
        self.__dict__["journal"] = journal

    def note_assigned(self) -> None:
        self.__dict__["changed"] = True
        self.__dict__.get("on_change", ignore_change)()

    def note_kept(self) -> None:
        self.__dict__["changed"] = False

    def _put_back(self, name: str, value: Any, was_assigned: bool) -> None:
        """Undo one assignment."""
        super().__setattr__(name, value)
        self.__dict__["changed"] = was_assigned

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        """Return the fields of the older ``version`` as this version wants them. The default keeps all of them."""
        return fields

    def fields(self) -> dict[str, Any]:
        """Return the fields that this version knows, as plain JSON values."""
        result: dict[str, Any] = msgspec.to_builtins(self)
        return result

    def carry_from(self, before: PlayerState) -> None:
        """Take over what ``before`` carries along, because this state takes its place; a stored one carries its own."""
        if "carried" not in self.__dict__:
            carried = before.__dict__.get("carried", _NOTHING_CARRIED)
            self.__dict__["carried"] = carried._replace(richer={})

    def encode(self) -> bytes:
        """Return the state as it is stored: JSON with the version, the carried fields and the known ones."""
        carried: Carried = self.__dict__.get("carried", _NOTHING_CARRIED)
        fields = self.fields()
        for name, (ours, stored) in carried.richer.items():
            if fields[name] == ours:
                fields[name] = stored
        return msgspec.json.encode({"version": max(self.version, carried.version), **carried.fields, **fields})

    @classmethod
    def decode(cls, stored: bytes | str) -> Self:
        """Read what ``encode`` of any version wrote. A state of a newer version is not upgraded, and stays of that
        version. Raises msgspec.ValidationError when a field does not fit."""
        fields: dict[str, Any] = msgspec.json.decode(stored or b"{}")
        version = fields.pop("version", cls.version)
        if version < cls.version:
            fields = cls.upgrade(fields, version)
        state = msgspec.convert(fields, cls)
        state.__dict__["carried"] = _carried(version, fields, state.fields())
        return state


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


StateT = TypeVar("StateT", bound=PlayerState, default=PlayerState, covariant=True)
"""The type of ``player.state``."""
