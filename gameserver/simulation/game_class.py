"""The class statement of a game: whatever can be seen to be wrong in it is refused there, in one line.

Law: a class that passes is one whose hooks and handlers can be called as the server calls them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import FunctionType
from typing import Any, Final

from gameserver.protocol.message_class import check_decodable, has_tag
from gameserver.protocol.messages import Action, ClientMessage, Input
from gameserver.protocol.mistake import (
    GameError,
    code_of,
    place_of_caller,
    place_of_class,
    place_of_function,
    shown,
)
from gameserver.protocol.policy import HandledBy

HANDLER: Final = ("zone", "player", "message")
Handlers = dict[type[ClientMessage], Any]


class Body(dict[str, Any]):
    """The names of a class's body. A second function of one name is refused instead of hiding the first."""

    def __setitem__(self, name: str, value: Any) -> None:
        before = self.get(name)
        if isinstance(value, FunctionType) and isinstance(before, FunctionType):
            problem = f"has the name of the method in line {before.__code__.co_firstlineno}"
            raise GameError(place_of_function(value), problem, "rename one of them")
        super().__setitem__(name, value)


class GameClass(type):
    """The type of all classes of games."""

    @classmethod
    def __prepare__(cls, name: str, bases: tuple[type, ...], /, **options: Any) -> Body:
        return Body()

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> GameClass:
        return super().__new__(mcls, name, bases, dict(namespace), **options)


# --- handlers ---


def check_handled(message_type: object) -> None:
    """Raise GameError unless ``@handles(message_type)`` names a message that a client can send."""
    if isinstance(message_type, FunctionType):
        where = place_of_function(message_type)
        raise GameError(where, "has @handles without a message", "write @handles(TheMessage) above the method")
    where = place_of_caller("@handles")
    if not isinstance(message_type, type) or not issubclass(message_type, Input | Action):
        problem = f"takes the class of an Input or Action, not {shown(message_type)}"
        raise GameError(where, problem, "write @handles(TheMessage)")
    if message_type in (Input, Action):
        plain = message_type.__name__
        raise GameError(where, f"names {plain} itself", f"subclass {plain}, and name the subclass")
    if not has_tag(message_type):
        name = message_type.__name__
        remedy = f'write class {name}({message_type.__mro__[1].__name__}, tag="{name.lower()}")'
        raise GameError(place_of_class(message_type), "has no tag, so no client can send it", remedy)
    check_if_known(message_type)


def check_if_known(message_type: type[ClientMessage]) -> None:
    """Check the fields, unless an annotation names a class that may yet be written below."""
    try:
        check_decodable(message_type)
    except NameError:
        pass


def marked_message(member: Any) -> Any:
    """Return the message that ``@handles`` above the method names, also below another decorator; else None."""
    inside = (member, getattr(member, "__func__", None), getattr(member, "fget", None))
    return next((marked for each in inside if (marked := getattr(each, "__handles__", None)) is not None), None)


def check_unmarked(handler: Any, message_type: type) -> None:
    """Raise GameError if the method is marked for another message already."""
    marked = marked_message(handler) or message_type
    if marked is not message_type:
        problem = f"handles both {marked.__name__} and {message_type.__name__}"
        raise GameError(place_of_function(handler), problem, "write one method for each")


def collect_handlers(game: type) -> Handlers:
    """Return message -> the method that the game calls for it, of all its bases. Raises GameError if two of one class
    handle the same message, or one method two of them."""
    names = {message_type: name for cls in reversed(game.__mro__) for message_type, name in _handled_in(cls)}
    handlers: Handlers = {}
    for message_type, name in names.items():
        member = inspect.getattr_static(game, name)
        check_callable(game, name, member, HANDLER)
        _check_message_of(game, name, member, message_type)
        handlers[message_type] = member
    return handlers


def _check_message_of(game: type, name: str, member: Any, message_type: type[ClientMessage]) -> None:
    """The method must be meant for this message: by its own mark, and by its last parameter's type."""
    where = place_of_function(member, f"{game.__name__}.{name}")
    marked = marked_message(member) or message_type
    if marked is not message_type:
        problem = f"handles {marked.__name__} and replaces the handler of {message_type.__name__}"
        raise GameError(where, problem, "give it another name")
    expected = _annotated_message(member)
    if expected is not None and not issubclass(message_type, expected):
        problem = f"handles {message_type.__name__} and expects {expected.__name__}"
        raise GameError(where, problem, f"write @handles({expected.__name__}), or message: {message_type.__name__}")


