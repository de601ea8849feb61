"""One short text frame and nothing else: its text. Anything else: nothing."""

from __future__ import annotations

from types import ModuleType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gameserver.speedups import plain

MASK = b"\x01\x52\xa3\xf4"  # no two alike, and none is 0
LONGEST = 125
masks = st.binary(min_size=4, max_size=4)


def masked(payload: bytes, mask: bytes = MASK) -> bytes:
    return bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))


def frame(payload: bytes, mask: bytes = MASK, first: int = 0x81, second: int | None = None) -> bytes:
    second = 0x80 | min(len(payload), 0x7F) if second is None else second
    return bytes((first, second)) + mask + masked(payload, mask)


def test_the_text_of_a_frame_whose_length_fits_its_second_byte(twin: ModuleType) -> None:
    for length in range(131):
        payload = bytes(range(1, length + 1))
        assert twin.whole_text(frame(payload)) == (payload if length <= LONGEST else None), length


@given(st.binary(max_size=LONGEST), masks)
def test_whatever_the_text_and_the_mask(twin: ModuleType, payload: bytes, mask: bytes) -> None:
    assert twin.whole_text(frame(payload, mask)) == payload


def test_another_first_byte_is_none_of_its_business(twin: ModuleType) -> None:
    read = [first for first in range(256) if twin.whole_text(frame(b"hello", first=first)) is not None]
    assert read == [0x81]


def test_nor_is_another_length_or_no_mask(twin: ModuleType) -> None:
    read = [second for second in range(256) if twin.whole_text(frame(b"hello", second=second)) is not None]
    assert read == [0x85]


@pytest.mark.parametrize("length", [0, 1, 124, LONGEST])
def test_nor_is_what_is_longer_or_shorter_by_a_byte(twin: ModuleType, length: int) -> None:
    whole = frame(bytes(length))
    assert twin.whole_text(whole) is not None
    assert twin.whole_text(whole + b"\x81") is None
    for end in range(len(whole)):
        assert twin.whole_text(whole[:end]) is None


@given(st.binary(max_size=140))
@example(b"")
@example(b"\x81")
@example(b"\x81\x80")
@example(b"\x81\xfe" + bytes(130))  # 126, which announces a longer length
def test_the_twins_agree_about_any_bytes(in_c: ModuleType, read: bytes) -> None:
    assert in_c.whole_text(read) == plain.whole_text(read)


@pytest.mark.parametrize("no_bytes", [None, 5, object()])
def test_what_is_not_bytes_is_a_type_error(twin: ModuleType, no_bytes: object) -> None:
    with pytest.raises(TypeError):
        twin.whole_text(no_bytes)


@pytest.mark.parametrize("no_bytes", ["text", bytearray(frame(b"hello")), memoryview(frame(b"hello"))])
def test_in_c_that_is_all_but_bytes(in_c: ModuleType, no_bytes: object) -> None:
    with pytest.raises(TypeError):
        in_c.whole_text(no_bytes)
