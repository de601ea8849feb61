"""The speedups in Python, for readers. ``in_c.c`` does the same."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from errno import EIO
from mmap import mmap
from typing import Protocol, TypeVar

try:
    from websockets.speedups import apply_mask  # in C: a fifth of the other's time
except ImportError:  # no wheel for this platform
    from websockets.utils import apply_mask

T = TypeVar("T")
_WRITES = 0x4  # epoll's EPOLLOUT
_LAST_TEXT, _MASKED = 0x81, 0x80
_HEADER_BYTES = 6  # first byte, mask bit and length, four bytes of mask
SEND_BYTES = 64  # an entry of io_uring's table of what to do
_SEND = struct.Struct("<I i 8x Q Q Q 24x")  # what to do, descriptor, address, length and flags, name
_WHAT = 26 | 1 << 6 << 8  # send, and tell nothing if all of it was sent
_FLAGS = (0x4000 | 0x100 | 0x40) << 32  # no SIGPIPE; less than all is a failure; do not wait
_SHORT_BYTES_MAX = 125  # the longest payload whose length fits the second byte


class EpollLike(Protocol):
    """The part of ``select.epoll`` that is needed here."""

    def poll(self, timeout_s: float, count_max: int, /) -> list[tuple[int, int]]: ...
    def fileno(self) -> int: ...


def prefetched(objects: list[T], /) -> Iterator[T]:
    """Each in turn, as iterating over the list does. In C those that come next, and what they refer to, are on their
    way into the processor's cache meanwhile: for what was not touched since the last tick."""
    return iter(objects)


def read_ready(
    asked: EpollLike, wires: list[T | None], count_max: int, bytes_max: int, /
) -> Iterator[tuple[T, int, bytes | int | None]]:
    """Yield (wire, events, data) of each socket that epoll finds ready. ``wire``: the entry of ``wires`` at the
    socket's descriptor. ``data``: at most ``bytes_max`` bytes read; empty at the end of the stream; the errno if the
    read fails; None if the socket waits only to be written. A socket is read when its turn comes, and skipped if
    ``wires`` no longer has it. No socket blocks. Raises ValueError if fewer than one event or byte is asked for.
    """
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


def fill(
    room: bytearray, at: int, picture: bytes, key: bytes, seq: int, tick: int, x: float, y: float, facing: int, /
) -> int:
    """``picture`` with these in their places, each with its length before it (see ``store.resp.hset_template``), into
    ``room`` from ``at`` on. Returns where it ends; -1 if there is not enough room, and what is behind ``at`` may be
    anything then. ValueError if this is no such picture, or no such place."""
    a, b, c, d, e = b"%d" % seq, b"%d" % tick, b"%.4f" % x, b"%.4f" % y, b"%d" % facing
    filled = picture % (len(key), key, len(a), a, len(b), b, len(c), c, len(d), d, len(e), e)
    if at < 0:
        raise ValueError("a place is no less than 0")
    end = at + len(filled)
    if end > len(room):
        return -1
    room[at:end] = filled
    return end


def lay_out(
    table: mmap | bytearray,
    arena: mmap | bytearray,
    arena_address: int,
    first: int,
    descriptors: list[int],
    parts: list[bytes],
    begin: int,
    /,
) -> tuple[int, int]:
    """Put the sends of ``parts[begin:]``, of which there is at least one, into io_uring's ``table``, from place
    ``first`` on and round it, as far as it and the ``arena`` have room. Each is named by its place in the lists. The
    same bytes one after the other are in the arena once. Returns how many sends they are, and how many bytes the last
    one has; of a part that is larger than the arena as many as it holds, and no other send is with it."""
    places = len(table) // SEND_BYTES
    filled = address = length = count = 0
    before = None
    for name in range(begin, min(begin + places, len(parts))):
        data = parts[name]
        if data is not before:
            if len(data) > len(arena) - filled and count:
                break
            length = min(len(data), len(arena))
            arena[filled : filled + length] = data[:length]
            address = arena_address + filled
            filled += length
            before = data
        place = (first + count) % places * SEND_BYTES
        _SEND.pack_into(table, place, _WHAT, descriptors[name], address, _FLAGS | length, name)
        count += 1
        if length < len(data):
            break
    return count, length
