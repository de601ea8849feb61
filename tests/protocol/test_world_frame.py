"""A world frame is what it was made of, and anything else is an error of its own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.protocol.world_frame import (
    FRAME,
    LAYOUT,
    RECORD,
    SECTION,
    CellSection,
    Record,
    Section,
    WorldFrameError,
    decode_frame,
    encode_frame,
    encode_section,
)

U8, U16, U32 = st.integers(0, 2**8 - 1), st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)
I16, F32 = st.integers(-(2**15), 2**15 - 1), st.floats(width=32, allow_nan=False)
RECORDS = st.builds(Record, U32, F32, F32, U8, U8, U16)
SECTIONS = st.builds(CellSection, st.sampled_from(Section), st.tuples(I16, I16), st.lists(RECORDS), st.lists(U32))


def encoded(sections: list[CellSection], tick: int = 1) -> bytes:
    ready = [
        encode_section(what, cell, [RECORD.pack(*record) for record in records], left)
        for what, cell, records, left in sections
    ]
    return encode_frame(tick, ready)


@given(U32, st.lists(SECTIONS, max_size=20))
def test_a_frame_is_read_as_it_was_written(tick: int, sections: list[CellSection]) -> None:
    assert decode_frame(encoded(sections, tick)) == (tick, sections)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_frame_or_a_world_frame_error(payload: bytes) -> None:
    try:
        decode_frame(payload)
    except WorldFrameError:
        pass


@given(st.lists(SECTIONS, min_size=1, max_size=4), st.data())
def test_a_frame_cut_short_is_an_error(sections: list[CellSection], data: st.DataObject) -> None:
    payload = encoded(sections)
    with pytest.raises(WorldFrameError):
        decode_frame(payload[: data.draw(st.integers(0, len(payload) - 1))])


@pytest.mark.parametrize(("records", "left"), [(2, []), (0, [1, 2])])
def test_a_frame_cut_between_two_records_is_an_error_too(records: int, left: list[int]) -> None:
    record = Record(1, 0.0, 0.0, 0, 0, 0)
    payload = encoded([CellSection(Section.DELTA, (0, 0), [record] * records, left)])
    with pytest.raises(WorldFrameError):
        decode_frame(payload[: -RECORD.size if records else -4])


def test_a_frame_of_another_version_is_an_error() -> None:
    with pytest.raises(WorldFrameError, match="version 2"):
        decode_frame(b"\x02" + encode_frame(1, [])[1:])


def test_a_section_of_an_unknown_sort_is_an_error() -> None:
    with pytest.raises(WorldFrameError):
        decode_frame(FRAME.pack(1, 0, 1, 1) + SECTION.pack(9, 0, 0, 0, 0, 0, 0))


def test_the_tick_wraps_where_its_field_ends() -> None:
    assert decode_frame(encode_frame(2**32 + 5, []))[0] == 5


def test_sizes_are_those_the_picture_shows() -> None:
    assert (FRAME.size, SECTION.size, RECORD.size) == (8, 12, 16)
    sizes = {"u8": 1, "u16": 2, "u32": 4, "f32": 4}
    assert sum(sizes[kind] for _, kind in LAYOUT) == RECORD.size
    assert [name for name, _ in LAYOUT] == list(Record._fields)
