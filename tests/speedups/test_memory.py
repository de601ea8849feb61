"""The C module frees its memory, or hands it over, even if it refuses."""

from __future__ import annotations

import contextlib
import select
import socket
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

if sys.platform != "linux":
    pytest.skip("there is no epoll", allow_module_level=True)

CALLS = 1000
PICTURE, KEY = b"%d%b" * 6, b"session:{5}:7"
WIRES = list(range(1024))


@pytest.fixture(scope="module")
def epolls() -> Iterator[dict[str, Any]]:
    """Give scripted epolls, by their answers."""
    quiet, writable, ended = (socket.socketpair() for _ in range(3))
    ended[1].close()
    epolls: dict[str, Any] = {name: select.epoll() for name in ("quiet", "writable", "ended")}
    epolls["quiet"].register(quiet[0], select.EPOLLIN)
    epolls["writable"].register(writable[0], select.EPOLLOUT)
    epolls["ended"].register(ended[0], select.EPOLLIN)
    yield epolls
    for opened in (*epolls.values(), *quiet, *writable, *ended):
        opened.close()


TABLE = bytearray(128)
LISTED = [object(), [], WIRES, int, None] * 5
CASES: dict[str, Callable[[ModuleType, dict[str, Any]], object]] = {
    "all of a list": lambda in_c, _: list(in_c.prefetched(LISTED)),
    "some of a list": lambda in_c, _: next(in_c.prefetched(LISTED)),
    "no list": lambda in_c, _: in_c.prefetched(()),
    "sends": lambda in_c, _: in_c.lay_out(TABLE, TABLE, 2**40, 2**32 - 1, [1, 2], [b"a", b"b"], 0),
    "no sends": lambda in_c, _: in_c.lay_out(TABLE, TABLE, 2**40, 0, [1, 2], [b"a", None], 0),
    "a descriptor too few": lambda in_c, _: in_c.lay_out(TABLE, TABLE, 2**40, 0, [], [b"a"], 0),
    "a text": lambda in_c, _: in_c.whole_text(b"\x81\xfd" + bytes(129)),
    "no text": lambda in_c, _: in_c.whole_text(b"hello"),
    "no bytes": lambda in_c, _: in_c.whole_text("text"),
    "a place": lambda in_c, _: in_c.fill(bytearray(2000), 0, PICTURE, KEY, 10**17, 10**17, 1.5, -2.5, 255),
    "a place that Python prints": lambda in_c, _: in_c.fill(bytearray(2000), 0, PICTURE, KEY, 1, 2, 1e300, -1e300, 255),
    "no room": lambda in_c, _: in_c.fill(bytearray(20), 0, PICTURE, KEY, 1, 2, 1e300, -1e300, 255),
    "no picture": lambda in_c, _: in_c.fill(bytearray(2000), 0, b"%d", KEY, 1, 2, 1.5, -2.5, 255),
    "too large": lambda in_c, _: in_c.fill(bytearray(2000), 0, PICTURE, KEY, 1, 2**70, 1.5, -2.5, 255),
    "no number": lambda in_c, _: in_c.fill(bytearray(2000), 0, PICTURE, KEY, 1, 2, 1.5, "text", 255),
    "nothing ready": lambda in_c, epolls: in_c.read_ready(epolls["quiet"], WIRES, 100, 10_000),
    "ready to be written": lambda in_c, epolls: list(in_c.read_ready(epolls["writable"], WIRES, 100, 10_000)),
    "ready to be read": lambda in_c, epolls: list(in_c.read_ready(epolls["ended"], WIRES, 100, 10_000)),
    "left half way": lambda in_c, epolls: next(in_c.read_ready(epolls["ended"], WIRES, 100, 10_000)),
    "not one socket": lambda in_c, epolls: in_c.read_ready(epolls["ended"], WIRES, 0, 10_000),
    "no memory": lambda in_c, epolls: in_c.read_ready(epolls["ended"], WIRES, 100, sys.maxsize),
    "no epoll": lambda in_c, _: in_c.read_ready(0, WIRES, 100, 10_000),
}


@pytest.mark.parametrize("case", CASES)
def test_calls_leave_nothing_behind(in_c: ModuleType, epolls: dict[str, Any], case: str) -> None:
    def call() -> None:
        with contextlib.suppress(TypeError, ValueError, OverflowError, OSError, MemoryError):
            CASES[case](in_c, epolls)

    tracemalloc.start()
    try:
        call()
        before_bytes, _ = tracemalloc.get_traced_memory()
        for _ in range(CALLS):
            call()
        after_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after_bytes - before_bytes < 8 * CALLS  # less than the smallest object for each
