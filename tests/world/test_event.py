"""An event that could not be sent raises where the game sends it; what was sent is no longer the game's to change."""

from __future__ import annotations

import math
from enum import Enum
from random import Random
from typing import Any

import msgspec
import pytest

from gameserver import GameError, Player, Zone, ZoneSpec
from gameserver.protocol.codec import encode_text
from gameserver.protocol.ids import PlayerId
from gameserver.protocol.messages import Event
from gameserver.world.event import EVENT_BYTES_MAX
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState

HERE = r"^tests/world/test_event\.py:\d+ zone\."


class Place(msgspec.Struct):
    x: float = 1.5


class Color(Enum):
    RED = "red"


def ann() -> Player:
    return Player(PlayerId(1), "Ann", 0, 0.0, 0.0, PlayerState(), Scratch())


def zone() -> Zone:
    return Zone(ZoneSpec("yard"), ("player", "stone"), 20, Random(1), Scratch())


def sent(made: Zone) -> Any:
    (outgoing,) = made._internals.outgoing
    return outgoing.message


def test_a_field_may_have_any_name() -> None:
    made = zone()
    made.send(ann(), "area", name="x", player=1, fields=2)
    assert sent(made) == Event("area", {"name": "x", "player": 1, "fields": 2})
    made._internals.outgoing.clear()
    made.broadcast("area", name="x", player=1)
    assert sent(made) == Event("area", {"name": "x", "player": 1})


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (object(), "cannot send it=<object object at .*: Encoding objects of type object is unsupported; send numbers"),
        (
            ann(),
            r"cannot send it=<gameserver\.world\.entity\.Player .*: Encoding .*Player is unsupported; send numbers",
        ),
        (math.nan, "cannot send it=nan: JSON has no such number; send a finite one"),
        ([1, {"x": -math.inf}], r"cannot send it=\[1, \{'x': -inf\}\]: JSON has no such number; send a finite one"),
        ("\ud800", r"cannot send it='\\ud800': .*surrogates.*; send numbers"),
        (["\ud800"], r"cannot send it=\['\\ud800'\]: .*surrogates.*; send numbers"),
        ({object(): 1}, "cannot send it=.*; send numbers"),
        ("x" * 40_000, "is 40009 bytes long, of at most 32768; send less, or in parts"),
        (["x" * 400] * 100, r"is \d+ bytes long, of at most 32768; send less, or in parts"),
        ("\x00" * 8_000, "is 48009 bytes long, of at most 32768; send less, or in parts"),
    ],
)
def test_what_json_does_not_know_raises_and_nothing_is_sent(value: object, why: str) -> None:
    made = zone()
    with pytest.raises(GameError, match=HERE + f'broadcast "hit": {why}'):
        made.broadcast("hit", it=value)
    with pytest.raises(GameError, match=HERE + f'send "hit": {why}'):
        made.send(ann(), "hit", it=value)
    assert made._internals.outgoing == [] and made._internals.journal == []


@pytest.mark.parametrize("name", ["", "x" * 65, " hit", "h\nit"])
def test_an_event_has_a_name(name: str) -> None:
    with pytest.raises(GameError, match=HERE + "broadcast: has the event name .*; use 1 to 64 printable characters"):
        zone().broadcast(name)


@pytest.mark.plain  # compiled, the argument's type is checked before our words are
def test_who_mixes_up_player_and_name_is_told() -> None:
    with pytest.raises(GameError, match=HERE + "send: is given 'hit' for a player; give it the Player$"):
        zone().send("hit", ann())  # type: ignore[arg-type]
    with pytest.raises(GameError, match=HERE + "exchange: is given 7 for a player; give it the Player$"):
        zone().exchange(ann(), 7, "coin")  # type: ignore[arg-type]


def test_an_event_is_what_it_was_when_it_was_sent() -> None:
    made, scores, place = zone(), [1, 2], Place()
    made.broadcast("scores", of=scores, place=place, color=Color.RED, by={1: "x"}, seen=frozenset((3,)))
    scores.append(3)
    place.x = 9.0
    assert sent(made).fields == {
        "of": [1, 2], "place": {"x": 1.5}, "color": "red", "by": {"1": "x"}, "seen": [3],
    }  # fmt: skip
    assert encode_text(sent(made))


def test_an_event_as_large_as_it_may_be_is_sent() -> None:
    made = zone()
    made.broadcast("map", of="x" * (EVENT_BYTES_MAX - len('{"of":""}')))
    assert sent(made).name == "map"
