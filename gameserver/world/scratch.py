"""The game's own memory of a player or a zone that is not kept: it ends with the player's stay, or with the zone.

Law: only declared fields can be assigned. A scratch has no ``__dict__``, so any other name raises AttributeError.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec
from typing_extensions import TypeVar

from gameserver.protocol.message_class import check_post_init, first_line, new_struct, unannotated
from gameserver.protocol.mistake import GameError, place_of_class
from gameserver.world.state_rules import type_name

_OPTIONS: Final = {
    "dict": "only declared fields can be assigned",
    "frozen": "its fields are assigned",
}


class ScratchClass(msgspec.StructMeta):
    """The type of all scratch classes. It raises GameError for a class that the server could not make an object of."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> ScratchClass:
        cls = new_struct(super().__new__, mcls, name, bases, namespace, options)
        _check(cls, options)
        return cls  # type: ignore[no-any-return]


def _check(cls: Any, options: dict[str, Any]) -> None:
    for option, reason in _OPTIONS.items():
        if options.get(option):
            raise GameError(place_of_class(cls), f"has {option}=: {reason}", f"remove {option}=")
    check_post_init(cls)
    for name in unannotated(cls):
        declared = f"{name}: {type_name(type(vars(cls)[name]))} = …"
        raise GameError(place_of_class(cls, name), "has no type, so it is no field", f"write {declared}")
    for name in cls.__struct_fields__[: len(cls.__struct_fields__) - len(cls.__struct_defaults__)]:
        raise GameError(place_of_class(cls, name), "has no default", f"write {name}: … = …, the value at the beginning")


class Scratch(msgspec.Struct, metaclass=ScratchClass):
    """Subclass it, give every field a default, and name the subclass in ``Game[State, Scratch, ZoneScratch]``.

    A field may hold anything: numbers, lists, entities. Nothing of it is saved, sent or undone.
    """


ScratchT = TypeVar("ScratchT", bound=Scratch, default=Scratch, covariant=True)
"""The type of ``player.scratch``."""

ZoneScratchT = TypeVar("ZoneScratchT", bound=Scratch, default=Scratch, covariant=True)
"""The type of ``zone.scratch``."""


def new_scratch(scratch_type: type[Scratch]) -> Scratch:
    """Return a new object of the class. Raises GameError for whatever its code raises, ``SystemExit`` too."""
    try:
        return scratch_type()
    except BaseException as error:  # the author's own factories and ``__post_init__``
        problem = f"cannot be made: {type(error).__name__}: {first_line(error)}"
        raise GameError(place_of_class(scratch_type), problem, "let it be made without arguments") from None
