"""Link messages as bytes (MessagePack) and back. Pure.

Each direction is a closed union, so a decoder accepts only the messages of its direction and checks their types.
Raises msgspec.DecodeError for bytes that are no message of the direction.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from gameserver.link.messages import ToEdge, ToHost

Message = TypeVar("Message")

_encode: Final = msgspec.msgpack.Encoder().encode
_to_host: Final[msgspec.msgpack.Decoder[ToHost]] = msgspec.msgpack.Decoder(ToHost)
_to_edge: Final[msgspec.msgpack.Decoder[ToEdge]] = msgspec.msgpack.Decoder(ToEdge)


def encode(message: ToHost | ToEdge) -> bytes:
    """Return the message as bytes."""
    return _encode(message)


def decode_to_host(encoded: bytes) -> ToHost:
    """Return the message that an edge encoded for its host."""
    return _decoded(_to_host, encoded)


def decode_to_edge(encoded: bytes) -> ToEdge:
    """Return the message that a host encoded for its edge."""
    return _decoded(_to_edge, encoded)


def _decoded(decoder: msgspec.msgpack.Decoder[Message], encoded: bytes) -> Message:
    try:
        return decoder.decode(encoded)
    except UnicodeDecodeError as error:  # the one error that msgspec does not call its own
        raise msgspec.DecodeError(f"a text is not UTF-8: {error}") from None
