"""In Python. This is what there is to read; ``in_c.c`` does the same."""

from __future__ import annotations

import os
from collections.abc import Iterator
from errno import EIO
from typing import Protocol, TypeVar

try:
    from websockets.speedups import apply_mask  # in C: a fifth of the other's time
except ImportError:  # no wheel for this platform
    from websockets.utils import apply_mask

T = TypeVar("T")
_WRITES = 0x4  # epoll's EPOLLOUT
_LAST_TEXT, _MASKED = 0x81, 0x80
_HEADER_BYTES = 6  # first byte, mask bit and length, four bytes of mask
_SHORT_BYTES_MAX = 125  # the longest payload whose length fits the second byte


class Asked(Protocol):
    """As far as it is needed here, ``select.epoll``."""

    def poll(self, timeout_s: float, count_max: int, /) -> list[tuple[int, int]]: ...
    def fileno(self) -> int: ...


def ahead(objects: list[T], /) -> Iterator[T]:
    """Each in turn, as iterating over the list does. In C those that come next, and what they refer to, are on their
    way into the processor's cache meanwhile: for what was not touched since the last tick."""
    return iter(objects)


def read_ready(
    asked: Asked, wires: list[T | None], count_max: int, bytes_max: int, /
) -> Iterator[tuple[T, int, bytes | int | None]]:
    """Of each socket that is ready: the wire that ``wires`` has at its descriptor, epoll's events, and what can be read
    of it at once, ``bytes_max`` at most; nothing at its end, the errno if it cannot be read, None if it only waited to
    be written. It is read when its turn comes, and passed over if ``wires`` has none for it any more. No socket blocks.
    ValueError if fewer than one of either is asked for."""
    if count_max < 1 or bytes_max < 1:
        raise ValueError("at least one socket and one byte")
    return _read_each(asked.poll(0, count_max), wires, bytes_max)


def _read_each(
    ready: list[tuple[int, int]], wires: list[T | None], bytes_max: int
) -> Iterator[tuple[T, int, bytes | int | None]]:
    for fd, events in ready:
        if fd < len(wires) and (wire := wires[fd]) is not None:
            yield wire, events, _read(fd, bytes_max) if events != _WRITES else None


def _read(fd: int, bytes_max: int) -> bytes | int:
    try:
        return os.read(fd, bytes_max)
    except OSError as error:
        return error.errno or EIO


def whole_text(frame: bytes, /) -> bytes | None:
    """The unmasked text if this is one final, masked text frame of at most 125 bytes and nothing else."""
    length = len(frame) - _HEADER_BYTES
    if 0 <= length <= _SHORT_BYTES_MAX and frame[0] == _LAST_TEXT and frame[1] == _MASKED | length:
        return apply_mask(frame[_HEADER_BYTES:], frame[2:_HEADER_BYTES])
    return None


def fill(picture: bytes, key: bytes, seq: int, tick: int, x: float, y: float, facing: int, /) -> bytes:
    """``picture`` with these in their places, each with its length before it: see ``store.resp.hset_picture``."""
    a, b, c, d, e = b"%d" % seq, b"%d" % tick, b"%.4f" % x, b"%.4f" % y, b"%d" % facing
    return picture % (len(key), key, len(a), a, len(b), b, len(c), c, len(d), d, len(e), e)
