"""RESP is packed as hiredis, which speaks it for redis-py, packs it."""

from __future__ import annotations

import hiredis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.store.resp import hset_template, pack, pack_hset

words = st.binary(max_size=2000)
fields = st.lists(st.tuples(words, words), min_size=1, max_size=80)


def test_the_bytes_are_those_of_the_picture_in_the_module() -> None:
    packed = b"*4\r\n$4\r\nHSET\r\n$13\r\nsession:{5}:7\r\n$1\r\nx\r\n$3\r\n1.5\r\n"
    assert pack_hset(b"session:{5}:7", [b"x", b"1.5"]) == packed
    assert pack(b"HSET", b"session:{5}:7", b"x", b"1.5") == packed


@given(st.lists(words, min_size=1, max_size=20))
def test_any_command_is_packed_as_hiredis_packs_it(command: list[bytes]) -> None:
    assert pack(*command) == hiredis_packed(*command)


@given(words, fields)
def test_an_hset_of_any_size_is_packed_as_hiredis_packs_it(key: bytes, some: list[tuple[bytes, bytes]]) -> None:
    flat = [word for pair in some for word in pair]
    assert pack_hset(key, flat) == hiredis_packed(b"HSET", key, *flat)


@given(words, fields)
def test_a_picture_with_its_values_is_the_packed_command(key: bytes, some: list[tuple[bytes, bytes]]) -> None:
    picture = hset_template(*(name for name, _ in some))
    words = tuple(part for word in (key, *(value for _, value in some)) for part in (len(word), word))
    assert picture % words == pack_hset(key, [word for pair in some for word in pair])


def test_a_value_that_looks_like_the_protocol_stays_a_value() -> None:
    evil = b"1\r\n*1\r\n$8\r\nFLUSHALL\r\n"
    assert hiredis_read(pack_hset(b"k", [b"x", evil])) == [b"HSET", b"k", b"x", evil]


@pytest.mark.parametrize("some", [[], [b"name without value"]])
def test_fields_that_are_not_pairs_are_refused_before_anything_is_sent(some: list[bytes]) -> None:
    with pytest.raises(ValueError, match="not pairs"):
        pack_hset(b"k", some)


def hiredis_read(packed: bytes) -> object:
    reader = hiredis.Reader()
    reader.feed(packed)
    return reader.gets()


def hiredis_packed(*command: bytes) -> bytes:
    return bytes(hiredis.pack_command(command))  # type: ignore[arg-type]  # its stub knows commands of one word only