def _annotated_message(member: Any) -> type | None:
    """The message class that the last parameter is annotated with, if it is one that exists by now."""
    code, hints = code_of(member), getattr(member, "__annotations__", {})
    if code is None or code.co_argcount != 1 + len(HANDLER):
        return None
    annotation = hints.get(code.co_varnames[len(HANDLER)])
    if isinstance(annotation, str):
        annotation = member.__globals__.get(annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, ClientMessage) else None


def _handled_in(cls: type) -> Iterator[tuple[type[ClientMessage], str]]:
    found: dict[type[ClientMessage], str] = {}
    for name, member in vars(cls).items():
        message_type = marked_message(member)
        if message_type is None:
            continue
        if message_type in found:
            problem = f"handles {message_type.__name__}, as {found[message_type]} does"
            raise GameError(place_of_function(member), problem, "keep one of the two")
        found[message_type] = name
        yield message_type, name


def check_handled_by(owner: type, handlers: Mapping[type[ClientMessage], object], handled_by: HandledBy) -> None:
    """Raise GameError if a message is declared for another part than the one that handles it."""
    for message_type in handlers:
        declared = message_type.policy.handled_by
        if declared != handled_by:
            problem = f"handles {message_type.__name__}, which is declared with handled_by={shown(declared)}"
            remedy = f'write handled_by="{handled_by}" in its class statement, or handle another message'
            raise GameError(place_of_class(owner), problem, remedy)


def check_tags(game: type, handlers: Mapping[type[ClientMessage], object]) -> None:
    """Raise GameError if two messages have one tag."""
    seen: dict[object, type[ClientMessage]] = {}
    for message_type in handlers:
        tag = message_type.__struct_config__.tag
        other = seen.setdefault(tag, message_type)
        if other is not message_type:
            problem = f'has the tag "{tag}" of {place_of_class(other)}'
            raise GameError(place_of_class(message_type), problem, "give one of them another tag")


# --- functions that the server calls ---


def check_callable(game: type, name: str, member: Any, arguments: tuple[str, ...]) -> None:
    """Raise GameError unless ``game().name(*arguments)`` is a plain call."""
    where = place_of_function(member, f"{game.__name__}.{name}")
    call = f"def {name}({', '.join(('self', *arguments))})"
    if isinstance(member, staticmethod | classmethod):
        raise GameError(where, f"is a {type(member).__name__}", f"write {call}")
    if isinstance(member, property):
        raise GameError(place_of_function(member.fget, f"{game.__name__}.{name}"), "is a property", f"write {call}")
    if not callable(member):
        raise GameError(place_of_class(game, name), f"is {shown(member)} where a method belongs", f"write {call}")
    if is_async(member):
        raise GameError(where, "is async, and the server never awaits", f"write {call} without async or await")
    if _is_generator(member):
        raise GameError(where, "has a yield, so a call does nothing", f"write {call} without yield")
    _check_arguments(where, call, member, ("self", *arguments))


def _check_arguments(where: str, call: str, member: Callable[..., Any], given: tuple[str, ...]) -> None:
    try:
        signature = inspect.signature(member)
    except (TypeError, ValueError):
        return  # written in C: found out when it is called
    try:
        signature.bind(*given)
    except TypeError:
        raise GameError(where, f"takes {signature}, not {len(given)} arguments", f"write {call}") from None
    for taken, meant in zip(signature.parameters, given, strict=False):
        if taken != meant and taken in given:
            raise GameError(where, f"has {taken} where it is given {meant}", f"write {call}")


def is_async(member: object) -> bool:
    """Return whether a call would return something to await."""
    return any(inspect.iscoroutinefunction(it) or inspect.isasyncgenfunction(it) for it in _called(member))


def _is_generator(member: object) -> bool:
    return any(inspect.isgeneratorfunction(it) for it in _called(member))


def _called(member: object) -> tuple[object, object]:
    """Return the function that runs when ``member`` is called: itself, or its class's ``__call__``."""
    return member, vars(type(member)).get("__call__")
