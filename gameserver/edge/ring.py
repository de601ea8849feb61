"""Many sends in one system call: Linux's io_uring, as much of it as it takes to give a tick's bytes to the kernel.

Sockets that are sent on do not block, so each send is done, or refused, before the call returns. This saves a
way into the kernel for each of them; nothing is under way between two calls, and no memory is lent to the kernel.

Layouts and numbers are those of <linux/io_uring.h>, the same on every architecture. See io_uring(7).
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import struct
import sys
from contextlib import ExitStack
from functools import cache
from socket import socketpair
from typing import Any, Final, NamedTuple

from gameserver.speedups import SEND_BYTES, lay_out

SENDS_MAX = 1024  # in one system call
ARENA_BYTES = 1 << 20  # of different bytes in one system call

_SETUP, _ENTER = 425, 426  # numbers of system calls
_SENDS_ONLY_TELL_FAILURES = 1 << 11  # a feature
_RINGS_AT, _SQES_AT = 0, 0x10000000  # what to map
_PARAMS = struct.Struct("<6I 16x 8I 8x 8I 8x")  # sizes, flags, features; offsets of the submissions' ring; of the other
_CQE: Final = struct.Struct("<Q i I")  # name, result, flags
_CQE_BYTES: Final = 16
_FULL: Final = -errno.EAGAIN  # a send's result: the socket takes nothing just now
_WORD: Final = 1 << 32


class _Offsets(NamedTuple):
    """Byte offsets within the memory that a ring shares with the kernel."""

    head: int
    tail: int
    mask: int
    size: int
    flags: int
    entries: int  # of the completions; of the submissions, the number of invalid ones
    names: int  # of the submissions
    reserved: int


class Ring:
    """An io_uring, for use by one thread. ``close`` it after use."""

    def __init__(self, sends_max: int = SENDS_MAX, arena_bytes: int = ARENA_BYTES):
        """Raises OSError where the system has no io_uring or forbids it, as containers often do."""
        params = ctypes.create_string_buffer(_PARAMS.size)
        with ExitStack() as opened:  # closed again if anything fails here
            self._fd = _system_call(_SETUP, sends_max, ctypes.addressof(params))
            opened.callback(os.close, self._fd)
            sizes = _PARAMS.unpack(params.raw)
            self._sends_max: int = sizes[0]
            self._done_max: int = sizes[1]
            if not sizes[5] & _SENDS_ONLY_TELL_FAILURES:
                raise OSError(errno.ENOSYS, "io_uring is too old here")
            offsets = sizes[6:]
            self._map(_Offsets(*offsets[:8]), _Offsets(*offsets[8:]), opened)
            self._arena = opened.enter_context(mmap.mmap(-1, arena_bytes))
            self._arena_address: int = ctypes.addressof(ctypes.c_char.from_buffer(self._arena))
            self._prove()
            self._opened = opened.pop_all()

    def _map(self, sends: _Offsets, done: _Offsets, opened: ExitStack) -> None:
        """The rings of submissions and completions, and the table of sends to which the submissions point."""
        self._done_at: int = done.entries
        names_at, names_end = sends.names // 4, sends.names // 4 + self._sends_max
        rings_bytes = max(self._done_at + self._done_max * _CQE_BYTES, 4 * names_end)
        self._rings = opened.enter_context(mmap.mmap(self._fd, rings_bytes, offset=_RINGS_AT))
        self._table = opened.enter_context(mmap.mmap(self._fd, self._sends_max * SEND_BYTES, offset=_SQES_AT))
        self._words = opened.enter_context(memoryview(self._rings)[: rings_bytes // 4 * 4].cast("I"))
        self._head, self._tail = sends.head // 4, sends.tail // 4
        self._done_head, self._done_tail = done.head // 4, done.tail // 4
        for place in range(self._sends_max):  # each place in the ring names the same entry of the table, always
            self._words[names_at + place] = place

    def send(self, descriptors: list[int], parts: list[bytes]) -> dict[int, int]:
        """Send to each of the non-blocking sockets its part. Of those that were not sent whole: the place in the lists,
        and how many bytes the kernel took, or minus the errno.

        The same bytes one after the other are handed over once.
        """
        failed: dict[int, int] = {}
        begin = 0
        while begin < len(parts):
            begin = self._send_some(descriptors, parts, begin, failed)
        return failed

    def _send_some(self, descriptors: list[int], parts: list[bytes], begin: int, failed: dict[int, int]) -> int:
        """Send with one system call and return the index of the first part that was not sent."""
        count = self._submit(descriptors, parts, begin, failed)
        try:
            sent = _system_call(_ENTER, self._fd, count)
        except OSError:
            sent = 0  # the system is short of something: like sockets that take nothing just now
        self._words[self._tail] = self._words[self._head]  # nothing is left for the next time
        self._collect(failed)
        if not sent:
            failed.update(dict.fromkeys(range(begin, len(parts)), _FULL))
            return len(parts)
        return begin + sent

    def _submit(self, descriptors: list[int], parts: list[bytes], begin: int, failed: dict[int, int]) -> int:
        """Put as many sends as there is room for into the ring."""
        first: int = self._words[self._tail]
        count, last_bytes = lay_out(self._table, self._arena, self._arena_address, first, descriptors, parts, begin)
        last = begin + count - 1
        if last_bytes != len(parts[last]):
            failed[last] = last_bytes  # unless it is told that it was even less
        self._words[self._tail] = (first + count) % _WORD
        return count

    def _collect(self, failed: dict[int, int]) -> None:
        """Note in ``failed`` each send that failed or was cut short."""
        head: int = self._words[self._done_head]
        tail: int = self._words[self._done_tail]
        for number in range(head, head + (tail - head) % _WORD):
            place = self._done_at + number % self._done_max * _CQE_BYTES
            name, result, _ = _CQE.unpack_from(self._rings, place)
            failed[name] = result
        self._words[self._done_head] = tail

    def close(self) -> None:
        self._opened.close()

    def _prove(self) -> None:
        """Raise OSError unless sends work here: kernels before 5.6 lack them, and some hosts forbid their use only."""
        near, far = socketpair()
        with near, far:
            near.setblocking(False)
            if self.send([near.fileno(), near.fileno(), -1], [b"a", b"bc", b"d"]) != {2: -errno.EBADF}:
                raise OSError(errno.ENOSYS, "io_uring does not send here")
            assert far.recv(4) == b"abc"


@cache
def _syscall() -> Any:
    """The C library's: a number and six words."""
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "io_uring is Linux's")
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.argtypes = [ctypes.c_long] * 7
    function.restype = ctypes.c_long
    return function


def _system_call(number: int, *words: int) -> int:
    """Raises OSError."""
    result = int(_syscall()(number, *words, *(0,) * (6 - len(words))))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
