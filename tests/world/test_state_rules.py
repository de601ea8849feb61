"""A field of a state takes what can be kept and read back; everything else raises where it is assigned, in one line."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum, StrEnum
from typing import Annotated, Any

import msgspec
import pytest

from gameserver import GameError, PlayerState, Scratch
from gameserver.protocol.ids import PlayerId
from gameserver.world.entity import Player
from gameserver.world.state import decode_state, encode_state, fields_of, was_assigned
from gameserver.world.state_rules import STATE_BYTES_MAX

HERE = r"tests/world/test_state_rules\.py:\d+"


class Spot(msgspec.Struct, frozen=True):
    x: float = 0.0


class Level(IntEnum):
    HIGH = 3


class Kind(StrEnum):
    ELF = "elf"


class Tally(PlayerState):
    gold: int = 0
    steps: float = 0.0
    awake: bool = False
    title: str = ""
    lives: Annotated[int, msgspec.Meta(ge=0, le=9)] = 3
    path: tuple[int, ...] = ()
    spot: Spot = Spot()
    friend: str | None = None
    notes: tuple[str, ...] = ()


WRONG: list[tuple[str, Any, str]] = [
    ("gold", "many", "cannot keep 'many'; assign an int"),
    ("gold", True, "cannot keep True; assign an int"),
    ("gold", 1.0, "cannot keep 1.0; assign an int"),
    ("gold", None, "cannot keep None; assign an int"),
    ("gold", 2**63, "cannot keep 9223372036854775808; use whole numbers of at most 64 bits"),
    ("gold", -(10**80), "cannot keep -1000.*…; use whole numbers of at most 64 bits"),
    ("steps", "1", "cannot keep '1'; assign a float"),
    ("steps", False, "cannot keep False; assign a float"),
    ("steps", math.nan, "cannot keep nan, which JSON does not have; assign a number"),
    ("steps", -math.inf, "cannot keep -inf, which JSON does not have; assign a number"),
    ("steps", 10**400, "cannot keep so large a number; assign a smaller one"),
    ("awake", 1, "cannot keep 1; assign a bool"),
    ("title", 7, "cannot keep 7; assign a str"),
    ("title", b"Sir", "cannot keep b'Sir'; assign a str"),
    ("title", "\ud800", r"cannot keep '\\ud800': .*surrogates.*; assign what JSON knows"),
    ("title", object(), "cannot keep <object object at .*; assign a str"),
    ("lives", 10, "cannot keep 10: Expected `int` <= 9; assign .*"),
    ("path", [1, 2], r"cannot keep \[1, 2\]; assign tuple\[int, \.\.\.\]"),
    ("path", ("a",), r"cannot keep \('a',\): Expected `int`, got `str` - at `\$\[\d\]`; assign tuple\[int, \.\.\.\]"),
    (
        "path",
        (True,),
        r"cannot keep \(True,\): Expected `int`, got `bool` - at `\$\[\d\]`; assign tuple\[int, \.\.\.\]",
    ),
    ("path", (object(),), "cannot keep .*: Encoding objects of type object is unsupported; assign what JSON knows"),
    ("spot", Spot("left"), r"cannot keep Spot\(x='left'\): Expected `float`, got `str` - at `\$.x`; assign Spot"),  # type: ignore[arg-type]
    ("spot", Spot(math.nan), r"cannot keep Spot\(x=nan\): Expected `float`, got `null` - at `\$.x`; assign Spot"),
    ("friend", 5, r"cannot keep 5: Expected `str \| null`, got `int`; assign str \| None"),
]


@pytest.mark.parametrize(("field", "value", "line"), WRONG, ids=[f"{row[0]} {row[1]!r:.20}" for row in WRONG])
def test_what_cannot_be_kept_is_refused_and_the_field_stays(field: str, value: Any, line: str) -> None:
    state = Tally(gold=7)
    before = fields_of(state)
    with pytest.raises(GameError, match=rf"^{HERE} Tally\.{field}: {line}$"):
        setattr(state, field, value)
    assert fields_of(state) == before and not was_assigned(state)
    assert decode_state(Tally, encode_state(state)) == state


@pytest.mark.parametrize(
    ("field", "value", "kept"),
    [
        ("steps", 3, 3.0),
        ("gold", Level.HIGH, 3),
        ("title", Kind.ELF, "elf"),
        ("path", (1, 2), (1, 2)),
        ("friend", None, None),
    ],
)
def test_what_means_the_same_is_kept_as_the_field_s_own_type(field: str, value: Any, kept: Any) -> None:
    state = Tally()
    setattr(state, field, value)
    assert (getattr(state, field), type(getattr(state, field))) == (kept, type(kept))


def test_a_field_that_is_not_declared_is_an_attribute_error_with_the_one_that_was_meant() -> None:
    state = Tally()
    with pytest.raises(AttributeError, match=rf"^{HERE} Tally\.gld: is not declared; write gold$"):
        state.gld = 5  # type: ignore[attr-defined]
    with pytest.raises(
        AttributeError, match=r"Tally\.xyzzy: is not declared; declare it in class Tally, or use player"
    ):
        state.xyzzy = 5  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match=r"Tally\.version: is not declared"):
        state.version = 5  # type: ignore[misc]
    assert not was_assigned(state)


def test_a_state_is_as_large_as_it_may_be_and_no_larger() -> None:
    state = Tally()
    for size in (STATE_BYTES_MAX, 300_000):
        with pytest.raises(
            ValueError, match=rf"^{HERE} Tally\.title: makes the state \d+ bytes long, of at most 65536; keep"
        ):
            state.title = "x" * size
    state.title = "x" * 40_000
    with pytest.raises(ValueError, match=r"Tally\.friend: makes the state"):
        state.friend = "x" * 40_000
    state.title = "short"
    state.friend = "x" * 40_000
    with pytest.raises(ValueError, match=r"Tally\.notes: makes the state"):
        state.notes = ("x" * 30_000,)
    state.notes = ("x" * 20_000,)
    assert len(encode_state(state)) <= STATE_BYTES_MAX


def test_the_bytes_count_and_not_the_characters() -> None:
    state = Tally()
    with pytest.raises(ValueError, match="makes the state"):
        state.title = "\U0001f600" * 20_000
    with pytest.raises(ValueError, match="makes the state"):
        state.title = "\x00" * 20_000  # six bytes each, as JSON writes them


def test_many_short_texts_are_not_more_than_they_were_counted_for() -> None:
    names = [f"field_{number}" for number in range(200)]
    body = {"__module__": __name__, "__annotations__": dict.fromkeys(names, str), **dict.fromkeys(names, "")}
    state_class: Any = type(PlayerState)
    state = state_class("Many", (PlayerState,), body)()
    for name in names:
        setattr(state, name, "\x00" * 32)
    assert len(encode_state(state)) <= STATE_BYTES_MAX


def test_a_state_that_was_stored_counts_with_what_it_has() -> None:
    state = decode_state(Tally, encode_state(Tally(title="x" * 40_000)))
    with pytest.raises(ValueError, match=r"Tally\.friend: makes the state"):
        state.friend = "x" * 40_000


def player() -> Player:
    return Player(PlayerId(1), "Ann", 0, 0.0, 0.0, Tally(), Scratch())


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (lambda: Tally(gold="many"), r"Tally\.gold: cannot keep 'many'; assign an int"),  # type: ignore[arg-type]
        (lambda: Tally(title="x" * 70_000), r"Tally\.title: makes the state"),
        (lambda: PlayerState(), r"player\.state: cannot be PlayerState\(\); assign a Tally, the state of the game"),
        (lambda: None, r"player\.state: cannot be None; assign a Tally"),
        (lambda: {"gold": 1}, r"player\.state: cannot be \{'gold': 1\}; assign a Tally"),
    ],
)
def test_a_whole_state_is_checked_where_it_is_given_to_a_player(state: Callable[[], Any], line: str) -> None:
    ann = player()
    with pytest.raises(GameError, match=rf"^{HERE} {line}"):
        ann.state = state()
    assert ann.state == Tally()


def test_a_whole_state_is_kept_with_values_of_its_own_types() -> None:
    ann = player()
    ann.state = Tally(steps=3)
    assert type(ann.state.steps) is float
