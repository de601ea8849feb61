"""Link messages as bytes (MessagePack) and back. Pure.

Each direction is a closed union, so a decoder accepts only the messages of its direction and checks their types.
Raises msgspec.DecodeError for bytes that are no message of the direction.
"""

from __future__ import annotations

from typing import Final

import msgspec

from gameserver.link.messages import ToEdge, ToHost

_encode: Final = msgspec.msgpack.Encoder().encode
_to_host: Final[msgspec.msgpack.Decoder[ToHost]] = msgspec.msgpack.Decoder(ToHost)
_to_edge: Final[msgspec.msgpack.Decoder[ToEdge]] = msgspec.msgpack.Decoder(ToEdge)


def encode(message: ToHost | ToEdge) -> bytes:
    """Return the message as bytes."""
    return _encode(message)


def decode_to_host(encoded: bytes) -> ToHost:
    """Return the message that an edge encoded for its host."""
    return _to_host.decode(encoded)


def decode_to_edge(encoded: bytes) -> ToEdge:
    """Return the message that a host encoded for its edge."""
    return _to_edge.decode(encoded)
