"""The HSET of one who moved, the same to the byte whoever writes it."""

from __future__ import annotations

import math
import sys
from types import ModuleType

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gameserver.speedups import plain
from gameserver.store.resp import hset_template, pack_hset

NAMES = (b"seq", b"tick", b"x", b"y", b"facing")
PICTURE, KEY = hset_template(*NAMES), b"session:{5}:7"
I64_MIN, I64_MAX = -(2**63), 2**63 - 1
ints = st.integers(I64_MIN, I64_MAX)
ROOM_BYTES = 2000  # the longest there are fit


def filled(twin: ModuleType, picture: bytes, key: bytes, *values: float) -> bytes:
    """Fill a picture alone, and in the midst of others, which stay as they are."""
    room = bytearray(b"?" * ROOM_BYTES)
    end = twin.fill(room, 7, picture, key, *values)
    assert len(room) == ROOM_BYTES
    assert room[:7] == b"?" * 7
    assert room[end:] == b"?" * (ROOM_BYTES - end)
    return bytes(room[7:end])


@st.composite
def halves(draw: st.DrawFn) -> float:
    """Draw a number half way between two numbers of four decimals, or next to it: there rounding is decided."""
    units = draw(st.one_of(st.integers(0, 10**4), st.integers(0, 10**11), st.integers(0, 2**53)))
    half = (units + 0.5) / 1e4 * draw(st.sampled_from((1, -1)))
    for _ in range(draw(st.integers(0, 2))):
        half = math.nextafter(half, draw(st.sampled_from((math.inf, -math.inf))))
    return half


SPECIAL = (
    0.0, -0.0, -1.0, math.nan, -math.nan, math.inf, -math.inf, 5e-324, -5e-324, sys.float_info.min,
    sys.float_info.max, -sys.float_info.max, 0.00005, -0.00005, 0.00015, 0.5, 1.00005, 9.99995, 999.99995, 99999.99995,
    999999.99995, 1e6, math.nextafter(1e6, 0), 1e10, 4503599627370497.5, 2.0**63, 2.0**64, 1e22,
)  # fmt: skip
floats = st.one_of(st.floats(), halves(), st.floats(-1e4, 1e4), st.floats(1e5, 1e13), st.sampled_from(SPECIAL))


@settings(max_examples=1000)
@given(ints, ints, floats, floats, ints)
def test_the_twins_write_the_same(in_c: ModuleType, seq: int, tick: int, x: float, y: float, facing: int) -> None:
    values = (seq, tick, x, y, facing)
    assert filled(in_c, PICTURE, KEY, *values) == filled(plain, PICTURE, KEY, *values)


@pytest.mark.parametrize("value", SPECIAL, ids=repr)
def test_they_do_for_numbers_that_are_special(in_c: ModuleType, value: float) -> None:
    for number in (value, math.nextafter(value, math.inf), math.nextafter(value, -math.inf)):
        values = (1, 2, number, -number, 3)
        assert filled(in_c, PICTURE, KEY, *values) == filled(plain, PICTURE, KEY, *values)


@given(st.integers(0, 10**10), st.booleans())
def test_and_next_to_any_half(in_c: ModuleType, units: int, is_negative: bool) -> None:
    half = (units + 0.5) / 1e4 * (-1 if is_negative else 1)
    x, y = math.nextafter(half, math.inf), math.nextafter(half, -math.inf)
    assert filled(in_c, PICTURE, KEY, 1, 2, x, y, 3) == filled(plain, PICTURE, KEY, 1, 2, x, y, 3)
    assert filled(in_c, PICTURE, KEY, 1, 2, half, 0.0, 3) == filled(plain, PICTURE, KEY, 1, 2, half, 0.0, 3)


@given(st.binary(max_size=40), st.tuples(*[st.binary(max_size=9)] * 5), ints, floats)
@example(b"%", (b"%%", b"%d", b"%b", b"100%", b""), -1, -0.0)
def test_keys_and_names_may_hold_whatever_they_like(
    twin: ModuleType, key: bytes, names: tuple[bytes, ...], count: int, place: float
) -> None:
    written = filled(twin, hset_template(*names), key, count, 2, place, 1.5, 255)
    values = (b"%d" % count, b"2", b"%.4f" % place, b"1.5000", b"255")
    pairs = zip(names, values, strict=True)
    assert written == pack_hset(key, [word for pair in pairs for word in pair])


@pytest.mark.parametrize("number", [I64_MIN, I64_MIN + 1, -10, -1, 0, 9, 10, 2**32, I64_MAX])
def test_ints_of_64_bits(twin: ModuleType, number: int) -> None:
    values = (number, number, 1.0, 1.0, number)
    fields = (b"%d" % number, b"%d" % number, b"1.0000", b"1.0000", b"%d" % number)
    assert filled(twin, PICTURE, KEY, *values) == PICTURE % tuple(
        part for word in (KEY, *fields) for part in (len(word), word)
    )


