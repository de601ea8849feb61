"""The class statement of a state: refuses fields that could not be kept, and names that the server uses itself.

Law: every field has a default and an immutable type that JSON can carry there and back.
"""

from __future__ import annotations

import inspect as functions
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import inspect

from gameserver.protocol.message_class import (
    check_defaults,
    check_post_init,
    check_types,
    first_line,
    known_fields,
    new_struct,
    own_fields,
    parts,
    unannotated,
)
from gameserver.protocol.mistake import GameError, place_of_class, place_of_function, shown
from gameserver.world.state_rules import STATE_BYTES_MAX, Rules, check_value, type_name

_OPTIONS: Final = {
    "frozen": "its fields are assigned",
    "array_like": "its fields are kept by name",
    "forbid_unknown_fields": "fields of other versions of the game are carried along",
    "rename": "its fields are kept by their own names",
    "tag": "it is kept by its version alone",
    "tag_field": "it is kept by its version alone",
}
_AUTHORS: Final = ("version", "upgrade")  # of PlayerState, for the author to replace


class StateClass(msgspec.StructMeta):
    """The type of all classes of states."""

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> StateClass:
        cls = new_struct(super().__new__, mcls, name, bases, namespace, options)
        root = _root(cls)
        if cls is not root:
            _check(cls, root, options)
        cls._rules = Rules(cls)
        if cls is not root:
            _check_fields_if_known(cls)
        return cls  # type: ignore[no-any-return]


def _root(cls: type) -> type:
    """PlayerState itself."""
    return [base for base in cls.__mro__ if isinstance(base, StateClass)][-1]


def _check(cls: Any, root: type, options: dict[str, Any]) -> None:
    for option, reason in _OPTIONS.items():
        if options.get(option):
            raise GameError(place_of_class(cls), f"has {option}=: {reason}", f"remove {option}=")
    for name in (*own_fields(cls), *vars(cls)):
        _check_name(cls, root, name)
    for name in unannotated(cls):
        if name not in _AUTHORS:
            problem = "has no type, so it is no field and is not kept"
            raise GameError(place_of_class(cls, name), problem, f"write {name}: {type_name(type(vars(cls)[name]))} = …")
    _check_version(cls)
    check_post_init(cls)
    for name in cls.__struct_fields__[: len(cls.__struct_fields__) - len(cls.__struct_defaults__)]:
        raise GameError(place_of_class(cls, name), "has no default", f"write {name}: … = …, for new players")


def _check_fields_if_known(cls: Any) -> None:
    try:
        check_fields(cls)
    except NameError:
        pass  # written below, perhaps: ``check`` looks again


def _check_name(cls: Any, root: type, name: str) -> None:
    if name == "__setattr__":
        raise GameError(place_of_class(cls, name), "is how the server notices changes", "remove it")
    if name.startswith("__") or not hasattr(root, name):
        return
    if name == "version" and name in cls.__struct_fields__:
        raise GameError(place_of_class(cls, name), "has a type, so it is a field", "write version = 2, without a type")
    if name not in _AUTHORS or name in cls.__struct_fields__:
        raise GameError(place_of_class(cls, name), "is a name that the server uses", "use another name")


def _check_version(cls: Any) -> None:
    if type(cls.version) is not int or cls.version < 1:
        raise GameError(place_of_class(cls, "version"), f"is {shown(cls.version)}", "write a whole number, 1 or more")
    if "upgrade" not in vars(cls):
        return
    upgrade, call = vars(cls)["upgrade"], "@classmethod def upgrade(cls, fields, version)"
    where = place_of_function(upgrade, f"{cls.__name__}.upgrade")
    if not isinstance(upgrade, classmethod):
        raise GameError(where, "is no class method", f"write {call}")
    if functions.iscoroutinefunction(upgrade.__func__) or functions.isgeneratorfunction(upgrade.__func__):
        raise GameError(where, "is async or has a yield, so a call does nothing", f"write {call}")
    try:
        functions.signature(upgrade.__func__).bind("cls", "fields", "version")
    except TypeError:
        signature = functions.signature(upgrade.__func__)
        raise GameError(where, f"takes {signature}, not 3 arguments", f"write {call}") from None


