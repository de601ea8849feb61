"""JSON text to client messages and server messages to JSON text; wrong input becomes a ``Refusal`` naming the field.

Most inputs have been said before, and lately: a key that is held, one of eight directions. Those are not parsed again,
if nobody can tell: inputs of numbers and texts, which nothing can change. Bound: DECODE_CACHE_MAX inputs of at most
CACHED_BYTES_MAX each. Only inputs, so that no password stays.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec
from msgspec import NODEFAULT, structs

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.message_class import our_messages
from gameserver.protocol.messages import ClientMessage, Input, ServerMessage, SignInMessage
from gameserver.protocol.nesting import NESTING_MAX, nests_too_deep

DECODE_CACHE_MAX: Final = 1024
CACHED_BYTES_MAX: Final = 125
_DEEP_BYTES_MIN: Final = 2 * NESTING_MAX  # a shorter text has not so many pairs of brackets
_PLAIN: Final = frozenset((int, float, bool, str, bytes, type(None)))
_AT_FIELD = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN_TEXT: Final = "Invalid value"  # how msgspec begins if ``type`` is a text, but of no message
_MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def encode_text(message: ServerMessage) -> bytes:
    """The message as UTF-8 JSON, ready for a text frame."""
    return encode(message)


class MessageRaised(Exception):  # noqa: N818
    """A message's own class raised while it was read, in a ``__post_init__`` or a default. ``__cause__`` says what."""

    def __init__(self, message: str):
        super().__init__(f"{message} cannot be made of what was sent")
        self.message = message  # the name of the class


class _Tagged(msgspec.Struct):
    type: str = ""


class SignInCodec:
    """Decodes the messages with which a connection begins, whatever the game."""

    def __init__(self) -> None:
        union: Any = reduce(or_, (message for message in our_messages() if issubclass(message, SignInMessage)))
        self._decode = msgspec.json.Decoder(union).decode

    def decode(self, text: bytes | str) -> ClientMessage:
        """Return the message in ``text``. Raises Refusal: NOT_SIGNED_IN for any other type of message, BAD_MESSAGE."""
        try:
            return _parse(self._decode, text)
        except Refusal as refusal:
            if refusal.code is RefusalCode.UNKNOWN_TYPE:
                raise not_signed_in() from None
            raise


def not_signed_in() -> Refusal:
    return Refusal(RefusalCode.NOT_SIGNED_IN, "sign in first: register, login, guest or resume")


class ClientCodec:
    """Decodes a closed set of messages: those that a node has routes for."""

    def __init__(self, messages: Iterable[type[ClientMessage]]):
        self.types: dict[str, type[ClientMessage]] = {}
        for message_type in messages:
            tag = str(message_type.__struct_config__.tag)
            if self.types.setdefault(tag, message_type) is not message_type:
                raise ValueError(f"two messages are called {tag!r}")
        union: Any = reduce(or_, self.types.values())
        decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(union)
        self._decode = decoder.decode
        self._plain = {message_type for message_type in self.types.values() if _is_plain(message_type)}
        self._cache: dict[bytes | str, ClientMessage] = {}

    def decode(self, text: bytes | str) -> ClientMessage:
        """The message in ``text``; an input may be one that was given before. Raises Refusal (BAD_MESSAGE or
        UNKNOWN_TYPE), saying which field and why; MessageRaised for a bug in the message's class."""
        cached = self._cache.get(text)
        if cached is not None:
            return cached
        message = self._read(text)
        if type(message) in self._plain and len(text) <= CACHED_BYTES_MAX:
            self._remember(text, message)
        return message

    def _read(self, text: bytes | str) -> ClientMessage:
        try:
            return _parse(self._decode, text)
        except Refusal:
            raise
        except BaseException as error:  # the author's own code, which awaits nothing; ``exit()`` is not to end the node
            raise MessageRaised(self._class_of(text)) from error

    def _class_of(self, text: bytes | str) -> str:
        tag = msgspec.json.decode(text, type=_Tagged).type
        return self.types[tag].__name__ if tag in self.types else tag

    def _remember(self, text: bytes | str, message: ClientMessage) -> None:
        for value in structs.astuple(message):
            if type(value) not in _PLAIN:
                return  # somebody could change it
        if len(self._cache) == DECODE_CACHE_MAX:
            self._cache.clear()
        self._cache[text] = message


def _parse(decode: Callable[[bytes | str], ClientMessage], text: bytes | str) -> ClientMessage:
    if len(text) > _DEEP_BYTES_MIN and nests_too_deep(text):
        raise Refusal(RefusalCode.BAD_MESSAGE, f"nested deeper than {NESTING_MAX} levels")
    try:
        return decode(text)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as malformed:
        raise Refusal(RefusalCode.BAD_MESSAGE, f"not JSON: {malformed}"[:200]) from None


def _is_plain(message_type: type[ClientMessage]) -> bool:
    """Every parse of a text gives an equal input of this type, and its fields cannot be assigned."""
    return (
        issubclass(message_type, Input)
        and message_type.__struct_config__.frozen
        and not hasattr(message_type, "__post_init__")
        and all(field.default_factory is NODEFAULT for field in structs.fields(message_type))
    )


def _refusal(error: str) -> Refusal:
    match = _AT_FIELD.match(error)
    what, path = (match["what"], match["path"]) if match else (error, None)
    field = path.removeprefix("$").lstrip(".") if path else None
    if field == "type" and what.startswith(_UNKNOWN_TEXT):
        return Refusal(RefusalCode.UNKNOWN_TYPE, what[:200], field="type")
    if missing := _MISSING.search(what):
        field = missing["field"]
    return Refusal(RefusalCode.BAD_MESSAGE, what[:200], field=field or None)