@pytest.mark.parametrize("number", [I64_MIN - 1, I64_MAX + 1, 10**30])
@pytest.mark.parametrize("which", [0, 1, 4])
def test_beyond_them_one_writes_and_the_other_refuses(in_c: ModuleType, number: int, which: int) -> None:
    values: list[float] = [1, 2, 0.5, 0.5, 3]
    values[which] = number
    assert b"%d" % number in filled(plain, PICTURE, KEY, *values)
    with pytest.raises(OverflowError):
        filled(in_c, PICTURE, KEY, *values)


@pytest.mark.parametrize("number", [3, -3, True, 10**25])
def test_a_place_may_be_an_int(twin: ModuleType, number: int) -> None:
    assert b"%.4f" % number in filled(twin, PICTURE, KEY, 1, 2, number, 0.0, 3)


@pytest.mark.parametrize(
    "picture",
    [
        b"", b"no place", b"%d%b" * 5, b"%d%b" * 7, b"%d%b" * 6 + b"%", b"%", b"%d%b" * 5 + b"%d", b"%d" * 10,
        b"%d%b" * 5 + b"%b%d", b"%d%d%b" + b"%d%b" * 5, b"%d%b" * 5 + b"%b", b"%d%b" * 6 + b"%d", b"%d%b" * 6 + b"%b",
        b"%d%b" * 5 + b"%d%", b"%d%b" * 5 + b"%d%y", b"%d%b" * 5 + b"%d%\0", b"%%d%%b" * 6, b"%d" * 10_000,
        b"%b" * 12, b"%b%d" * 6, b"%d%b" * 100_000,
    ],
)  # fmt: skip
def test_what_is_no_such_picture_is_refused(twin: ModuleType, picture: bytes) -> None:
    with pytest.raises((TypeError, ValueError)):
        filled(twin, picture, KEY, 1, 2, 0.5, 0.5, 3)


@given(st.lists(st.sampled_from((b"%", b"%d", b"%b", b"%d%b", b"%%", b"d", b"b", b"\0", b"$"))).map(b"".join))
@example(b"%d%b" * 6)
def test_a_picture_is_one_for_both_or_for_neither(in_c: ModuleType, picture: bytes) -> None:
    values = (I64_MIN, I64_MIN, -sys.float_info.max, -sys.float_info.max, I64_MIN)  # the longest there are
    try:
        expected = filled(plain, picture, KEY, *values)
    except (TypeError, ValueError):
        with pytest.raises(ValueError):
            filled(in_c, picture, KEY, *values)
    else:
        assert filled(in_c, picture, KEY, *values) == expected


@pytest.mark.parametrize("wrong", ["text" * ROOM_BYTES, None, object()], ids=["text", "nothing", "something"])
@pytest.mark.parametrize("which", range(9))
def test_what_is_neither_bytes_nor_a_number_is_a_type_error(twin: ModuleType, which: int, wrong: object) -> None:
    values: list[object] = [bytearray(ROOM_BYTES), 0, PICTURE, KEY, 1, 2, 0.5, 0.5, 3]
    values[which] = wrong
    with pytest.raises(TypeError):
        twin.fill(*values)


@pytest.mark.parametrize("count", [0, 1, 8, 10])
def test_so_are_too_few_and_too_many(twin: ModuleType, count: int) -> None:
    with pytest.raises(TypeError):
        twin.fill(*[bytearray(ROOM_BYTES), 0, PICTURE, KEY, 1, 2, 0.5, 0.5, 3, 4][:count])


@pytest.mark.parametrize("at", [0, 7])
def test_what_does_not_fit_is_told(twin: ModuleType, at: int) -> None:
    values = (PICTURE, KEY, 12, 345, -6.5, 7.25, 255)
    bytes_ = len(filled(twin, *values))
    for missing in range(1, bytes_ + at + 1):
        room = bytearray(b"?" * (at + bytes_ - missing))
        assert twin.fill(room, at, *values) == -1
        assert len(room) == at + bytes_ - missing
        assert room[:at] == b"?" * min(at, len(room))
    assert twin.fill(bytearray(at + bytes_), at, *values) == at + bytes_


def test_there_is_no_place_before_the_first(twin: ModuleType) -> None:
    with pytest.raises(ValueError):
        twin.fill(bytearray(ROOM_BYTES), -1, PICTURE, KEY, 12, 345, -6.5, 7.25, 255)