def check_fields(cls: Any) -> None:
    """Raise GameError if a field's type could not be kept. Raises NameError if an annotation does not exist, as yet."""
    check_types(cls)
    for field in known_fields(cls):
        if field.encode_name != field.name:
            problem, remedy = f"is kept under the name {field.encode_name}", "remove name="
            raise GameError(
                place_of_class(cls, field.name), problem, f"{remedy}, for fields are kept by their own names"
            )
        for problem, remedy in _unfit(inspect.type_info(field.type)):
            raise GameError(place_of_class(cls, field.name), f"is {type_name(field.type)}: {problem}", remedy)
    check_defaults(cls)
    _check_size(cls)
    _check_new(cls)


def _check_size(cls: Any) -> None:
    """Refuse fields that would be too many for one state with numbers and short texts alone: no assignment checks
    these."""
    if (size := cls._rules.least_bytes()) > STATE_BYTES_MAX:
        problem = f"has {len(cls.__struct_fields__)} fields, which may take {size} bytes, of at most {STATE_BYTES_MAX}"
        raise GameError(place_of_class(cls), problem, "keep fewer, or keep some of them elsewhere")


def _check_new(cls: Any) -> None:
    """Make the state of a new player, as a sign-in does."""
    try:
        state = cls()
    except Exception as error:  # the author's own factories and ``__post_init__``
        problem = f"cannot be made for a new player: {type(error).__name__}: {first_line(error)}"
        raise GameError(place_of_class(cls), problem, "let it be made without arguments") from None
    for name in cls.__struct_fields__:
        try:
            check_value(state, name)
        except GameError as wrong:
            raise type(wrong)(place_of_class(cls, name), wrong.problem, wrong.remedy) from None


def _unfit(declared: inspect.Type) -> Iterator[tuple[str, str]]:
    """Yield (problem, remedy) for each part of a type that is no immutable value."""
    for found in parts(declared, set()):
        cls = getattr(found, "cls", None)
        if (unfit := _UNFIT.get(inspect.AnyType if cls is object else type(found))) is not None:
            yield unfit
        elif isinstance(found, inspect.StructType) and not found.cls.__struct_config__.frozen:
            yield _CHANGES, f"write class {found.cls.__name__}(msgspec.Struct, frozen=True)"
        elif isinstance(found, inspect.DataclassType) and not found.cls.__dataclass_params__.frozen:  # type: ignore[attr-defined]
            yield _CHANGES, f"write @dataclass(frozen=True) above class {found.cls.__name__}"


_CHANGES: Final = "a change inside it would not be noticed, and not kept"
_UNKNOWN: Final = "nothing says what it may hold"
_UNFIT: Final[dict[type, tuple[str, str]]] = {
    inspect.ListType: (_CHANGES, "write tuple[…, ...], and assign a new one"),
    inspect.SetType: (_CHANGES, "write frozenset[…], and assign a new one"),
    inspect.DictType: (_CHANGES, "write tuple[tuple[str, …], ...], or a frozen msgspec.Struct, and assign a new one"),
    inspect.TypedDictType: (_CHANGES, "write a frozen msgspec.Struct, and assign a new one"),
    inspect.ByteArrayType: (_CHANGES, "write bytes, and assign new ones"),
    inspect.MemoryViewType: (_CHANGES, "write bytes, and assign new ones"),
    inspect.AnyType: (_UNKNOWN, "write the type: int, float, bool, str, a tuple of these, or a frozen msgspec.Struct"),
    inspect.RawType: (_UNKNOWN, "write the type: int, float, bool, str, a tuple of these, or a frozen msgspec.Struct"),
    inspect.CustomType: ("JSON has no such thing", "write int, float, bool, str, a tuple, or a frozen msgspec.Struct"),
    inspect.ExtType: ("JSON has no such thing", "write int, float, bool, str, a tuple, or a frozen msgspec.Struct"),
}
