"""An event of the game's own, checked where the game sends it: once it is on its way, its author's line is not known.

Law: an event holds copies of plain values, so that a later change by the game changes no event.
"""

from __future__ import annotations

from math import isfinite
from typing import Any, Final

import msgspec

from gameserver.protocol.label import LABEL_RULE, is_label
from gameserver.protocol.message_class import first_line
from gameserver.protocol.messages import Event
from gameserver.protocol.mistake import GameError, GameValueError, place_of_caller, shown
from gameserver.protocol.nesting import NESTING_MAX, nests_too_deep

EVENT_BYTES_MAX: Final = 32 * 1024  # as JSON
_CHARACTER_BYTES: Final = 6  # at most, as JSON
_SHORT: Final = EVENT_BYTES_MAX // _CHARACTER_BYTES // 2  # characters in all that need no measuring
_encode = msgspec.json.Encoder().encode


def event_of(call: str, name: Any, fields: dict[str, Any]) -> Event:
    """Return the event. Raises GameError if it could not be sent; ``call`` is how the game asked for it."""
    if not is_label(name):
        raise GameError(place_of_caller(call), f"has the event name {shown(name)}", LABEL_RULE)
    plain, length = {}, 0
    for field, value in fields.items():
        kind = type(value)
        if kind is int or kind is bool or value is None or (kind is float and isfinite(value)):
            length += _CHARACTER_BYTES
        elif kind is str and value.isascii():
            length += len(value)
        else:
            value = _plain_value(call, name, field, value)
            length += _SHORT  # not known: to be measured
        plain[field] = value
    if length + sum(map(len, plain)) > _SHORT:
        _check_size(call, name, plain)
    return Event(name, plain)


def _plain_value(call: str, name: str, field: str, value: Any) -> Any:
    """Return a copy made of JSON values."""
    try:
        plain = msgspec.to_builtins(value, str_keys=True)
        is_deep = nests_too_deep(_encode(plain))
    except Exception as error:  # of any type: the value may be any object
        where = place_of_caller(f'{call} "{name}"')
        problem = f"cannot send {field}={shown(value)}: {first_line(error)}"
        raise GameError(where, problem, "send numbers, text, or lists and dicts of these") from None
    if is_deep:
        where, problem = place_of_caller(f'{call} "{name}"'), f"cannot send {field}={shown(value)}"
        raise GameValueError(where, f"{problem}: it nests deeper than {NESTING_MAX} levels", "send it flatter")
    if not _is_finite(plain):
        where, problem = place_of_caller(f'{call} "{name}"'), f"cannot send {field}={shown(value)}"
        raise GameValueError(where, f"{problem}: JSON has no such number", "send a finite one")
    return plain


def _is_finite(plain: Any) -> bool:
    match plain:
        case float():
            return isfinite(plain)
        case dict():
            return all(map(_is_finite, plain.values()))
        case list() | tuple():
            return all(map(_is_finite, plain))
    return True


def _check_size(call: str, name: str, plain: dict[str, Any]) -> None:
    size = len(_encode(plain))
    if size > EVENT_BYTES_MAX:
        where, problem = place_of_caller(f'{call} "{name}"'), f"is {size} bytes long, of at most {EVENT_BYTES_MAX}"
        raise GameValueError(where, problem, "send less, or in parts")
