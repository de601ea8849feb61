"""WebSocket frames that break RFC 6455, each with the close codes that may answer it, and frames that only look odd."""

from __future__ import annotations

import struct
from collections.abc import Callable
from random import Random
from typing import NamedTuple

TEXT, BINARY, CONT, CLOSE, PING, PONG = 1, 2, 0, 8, 9, 10
PROTOCOL_ERROR, UNSUPPORTED, BAD_UTF8, TOO_BIG = 1002, 1003, 1007, 1009
BAD_TEXTS = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf5\x80\x80\x80", b"\xc0\x80", b'{"type":"\xe2\x82"}')
BAD_CODES = (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 2000, 2999, 5000, 65535)
MESSAGE_BYTES_MAX = 16 * 1024


class Breach(NamedTuple):
    """Bytes that end a connection."""

    kind: str
    frames: int
    stream: bytes
    codes: tuple[int, ...]  # one of them has to be the code of the server's close frame


def frame(
    random: Random,
    payload: bytes,
    opcode: int = TEXT,
    *,
    fin: bool = True,
    bits: int = 0,
    masked: bool = True,
    length: int | None = None,
    width: int | None = None,
) -> bytes:
    """Return a frame. ``length`` and ``width`` override what its header says, and with how many bytes."""
    length = len(payload) if length is None else length
    width = (0 if length < 126 else 2 if length < 1 << 16 else 8) if width is None else width
    head = bytes([(0x80 if fin else 0) | bits << 4 | opcode])
    mask_bit = 0x80 if masked else 0
    match width:
        case 0:
            head += bytes([mask_bit | length])
        case 2:
            head += bytes([mask_bit | 126]) + struct.pack("!H", length)
        case _:
            head += bytes([mask_bit | 127]) + struct.pack("!Q", length)
    if not masked:
        return head + payload
    mask = random.randbytes(4)
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def odd(random: Random, text: bytes) -> tuple[bytes, int]:
    """Return a legal but unusual way to send ``text``, and the number of its frames."""
    match random.randrange(10):
        case 0:
            return frame(random, random.randbytes(random.randrange(126)), PING) + frame(random, text), 2
        case 1:
            return frame(random, random.randbytes(random.randrange(126)), PONG) + frame(random, text), 2
        case 2 if len(text) < 1 << 16:
            return frame(random, text, width=8), 1
        case 3:
            return _fragmented(random, text)
        case _:
            return frame(random, text), 1


def _fragmented(random: Random, text: bytes) -> tuple[bytes, int]:
    cuts = sorted(random.choices(range(len(text) + 1), k=random.randrange(1, 5)))
    parts = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    stream, frames = b"", len(parts)
    for number, part in enumerate(parts):
        stream += frame(random, part, CONT if number else TEXT, fin=number == len(parts) - 1)
        if number < len(parts) - 1 and random.random() < 0.2:
            stream += frame(random, b"between", PING)
            frames += 1
    return stream, frames


def breach(random: Random) -> Breach:
    """Return one of all the ways to break the rules."""
    kind = random.choice(list(BREACHES))
    return BREACHES[kind](kind, random)


def _reserved_bits(kind: str, random: Random) -> Breach:
    stream = frame(random, b"{}", random.choice((TEXT, PING, PONG, CLOSE)), bits=random.randrange(1, 8))
    return Breach(kind, 1, stream, (PROTOCOL_ERROR,))


def _reserved_opcode(kind: str, random: Random) -> Breach:
    return Breach(kind, 1, frame(random, b"{}", random.choice((3, 4, 5, 6, 7, 11, 12, 13, 14, 15))), (PROTOCOL_ERROR,))


def _unmasked(kind: str, random: Random) -> Breach:
    opcode = random.choice((TEXT, BINARY, PING, PONG, CLOSE))
    return Breach(kind, 1, frame(random, b"", opcode, masked=False), (PROTOCOL_ERROR,))


def _large_control(kind: str, random: Random) -> Breach:
    payload = random.randbytes(random.choice((126, 127, 1000)))
    return Breach(kind, 1, frame(random, payload, random.choice((PING, PONG, CLOSE))), (PROTOCOL_ERROR,))


def _control_in_fragments(kind: str, random: Random) -> Breach:
    return Breach(kind, 1, frame(random, b"", random.choice((PING, PONG, CLOSE)), fin=False), (PROTOCOL_ERROR,))


def _stray_continuation(kind: str, random: Random) -> Breach:
    return Breach(kind, 1, frame(random, b"{}", CONT, fin=random.random() < 0.5), (PROTOCOL_ERROR,))


def _message_in_fragments(kind: str, random: Random) -> Breach:
    begun = frame(random, b'{"type":', fin=False)
    return Breach(kind, 2, begun + frame(random, b"{}", random.choice((TEXT, CLOSE))), (PROTOCOL_ERROR,))


def _bad_close(kind: str, random: Random) -> Breach:
    payload = random.choice((b"\x03", *(struct.pack("!H", code) for code in BAD_CODES)))
    return Breach(kind, 1, frame(random, payload, CLOSE), (PROTOCOL_ERROR,))


def _bad_close_reason(kind: str, random: Random) -> Breach:
    return Breach(kind, 1, frame(random, b"\x03\xe8" + random.choice(BAD_TEXTS), CLOSE), (BAD_UTF8,))


def _too_long(kind: str, random: Random) -> Breach:
    length = random.choice((MESSAGE_BYTES_MAX + 1, 1 << 16, 1 << 20, 1 << 31, 1 << 32, (1 << 63) - 1))
    return Breach(kind, 1, frame(random, b"", length=length, width=8), (TOO_BIG,))


def _impossible_length(kind: str, random: Random) -> Breach:
    return Breach(
        kind, 1, frame(random, b"", length=1 << 63 | random.getrandbits(62), width=8), (PROTOCOL_ERROR, TOO_BIG)
    )


def _too_long_in_all(kind: str, random: Random) -> Breach:
    part = b"x" * (MESSAGE_BYTES_MAX // 2)
    stream = frame(random, part, fin=False) + frame(random, part, CONT, fin=False) + frame(random, b"x", CONT)
    return Breach(kind, 3, stream, (TOO_BIG,))


def _binary(kind: str, random: Random) -> Breach:
    payload = random.randbytes(random.randrange(200))
    return Breach(kind, 1, frame(random, payload, BINARY, fin=random.random() < 0.5), (UNSUPPORTED,))


def _bad_utf8(kind: str, random: Random) -> Breach:
    text = b"x" * random.choice((0, 3, 124, 300)) + random.choice(BAD_TEXTS)
    if random.random() < 0.5:
        return Breach(kind, 1, frame(random, text), (BAD_UTF8,))
    at = random.randrange(len(text) + 1)
    return Breach(kind, 2, frame(random, text[:at], fin=False) + frame(random, text[at:], CONT), (BAD_UTF8,))


BREACHES: dict[str, Callable[[str, Random], Breach]] = {
    "reserved bits": _reserved_bits,
    "reserved opcode": _reserved_opcode,
    "unmasked": _unmasked,
    "large control frame": _large_control,
    "control frame in fragments": _control_in_fragments,
    "stray continuation": _stray_continuation,
    "message inside another": _message_in_fragments,
    "bad close code": _bad_close,
    "bad close reason": _bad_close_reason,
    "too long": _too_long,
    "impossible length": _impossible_length,
    "too long in all": _too_long_in_all,
    "binary": _binary,
    "bad UTF-8": _bad_utf8,
}
