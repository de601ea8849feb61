"""The values that each field of a state may have: checked at the assignment, so that whatever is kept can be read back.

Law: a value that passes is immutable, of the field's own type, known to JSON, and small enough with all the others.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

import msgspec
from msgspec import inspect, structs

from gameserver.protocol.message_class import first_line
from gameserver.protocol.mistake import GameError, GameNameError, GameValueError, closest, place_of_caller, shown
from gameserver.protocol.nesting import NESTING_MAX, nests_too_deep
from gameserver.world.state_notes import notes_of

STATE_BYTES_MAX: Final = 64 * 1024  # as stored, with the fields carried for other versions of the game
INT_MIN: Final = -(2**63)
INT_MAX: Final = 2**63 - 1
_NUMBER_BYTES: Final = 32  # for each field: the longest number, and what stands around it
_TEXT_BYTES: Final = 32 * 6  # besides, for each field of another type: a short text of characters that are escaped
_SHORT: Final = 32  # characters of a text that need no check of size
_encode = msgspec.json.Encoder().encode

Keep = Callable[[Any, str, Any], Any]
"""(state, field, value) -> the value to keep. Raises GameError."""


class Rules(dict[str, Keep]):
    """Field -> what to do at its assignment. Read from the annotations at the first one: they may name classes that are
    written below."""

    def __init__(self, cls: type[msgspec.Struct]):
        super().__init__()
        self.cls = cls
        self.sized: tuple[str, ...] = ()  # the fields whose size depends on their value
        self.fixed_bytes = 0  # of everything else

    def __missing__(self, name: str) -> Keep:
        if not self and self.cls.__struct_fields__:
            self._load()
        if dict.__contains__(self, name):
            return dict.__getitem__(self, name)
        raise self.undeclared(name)

    def _load(self) -> None:
        for field in structs.fields(self.cls):
            found = inspect.type_info(field.type)
            self[field.name] = next((keep for plain, keep in _PLAIN if plain == found), None) or _other(field.type)
        self.sized = tuple(name for name, keep in self.items() if keep not in _NUMBERS)
        self.fixed_bytes = sum(len(name.encode()) + _NUMBER_BYTES for name in ("version", *self))
        self.fixed_bytes += _TEXT_BYTES * len(self.sized)

    def least_bytes(self) -> int:
        """Return the bytes of a state whose numbers are as long as they may be, and whose texts are short."""
        if not self and self.cls.__struct_fields__:
            self._load()
        return self.fixed_bytes

    def undeclared(self, name: str) -> GameNameError:
        cls, near = self.cls.__name__, closest(name, self.cls.__struct_fields__)
        remedy = f"write {near}" if near else f"declare it in class {cls}, or use player.scratch for what is not kept"
        return GameNameError(place_of_caller(f"{cls}.{name}"), "is not declared", remedy)


def check_class(state: Any, expected: Any) -> None:
    """Raise GameError if ``player.state`` cannot be this."""
    if type(state) is not expected:
        where, problem = place_of_caller("player.state"), f"cannot be {shown(state)}"
        raise GameError(where, problem, f"assign a {expected.__name__}, the state of the game")


def deleted(state: Any, name: str) -> GameError:
    """Return the mistake of a ``del state.name``."""
    wanted = next((type_name(field.type) for field in structs.fields(type(state)) if field.name == name), "")
    if not wanted:
        return state._rules.undeclared(name)  # type: ignore[no-any-return]
    return GameError(_place(state, name), "cannot be deleted", f"assign {_article(wanted)}")


def check_values(state: Any) -> None:
    """Check each field of a state that its class was called to make, with any values."""
    for name in state.__struct_fields__:
        check_value(state, name)


def check_value(state: Any, name: str) -> None:
    """Check one field of such a state. Raises GameError."""
    structs.force_setattr(state, name, state._rules[name](state, name, getattr(state, name)))


def _keep_int(state: Any, name: str, value: Any) -> int:
    if type(value) is not int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise _wrong_type(state, name, value, "an int")
        value = int(value)
    if not INT_MIN <= value <= INT_MAX:
        raise GameValueError(_place(state, name), f"cannot keep {shown(value)}", "use whole numbers of at most 64 bits")
    return value  # type: ignore[no-any-return]


def _keep_float(state: Any, name: str, value: Any) -> float:
    if type(value) is not float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise _wrong_type(state, name, value, "a float")
        value = _as_float(state, name, value)
    if not isfinite(value):
        raise GameValueError(_place(state, name), f"cannot keep {value}, which JSON does not have", "assign a number")
    return value  # type: ignore[no-any-return]


def _as_float(state: Any, name: str, value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        raise GameValueError(_place(state, name), "cannot keep so large a number", "assign a smaller one") from None


def _keep_bool(state: Any, name: str, value: Any) -> bool:
    if type(value) is not bool:
        raise _wrong_type(state, name, value, "a bool")
    return value


def _keep_str(state: Any, name: str, value: Any) -> str:
    if type(value) is not str:
        if not isinstance(value, str):
            raise _wrong_type(state, name, value, "a str")
        value = str.__str__(value)  # of an enum, for one
    text: str = value
    if len(text) > _SHORT or not text.isascii():
        check_size(state, name, text, _encoded(state, name, text))
    return text


def _other(declared: Any) -> Keep:
    """The rule of any other type: a value that is written as JSON and read again must equal the assigned one."""
    decode = msgspec.json.Decoder(declared).decode
    wanted = type_name(declared)

    def keep(state: Any, name: str, value: Any) -> Any:
        encoded = _encoded(state, name, value)
        if nests_too_deep(encoded):
            problem = f"cannot keep {shown(value)}, which nests deeper than {NESTING_MAX} levels"
            raise GameValueError(_place(state, name), problem, "keep it flatter")
        try:
            read = decode(encoded)
        except msgspec.ValidationError as error:
            raise _wrong_type(state, name, value, wanted, first_line(error)) from None
        if read != value:
            raise _unequal(state, name, value, read, wanted)
        check_size(state, name, read, encoded)
        return read

    return keep


_PLAIN: Final[tuple[tuple[inspect.Type, Keep], ...]] = (  # without bounds; those with bounds are read back
    (inspect.IntType(), _keep_int),
    (inspect.FloatType(), _keep_float),
    (inspect.BoolType(), _keep_bool),
    (inspect.StrType(), _keep_str),
)
_NUMBERS: Final = (_keep_int, _keep_float, _keep_bool)


def _encoded(state: Any, name: str, value: Any) -> bytes:
    try:
        return _encode(value)
    except Exception as error:  # of any type: the value may be any object, with the author's own hooks
        problem = f"cannot keep {shown(value)}: {first_line(error)}"
        raise GameValueError(_place(state, name), problem, "assign what JSON knows") from None


def check_size(state: Any, name: str, value: Any, encoded: bytes) -> None:
    """Raise GameError if the state would be too large with this value in the field. Whether another field was encoded
    before is seen by its value being the same object."""
    rules: Rules = state._rules
    sizes = notes_of(state).sizes
    size = rules.fixed_bytes + len(encoded)
    for other, kept in _others(state, rules, name):
        known = sizes.get(other)
        if known is None or known[0] is not kept:
            known = sizes[other] = (kept, len(_encoded(state, other, kept)))
        size += known[1]
    if size > STATE_BYTES_MAX:
        problem = f"makes the state {size} bytes long, of at most {STATE_BYTES_MAX}"
        raise GameValueError(_place(state, name), problem, "keep less of it, or keep it elsewhere")
    sizes[name] = (value, len(encoded))


def _others(state: Any, rules: Rules, name: str) -> list[tuple[str, Any]]:
    others = [(other, getattr(state, other)) for other in rules.sized if other != name]
    return [(other, kept) for other, kept in (*others, ("", notes_of(state).carried)) if not _is_short(kept)]


def _is_short(value: Any) -> bool:
    return value is None or (type(value) is str and len(value) <= _SHORT and value.isascii())


def _wrong_type(state: Any, name: str, value: Any, wanted: str, detail: str = "") -> GameError:
    problem = f"cannot keep {shown(value)}" + (f": {detail}" if detail else "")
    return GameError(_place(state, name), problem, f"assign {wanted}")


def _unequal(state: Any, name: str, value: Any, read: Any, wanted: str) -> GameError:
    if type(read) is not type(value):
        return _wrong_type(state, name, value, wanted)
    problem = f"cannot keep {shown(value)}, which is not equal to what is read back, {shown(read)}"
    remedy = "assign a value that JSON carries there and back, of a class that compares by value"
    return GameError(_place(state, name), problem, remedy)


def _article(wanted: str) -> str:
    """Return a type's name with its article, as in "an int"."""
    return f"{'an' if wanted[0] in 'aeiou' else 'a'} {wanted}"


def _place(state: Any, name: str) -> str:
    return place_of_caller(f"{type(state).__name__}.{name}")


def type_name(declared: Any) -> str:
    """Return the type as an author writes it."""
    text = declared.__name__ if isinstance(declared, type) and not hasattr(declared, "__args__") else str(declared)
    return text.replace("typing.", "")
