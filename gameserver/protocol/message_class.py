"""The class statement of a message: refuses at once a class that no client could send or no decoder could read.

Law: every check here belongs to the class alone. A check of two classes is made where the game names them.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator
from typing import Any, Final
from weakref import WeakSet

import msgspec
from msgspec import NODEFAULT, structs
from msgspec import inspect as types

from gameserver.protocol.label import LABEL_RULE, is_label
from gameserver.protocol.mistake import GameError, place_of_caller, place_of_class, place_of_function, shown
from gameserver.protocol.policy import OPTIONS, MessagePolicy, declared_policy

_OURS: Final = "gameserver.protocol.messages"
_FIXED: Final = {
    "tag_field": 'every message is told apart by "type"',
    "array_like": "messages are JSON objects",
}
_FORWARDREF: Final = 3  # of annotationlib.Format, since Python 3.14: names that do not exist are no error
_TAGGED: Final[WeakSet[type]] = WeakSet()
_OUR_MESSAGES: Final[dict[str, MessageClass]] = {}


class MessageClass(msgspec.StructMeta):
    """The type of all classes of messages that clients send."""

    _policy: MessagePolicy

    def __new__(mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any) -> MessageClass:
        declared = {option: options.pop(option) for option in OPTIONS if option in options}
        cls: MessageClass = new_struct(super().__new__, mcls, name, bases, namespace, options)
        is_ours = cls.__module__ == _OURS
        cls._policy = declared_policy(cls, _inherited_policy(bases), declared, is_ours=is_ours)
        if "tag" in options:
            _TAGGED.add(cls)
        if not is_ours:
            _check(cls, options)
        elif "tag" in options:
            _OUR_MESSAGES[options["tag"]] = cls
        return cls

    @property
    def policy(cls) -> MessagePolicy:
        """The ack level of the message, the part that handles it, and the stores it needs."""
        return cls._policy


def our_messages() -> tuple[Any, ...]:
    """Return the messages that the protocol itself has, whatever the game."""
    return tuple(_OUR_MESSAGES.values())


def _inherited_policy(bases: tuple[type, ...]) -> MessagePolicy:
    policies = [base.policy for base in bases if isinstance(base, MessageClass)]
    return next((policy for policy in policies if policy.is_action), policies[0] if policies else MessagePolicy())


def new_struct(new: Any, metaclass: type, name: str, bases: Any, namespace: Any, options: dict[str, Any]) -> Any:
    """Make the class. An error of msgspec becomes a GameError."""
    try:
        return new(metaclass, name, bases, namespace, **options)
    except (TypeError, ValueError) as error:
        raise GameError(place_of_caller(name), f"is no such class: {error}", "correct the class statement") from None


def has_tag(message_type: type) -> bool:
    """Return whether the class statement gave the message a tag of its own."""
    return message_type in _TAGGED


def own_fields(cls: type) -> Iterable[str]:
    """Return the names that the class's own body annotates, whether the annotations exist or not."""
    if sys.version_info >= (3, 14):
        return inspect.get_annotations(cls, format=_FORWARDREF)
    return vars(cls).get("__annotations__", {})  # type: ignore[no-any-return]


def check_decodable(cls: type[msgspec.Struct]) -> None:
    """Raise GameError if a field's annotation cannot be decoded, or its default does not fit it. Raises NameError if an
    annotation names what does not exist, as yet."""
    check_types(cls)
    check_known_to_json(cls)
    check_defaults(cls)


def check_types(cls: type[msgspec.Struct]) -> None:
    """Check the annotations of ``check_decodable``."""
    for field in known_fields(cls):
        _decoder(cls, field)


def check_known_to_json(cls: type[msgspec.Struct]) -> None:
    """Raise GameError if a field is of a class that JSON has nothing for."""
    for field in known_fields(cls):
        if any(isinstance(part, types.CustomType) for part in parts(types.type_info(field.type), set())):
            remedy = "use int, float, bool, str, a tuple of these, a frozen struct, or Any"
            raise GameError(place_of_class(cls, field.name), "is of a type that JSON does not have", remedy)


