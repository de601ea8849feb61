"""WebSocket frames as bytes (RFC 6455, section 5): those the server sends, and the two kinds it reads without a parser.

Server frames are not masked, so the same bytes go to every client. Pure.
"""

from __future__ import annotations

import struct
from typing import Final

from gameserver.edge.limits import SHORT_FRAME_BYTES_MAX

try:
    from websockets.speedups import apply_mask  # in C: a fifth of the other's time
except ImportError:  # no wheel for this platform
    from websockets.utils import apply_mask

_TEXT: Final = 0x81  # first bytes: the last frame of its message, and its opcode
_BINARY: Final = 0x82
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
_MASKED: Final = 0x80
_SHORT_HEADER_BYTES: Final = 6  # first byte, mask bit and length, four bytes of mask

PING: Final = bytes((_PING, 0))
_EMPTY_PONG: Final = bytes((_PONG, _MASKED))  # how the answer to that begins; its mask follows, and nothing more


def text_frame(payload: bytes) -> bytes:
    return _header(_TEXT, len(payload)) + payload


def binary_frame(payload: bytes) -> bytes:
    return _header(_BINARY, len(payload)) + payload


def close_frame(code: int, text: str) -> bytes:
    payload = struct.pack("!H", code) + text.encode()
    return _header(_CLOSE, len(payload)) + payload


def short_frames(read: bytes) -> tuple[list[bytes | None], int]:
    """Return (texts, bytes used) of the short frames at the beginning of ``read``: the unmasked text of each final,
    masked text frame of at most 125 bytes, None for each pong without payload. Most reads are one such text and
    nothing else; ``speedups.whole_text`` is for those.

    The caller knows that the frame before them ended where ``read`` begins and that no fragments are open.
    """
    found: list[bytes | None] = []
    at, bytes_read = 0, len(read)
    while (begin := at + _SHORT_HEADER_BYTES) <= bytes_read:
        if read.startswith(_EMPTY_PONG, at):
            found.append(None)
            at = begin
            continue
        length = read[at + 1] ^ _MASKED
        end = begin + length
        if read[at] != _TEXT or length > SHORT_FRAME_BYTES_MAX or end > bytes_read:
            break
        found.append(apply_mask(read[begin:end], read[at + 2 : begin]))
        at = end
    return found, at


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
