"""Messages about settings that are wrong: the value, what is allowed instead, and an example. Pure.

A message names the setting as it was set: as a flag, a variable or a key of the file. A secret's value is not shown.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Final, Literal, NamedTuple, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

ENV_PREFIX: Final = "GAMESERVER_"
_SHOWN_MAX: Final = 60  # characters of a value
_FAULTS: Final = {  # pydantic's type of error -> the fault, behind "is"
    "greater_than_equal": "too small",
    "less_than_equal": "too large",
    "int_parsing": "no whole number",
    "int_from_float": "no whole number",
    "int_parsing_size": "too large",
    "int_type": "no whole number",
    "float_parsing": "no number",
    "float_type": "no number",
    "finite_number": "not finite",
    "bool_parsing": "neither true nor false",
    "bool_type": "neither true nor false",
    "literal_error": "not one of the choices",
    "string_pattern_mismatch": "not written as it has to be",
    "string_too_short": "too short",
    "string_too_long": "too long",
    "string_type": "no text",
    "path_type": "no path",
    "tuple_type": "no list",
}


class Source(Enum):
    """The place where a setting was set. The higher number wins."""

    FILE = 1
    ENVIRONMENT = 2
    FLAG = 3


class Given(NamedTuple):
    """A setting as somebody set it."""

    name: str
    value: object
    source: Source
    file: str = ""

    def __str__(self) -> str:
        """Return the setting's name, as it was spelled there."""
        if self.source is Source.FLAG:
            return flag_of(self.name)
        return variable_of(self.name) if self.source is Source.ENVIRONMENT else f"{self.name} in {self.file}"

    def example(self, value: str, *, is_text: bool) -> str:
        """Return how to write that value there."""
        if self.source is Source.FLAG:
            return f"{self} {value}"
        if self.source is Source.ENVIRONMENT:
            return f"{self}={value}"
        return f'{self.name} = "{value}"' if is_text else f"{self.name} = {value}"


def problems_in(error: ValidationError, fields: Mapping[str, FieldInfo], given: Mapping[str, Given]) -> list[str]:
    """Return one line for each problem that pydantic found."""
    return list(_lines(error, fields, given))


def _lines(error: ValidationError, fields: Mapping[str, FieldInfo], given: Mapping[str, Given]) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False, include_input=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "default_factory_not_called":
            continue  # only says that another setting is bad
        if problem["type"] == "extra_forbidden":
            near = closest(name, fields)
            yield f"{given[name]}: there is no such setting{f'; did you mean {near}?' if near else ''}"
        elif problem["type"] == "value_error":  # a check of ours
            yield from _lines_of_ours(problem["msg"].removeprefix("Value error, "), name, fields, given)
        else:
            yield f"{given[name]}: {_message(problem['type'], fields[name], given[name])}"


def _lines_of_ours(text: str, name: str, fields: Mapping[str, FieldInfo], given: Mapping[str, Given]) -> Iterator[str]:
    """Yield the lines of a check of this package, which words its messages itself."""
    if name not in given:
        yield from text.splitlines()  # about settings that contradict each other
        return
    example = extra_of(fields[name])["example"]
    shown = f"; example: {given[name].example(example, is_text=True)}" if example else ""
    yield from (f"{given[name]}: {line}{shown}" for line in text.splitlines())


def _message(fault: str, field: FieldInfo, given: Given) -> str:
    """Return the value, the fault, what is allowed and an example."""
    value = "the value" if extra_of(field)["secret"] else _shown(given.value)
    allowed = "true or false" if field.annotation is bool else range_of(field)
    example = extra_of(field)["example"] or default_of(field)
    remedies = [
        f"allowed: {allowed}" if allowed else "",
        f"example: {given.example(example, is_text=not _is_number_or_bool(field))}" if example else "",
    ]
    remedy = "; ".join(filter(None, remedies))
    text = f"{value} is {_FAULTS.get(fault, 'of the wrong kind')}"
    return f"{text}; {remedy}" if remedy else text


def _shown(value: object) -> str:
    """Return the value as it may be printed; text that is no number stands in quotes."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    text = text if len(text) <= _SHOWN_MAX else text[:_SHOWN_MAX] + "…"
    is_number = text.lstrip("+-").replace(".", "", 1).isdecimal()
    return text if is_number or not isinstance(value, str) else f'"{text}"'


def _is_number_or_bool(field: FieldInfo) -> bool:
    return field.annotation in (bool, int, float)


def spelled(name: str) -> str:
    """Return the setting's flag and its variable, for a message that tells somebody to set it."""
    return f"{flag_of(name)} or {variable_of(name)}"


def flag_of(name: str) -> str:
    return "--" + name.replace("_", "-")


def variable_of(name: str) -> str:
    return ENV_PREFIX + name.upper()


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """Return what the setting was declared with besides its type, bounds and description."""
    extra: Any = field.json_schema_extra
    return dict(extra)


def range_of(field: FieldInfo) -> str:
    """Return the values that are allowed: "1 to 60", "json or console"; empty where the description tells."""
    if allowed := extra_of(field)["allowed"]:
        return str(allowed)
    if get_origin(field.annotation) is Literal:
        *others, last = get_args(field.annotation)
        return f"{', '.join(others)} or {last}"
    low, high = _bound(field, "ge"), _bound(field, "le")
    if low is not None and high is not None:
        return f"{low} to {high}"
    low, high = _bound(field, "min_length"), _bound(field, "max_length")
    return f"{low} to {high} characters" if low is not None and high is not None else ""


def _bound(field: FieldInfo, name: str) -> object:
    return next((getattr(bound, name) for bound in field.metadata if hasattr(bound, name)), None)


def default_of(field: FieldInfo) -> str:
    """Return the default as it is written in the environment; empty where the description tells."""
    default = field.default
    if field.default_factory is not None or default is None or default == ():
        return ""
    return str(default).lower() if isinstance(default, bool) else str(default)


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that looks most like ``name``; None when nothing does. A name that begins alike counts first."""
    names = list(known)
    begins = [each for each in names if name and each.startswith(name)]
    close = difflib.get_close_matches(name, begins or names, n=1, cutoff=0.0 if begins else 0.6)
    return close[0] if close else None
