"""JSON text to client messages and server messages to JSON text; wrong input becomes a ``Refusal`` naming the field."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import reduce
from operator import or_
from typing import Any

import msgspec

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.messages import BUILT_IN, ClientMessage, ServerMessage

_AT_FIELD = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"missing required field `(?P<field>[^`]*)`")

_encoder = msgspec.json.Encoder()
encode = _encoder.encode


def encode_text(message: ServerMessage) -> bytes:
    """The message as UTF-8 JSON, ready for a text frame."""
    return encode(message)


class ClientCodec:
    """Decodes the closed set of messages of one game: the built-in ones and the game's own."""

    def __init__(self, game_messages: Iterable[type[ClientMessage]] = ()):
        self.types: dict[str, type[ClientMessage]] = {}
        for message_type in (*BUILT_IN, *game_messages):
            tag = str(message_type.__struct_config__.tag)
            if self.types.setdefault(tag, message_type) is not message_type:
                raise ValueError(f"two messages are called {tag!r}")
        union: Any = reduce(or_, self.types.values())
        decoder: msgspec.json.Decoder[ClientMessage] = msgspec.json.Decoder(union)
        self._decode = decoder.decode

    def decode(self, text: bytes | str) -> ClientMessage:
        """The message in ``text``. Raises Refusal (BAD_MESSAGE or UNKNOWN_TYPE), saying which field and why."""
        try:
            return self._decode(text)
        except msgspec.ValidationError as error:
            raise _refusal(str(error)) from None
        except (msgspec.DecodeError, UnicodeError, RecursionError) as malformed:
            raise Refusal(RefusalCode.BAD_MESSAGE, f"not JSON: {malformed}"[:200]) from None


def _refusal(error: str) -> Refusal:
    match = _AT_FIELD.match(error)
    what, path = (match["what"], match["path"]) if match else (error, None)
    field = path.removeprefix("$").lstrip(".") if path else None
    if field == "type":
        return Refusal(RefusalCode.UNKNOWN_TYPE, what[:200], field="type")
    if missing := _MISSING.search(what):
        field = missing["field"]
    return Refusal(RefusalCode.BAD_MESSAGE, what[:200], field=field or None)
