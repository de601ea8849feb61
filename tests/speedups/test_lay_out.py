"""Sends in io_uring's table: both twins put the same bytes into it, and no send has more or less than its part."""

from __future__ import annotations

import struct
from types import ModuleType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.speedups import plain
from gameserver.speedups.plain import SEND_BYTES

ARENA_ADDRESS = 1 << 40
SHARED = [b"", b"to many", b"x" * 30]  # the same objects again and again, as viewers of the same have them


class Laid:
    """One call, and what it left behind."""

    def __init__(self, twin: ModuleType, places: int, arena_bytes: int, first: int, parts: list[bytes], begin: int = 0):
        self.table, self.arena = bytearray(b"\xff" * places * SEND_BYTES), bytearray(arena_bytes)
        descriptors = list(range(3, 3 + len(parts)))
        self.count, self.last_bytes = twin.lay_out(
            self.table, self.arena, ARENA_ADDRESS, first, descriptors, parts, begin
        )
        self.places = [(first + number) % places for number in range(self.count)]

    def sends(self) -> list[tuple[int, int, bytes]]:
        """Return each send's descriptor, its name, and its bytes."""
        entries = [struct.unpack_from("<4x i 8x Q I 4x Q", self.table, place * SEND_BYTES) for place in self.places]
        return [
            (descriptor, name, bytes(self.arena[at - ARENA_ADDRESS : at - ARENA_ADDRESS + length]))
            for descriptor, at, length, name in entries
        ]


parts = st.lists(st.one_of(st.sampled_from(SHARED), st.binary(max_size=40)), min_size=1, max_size=20)


@given(parts, st.integers(0, 4), st.integers(1, 200), st.integers(0, 2**32 - 1), st.data())
def test_the_twins_leave_the_same_behind(
    in_c: ModuleType, parts: list[bytes], size: int, arena_bytes: int, first: int, data: st.DataObject
) -> None:
    begin = data.draw(st.integers(0, len(parts) - 1))
    one, other = (vars(Laid(twin, 1 << size, arena_bytes, first, parts, begin)) for twin in (plain, in_c))
    assert one == other


@given(parts, st.integers(0, 4), st.integers(1, 200), st.integers(0, 2**32 - 1))
def test_call_after_call_everything_is_sent_once(
    twin: ModuleType, parts: list[bytes], size: int, arena_bytes: int, first: int
) -> None:
    begin = 0
    while begin < len(parts):
        laid = Laid(twin, 1 << size, arena_bytes, first, parts, begin)
        end = begin + laid.count
        assert begin < end <= len(parts)
        whole = [(3 + name, name, part) for name, part in enumerate(parts)][begin:end]
        if laid.last_bytes < len(parts[end - 1]):
            assert laid.count == 1 and laid.last_bytes == arena_bytes
            whole = [(3 + begin, begin, parts[begin][:arena_bytes])]
        assert laid.sends() == whole
        begin = end


def test_the_same_bytes_are_there_once(twin: ModuleType) -> None:
    part = b"to many"
    laid = Laid(twin, 8, len(part), 0, [part] * 8)
    assert laid.count == 8 and {sent for _, _, sent in laid.sends()} == {part}


def test_places_that_are_not_used_stay_as_they_are(twin: ModuleType) -> None:
    laid = Laid(twin, 4, 100, 3, [b"a", b"b"])
    assert laid.places == [3, 0]
    assert laid.table[SEND_BYTES : 3 * SEND_BYTES] == b"\xff" * 2 * SEND_BYTES


@pytest.mark.parametrize(
    ("descriptors", "parts", "begin", "error"),
    [
        ([1], [b"a", b"b"], 0, ValueError),
        ([1], [b"a"], -1, ValueError),
        (["1"], [b"a"], 0, TypeError),
        ([1], ["a"], 0, TypeError),
        ([2**70], [b"a"], 0, OverflowError),
        ((1,), [b"a"], 0, TypeError),
    ],
)
def test_what_makes_no_sense_to_the_one_in_c(
    in_c: ModuleType, descriptors: object, parts: object, begin: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        in_c.lay_out(bytearray(SEND_BYTES), bytearray(9), 0, 0, descriptors, parts, begin)
