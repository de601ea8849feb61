"""WebSocket frames as bytes (RFC 6455, section 5): what the server sends, and the one kind it reads without a parser.

Server frames are not masked, so the same bytes go to every client. Pure.
"""

from __future__ import annotations

import struct

from websockets.utils import apply_mask

from gameserver.edge.limits import SHORT_FRAME_BYTES_MAX

_FIN = 0x80
_TEXT, _BINARY, _CLOSE, _PING = _FIN | 0x1, _FIN | 0x2, _FIN | 0x8, _FIN | 0x9
_MASKED = 0x80
_SHORT_HEADER_BYTES = 6  # first byte, mask bit and length, four bytes of mask

PING = bytes((_PING, 0))


def text_frame(payload: bytes) -> bytes:
    return _header(_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    return _header(_BINARY, len(payload)) + payload


def close_frame(code: int, text: str) -> bytes:
    payload = struct.pack("!H", code) + text.encode()
    return _header(_CLOSE, len(payload)) + payload


def whole_short_text(read: bytes) -> bytes | None:
    """The unmasked text if ``read`` is exactly one final, masked text frame of at most 125 bytes, else None.

    The caller knows that the frame before it ended where ``read`` begins and that no fragments are open.
    """
    length = len(read) - _SHORT_HEADER_BYTES
    if not 0 <= length <= SHORT_FRAME_BYTES_MAX or read[0] != _TEXT or read[1] != _MASKED | length:
        return None
    return apply_mask(read[_SHORT_HEADER_BYTES:], read[2:_SHORT_HEADER_BYTES])


def wire_bytes_min(payload_bytes: int) -> int:
    """The least a masked frame with such a payload takes on the wire."""
    length_bytes = 0 if payload_bytes <= SHORT_FRAME_BYTES_MAX else 2 if payload_bytes < 1 << 16 else 8
    return _SHORT_HEADER_BYTES + length_bytes + payload_bytes


def _header(first: int, length: int) -> bytes:
    if length <= SHORT_FRAME_BYTES_MAX:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, 126, length)
    return struct.pack("!BBQ", first, 127, length)