def parts(found: types.Type, seen: set[object]) -> Iterator[types.Type]:
    """Yield the type and all the types that it is made of, each class once."""
    if isinstance(found, types.Metadata):
        found = found.type
    cls = getattr(found, "cls", None)
    if cls is not None and cls in seen:
        return
    seen.add(cls)
    yield found
    inside = [part for name in ("types", "item_types") for part in getattr(found, name, ())]
    inside += [part for name in ("item_type", "key_type", "value_type") if (part := getattr(found, name, None))]
    inside += [field.type for field in getattr(found, "fields", ())]
    for part in inside:
        yield from parts(part, seen)


def check_defaults(cls: type[msgspec.Struct]) -> None:
    """Check the defaults of ``check_decodable``."""
    for field in known_fields(cls):
        if field.default is not NODEFAULT:
            _check_default(cls, field, _decoder(cls, field))


def known_fields(cls: type[msgspec.Struct]) -> tuple[structs.FieldInfo, ...]:
    """Return the fields with their types. Raises GameError, or NameError if a type does not exist, as yet."""
    try:
        return structs.fields(cls)
    except NameError:
        raise
    except Exception as error:  # the annotations are the author's own code
        raise GameError(
            place_of_class(cls), f"has an annotation that fails: {error}", "correct the annotation"
        ) from None


def _decoder(cls: type, field: structs.FieldInfo) -> Any:
    try:
        return msgspec.json.Decoder(field.type)
    except NameError:
        raise
    except Exception as error:  # msgspec's, of several types
        where, problem = place_of_class(cls, field.name), f"cannot be read from JSON: {first_line(error)}"
        raise GameError(where, problem, "use int, float, bool, str, a tuple of these, or a frozen struct") from None


def _check_default(cls: type, field: structs.FieldInfo, decoder: Any) -> None:
    try:
        decoder.decode(msgspec.json.encode(field.default))
    except Exception as error:  # of any type: a default may be any object
        where, problem = place_of_class(cls, field.name), f"has the default {shown(field.default)}: {first_line(error)}"
        raise GameError(where, problem, "give it a default of its own type") from None


def first_line(error: BaseException) -> str:
    """Return the error's text without its explanations."""
    return (str(error).splitlines() or [type(error).__name__])[0]


def _check(cls: MessageClass, options: dict[str, Any]) -> None:
    for option, reason in _FIXED.items():
        if option in options:
            raise GameError(place_of_class(cls), f"has {option}=: {reason}", f"remove {option}=")
    if "tag" in options:
        _check_tag(cls, options["tag"])
    if cls.policy.is_action and "seq" in own_fields(cls):
        raise GameError(place_of_class(cls, "seq"), "is the number that every action has", "remove it, or rename it")
    if cls.policy.is_action and any(base.__name__ == "Input" and base.__module__ == _OURS for base in cls.__mro__):
        raise GameError(place_of_class(cls), "is both an Input and an Action", "choose one: an Action is acked")
    check_post_init(cls)
    for name in unannotated(cls):
        problem = "has no type, so it is no field"
        raise GameError(place_of_class(cls, name), problem, f"write {name}: {type(vars(cls)[name]).__name__} = …")


def check_post_init(cls: type) -> None:
    """Raise GameError unless a ``__post_init__`` can be called whenever a struct is made."""
    made = vars(cls).get("__post_init__")
    if made is None:
        return
    where, remedy = place_of_function(made, f"{cls.__name__}.__post_init__"), "write def __post_init__(self)"
    if inspect.iscoroutinefunction(made):
        raise GameError(where, "is async, and nothing awaits it", remedy)
    try:
        inspect.signature(made).bind("self")
    except TypeError:
        raise GameError(where, f"takes {inspect.signature(made)}, and is given nothing", remedy) from None


def unannotated(cls: type) -> list[str]:
    """Return the names that the class's own body gives a plain value without a type. CONSTANTS are meant that way."""
    annotated = {*own_fields(cls), *getattr(cls, "__struct_fields__", ())}
    return [
        name
        for name, value in vars(cls).items()
        if not (name.startswith("_") or name.isupper() or name in annotated)
        and isinstance(value, bool | int | float | str | tuple | list | dict | set | frozenset | None)
    ]


def _check_tag(cls: type, tag: object) -> None:
    if not is_label(tag):
        raise GameError(place_of_class(cls), f"has the tag {shown(tag)}", LABEL_RULE)
    if tag in _OUR_MESSAGES:
        raise GameError(place_of_class(cls), f'has the tag "{tag}", which is one of the server\'s own', "use another")
