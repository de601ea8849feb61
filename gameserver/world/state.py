"""The game's own kept state of a player: a struct that notes when a field is assigned, and knows its version.

Law: fields hold values that are not changed in place (numbers, text, tuples); to change one, assign it. Players outlive
releases: ``upgrade`` turns the fields of an older version into those of this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

import msgspec

from gameserver.world.kept import nothing


class PlayerState(msgspec.Struct, dict=True):
    """Subclass it, give every field a default, and name the subclass in ``Game.state_type``."""

    version: ClassVar[int] = 1

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, float) and not math.isfinite(value):  # JSON has no such number: it could not be read back
            raise ValueError(f"{type(self).__name__}.{name} cannot be kept: {value}")
        super().__setattr__(name, value)
        self.note_assigned()

    @property
    def was_assigned(self) -> bool:
        """A field was assigned since the last ``note_kept``."""
        return bool(self.__dict__.get("changed", False))

    def tell_changes(self, on_change: Callable[[], None]) -> None:
        """``on_change`` is to be called after every assignment."""
        self.__dict__["on_change"] = on_change

    def note_assigned(self) -> None:
        self.__dict__["changed"] = True
        self.__dict__.get("on_change", nothing)()

    def note_kept(self) -> None:
        self.__dict__["changed"] = False

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        """The fields of ``version`` as this version wants them. The default drops nothing and adds defaults."""
        return fields

    def fields(self) -> dict[str, Any]:
        """The state as plain JSON values."""
        result: dict[str, Any] = msgspec.to_builtins(self)
        return result

    def encode(self) -> bytes:
        """JSON with the version, as it is stored."""
        return msgspec.json.encode({"version": self.version, **self.fields()})

    @classmethod
    def decode(cls, stored: bytes | str) -> Self:
        """Raises msgspec.ValidationError when ``upgrade`` does not make it fit."""
        fields: dict[str, Any] = msgspec.json.decode(stored or b"{}")
        version = fields.pop("version", cls.version)
        if version != cls.version:
            fields = cls.upgrade(fields, version)
        return msgspec.convert(fields, cls)
