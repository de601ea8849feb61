"""A client's bytes become a message or a refusal that names the field, never anything else."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.demo import Meadow, Move
from gameserver.protocol.codec import CACHED_BYTES_MAX, DECODE_CACHE_MAX, ClientCodec, encode_text
from gameserver.protocol.constants import CHAT_LENGTH_MAX, SEQ_MAX
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.message_class import our_messages
from gameserver.protocol.messages import (
    Ack,
    Action,
    ClientMessage,
    Guest,
    Input,
    Logout,
    Refused,
    Register,
    Say,
)
from gameserver.protocol.mistake import GameError

CODEC = ClientCodec([*our_messages(), *Meadow.handlers])
PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
FIELDS = ["type", "seq", "text", "to", "name", "password", "token", "ids", "dx", "dy", "item", "quantity", "entity"]
MESSAGES = st.fixed_dictionaries(
    {"type": st.sampled_from([*CODEC.types, "nonsense"])},
    optional={field: JSON for field in FIELDS if field != "type"},
)


def refusal_of(text: bytes | str) -> Refusal | None:
    """The only thing decoding may raise."""
    try:
        message = CODEC.decode(text)
    except Refusal as caught:
        refusal = caught
    else:
        assert isinstance(message, ClientMessage)
        return None
    assert refusal.code in (RefusalCode.BAD_MESSAGE, RefusalCode.UNKNOWN_TYPE)
    assert len(refusal.reason) <= 200
    assert encode_text(Refused(refusal.code, refusal.reason, field=refusal.field))
    return refusal


@given(st.binary())
def test_any_bytes_are_a_message_or_a_refusal(data: bytes) -> None:
    refusal_of(data)


@given(st.text(st.characters()))
def test_any_text_is_a_message_or_a_refusal(text: str) -> None:
    refusal_of(text)


@given(JSON)
def test_any_json_is_a_message_or_a_refusal(value: Any) -> None:
    refusal_of(json.dumps(value))


@given(MESSAGES)
def test_any_fields_of_any_type_are_a_message_or_a_refusal(fields: dict[str, Any]) -> None:
    refusal_of(json.dumps(fields))


@pytest.mark.parametrize(
    ("text", "code", "field"),
    [
        ("", "bad_message", None),
        ("{", "bad_message", None),
        ("[" * 100_000, "bad_message", None),
        ('{"type":"logout","extra":' + "[" * 100_000, "bad_message", None),
        ("\ud800", "bad_message", None),
        (b"\xff\xfe", "bad_message", None),
        (b'{"type":"say","seq":1,"text":"\xff"}', "bad_message", None),
        ('{"type":"say","seq":1,"text":"\\ud800"}', "bad_message", None),
        ("[]", "bad_message", None),
        ("{}", "bad_message", "type"),
        ('{"type":"fly"}', "unknown_type", "type"),
        ('{"type":7}', "bad_message", "type"),
        ('{"type":"say","seq":1}', "bad_message", "text"),
        ('{"type":"say","text":"x"}', "bad_message", "seq"),
        ('{"type":"say","seq":0,"text":"x"}', "bad_message", "seq"),
        ('{"type":"say","seq":"1","text":"x"}', "bad_message", "seq"),
        ('{"type":"say","seq":true,"text":"x"}', "bad_message", "seq"),
        ('{"type":"say","seq":1.5,"text":"x"}', "bad_message", "seq"),
        (f'{{"type":"say","seq":{SEQ_MAX + 1},"text":"x"}}', "bad_message", "seq"),
        (json.dumps({"type": "say", "seq": 1, "text": "x" * (CHAT_LENGTH_MAX + 1)}), "bad_message", "text"),
        ('{"type":"move","dx":NaN,"dy":0}', "bad_message", None),
        ('{"type":"move","dx":Infinity,"dy":0}', "bad_message", None),
        ('{"type":"move","dx":1e999,"dy":0}', "bad_message", "dx"),
        ('{"type":"move","dx":1.01,"dy":0}', "bad_message", "dx"),
        ('{"type":"describe","ids":[]}', "bad_message", "ids"),
        ('{"type":"describe","ids":[1,-1]}', "bad_message", "ids[1]"),
        ('{"type":"drop","seq":1,"item":"coin","quantity":1e30}', "bad_message", "quantity"),
    ],
)
def test_a_bad_message_is_refused_by_field(text: str | bytes, code: str, field: str | None) -> None:
    refusal = refusal_of(text)
    assert refusal is not None
    assert (refusal.code, refusal.field) == (code, field)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type":"say","seq":1,"text":"hi"}', Say(seq=1, text="hi")),
        ('{"type":"say","seq":1,"text":"hi","from":"the future"}', Say(seq=1, text="hi")),
        (b'{"type":"guest"}', Guest()),
        ('{"type":"logout"}', Logout()),
        ('{"type":"move","dx":1,"dy":-0.5}', Move(1, -0.5)),
        ('{"type":"register","name":"Ann","password":"x"}', Register("Ann", "x")),
    ],
)
def test_a_good_message_is_what_it_says(text: str | bytes, message: ClientMessage) -> None:
    assert CODEC.decode(text) == message


def test_two_messages_of_one_name_are_found_at_the_start() -> None:
    class One(Input, tag="jump"):
        pass

    class Other(Input, tag="jump"):
        pass

    with pytest.raises(ValueError, match="jump"):
        ClientCodec([One, Other])


@pytest.mark.parametrize("tag", ["register", "login", "guest", "resume", "say", "whisper", "describe", "logout"])
def test_a_message_with_the_name_of_one_of_the_server_s_is_found_when_its_class_is_made(tag: str) -> None:
    with pytest.raises(
        GameError, match=rf"test_codec.py:\d+ Other: has the tag \"{tag}\", which is one of the server's own"
    ):

        class Other(Input, tag=tag):
            pass


def test_what_leaves_is_json_with_its_type() -> None:
    assert msgspec.json.decode(encode_text(Ack(7, "stored"))) == {"type": "ack", "seq": 7, "level": "stored"}
    assert msgspec.json.decode(encode_text(Refused("full", "no room"))) == {
        "type": "refused", "code": "full", "reason": "no room",
    }  # fmt: skip


class Point(Input, tag="point", frozen=True):
    at: list[float]


class Path(Input, tag="path", frozen=True, eq=False):  # has a hash all the same
    steps: list[int]


class Wave(Input, tag="wave", frozen=False):  # type: ignore[misc]  # mypy forbids it, msgspec does not
    hand: int


class Fire(Input, tag="fire", frozen=True):
    at: int = msgspec.field(default_factory=itertools.count().__next__)


class Look(Input, tag="look", frozen=True):
    angle: float

    def __post_init__(self) -> None:
        looks.append(self.angle)


looks: list[float] = []


class Beckon(Action, tag="beckon", frozen=True):
    pass


def test_an_input_that_was_said_lately_is_not_parsed_again() -> None:
    codec = ClientCodec([Move])
    text = b'{"type":"move","dx":1,"dy":0}'
    first = codec.decode(text)
    assert first == Move(dx=1, dy=0)
    assert codec.decode(bytearray(text).decode().encode()) is first  # equal, and no more than that
    assert codec.decode(b'{"type":"move","dx":1,"dy":0.5}') == Move(dx=1, dy=0.5)


@pytest.mark.parametrize(
    "text",
    [
        b'{"type":"login","name":"ann","password":"secret"}',
        b'{"type":"resume","token":"secret"}',
        b'{"type":"beckon","seq":7}',  # said once, with its number
        b'{"type":"point","at":[1,2]}',  # a handler could change it
        b'{"type":"path","steps":[1,2]}',
        b'{"type":"wave","hand":1}',
        b'{"type":"move","dx":1,"dy":0%s}' % (b" " * CACHED_BYTES_MAX),  # long
    ],
)
def test_nothing_else_is_kept(text: bytes) -> None:
    codec = ClientCodec([*our_messages(), Move, Point, Path, Wave, Beckon])
    first, second = codec.decode(text), codec.decode(text)
    assert second is not first
    assert msgspec.structs.astuple(second) == msgspec.structs.astuple(first)


def test_a_message_that_does_something_when_it_is_made_is_made_each_time() -> None:
    codec = ClientCodec([Fire, Look])
    assert codec.decode(b'{"type":"fire"}') != codec.decode(b'{"type":"fire"}')
    looks.clear()
    for _ in range(3):
        codec.decode(b'{"type":"look","angle":1}')
    assert looks == [1.0] * 3


def test_what_was_said_lately_is_bounded() -> None:
    codec = ClientCodec([Move])
    texts = [b'{"type":"move","dx":0.%d1,"dy":0}' % number for number in range(DECODE_CACHE_MAX + 1)]
    first, *_, last = [codec.decode(text) for text in texts]
    assert codec.decode(texts[-1]) is last
    assert codec.decode(texts[0]) == first
    assert codec.decode(texts[0]) is not first
