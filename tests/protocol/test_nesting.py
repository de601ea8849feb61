"""Texts, states and messages that nest deeper than 64 levels are refused: a client could not read them."""

from __future__ import annotations

import json
from typing import Any, Optional

import msgspec
import pytest

from gameserver import Action, PlayerState
from gameserver.protocol.codec import ClientCodec
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.mistake import GameError
from gameserver.protocol.nesting import NESTING_MAX, nests_too_deep
from gameserver.world.event import event_of
from gameserver.world.state import encode_state
from gameserver.world.stored_state import StateUnreadable, read_state


class Twig(msgspec.Struct, frozen=True):
    twig: Optional[Twig] = None  # noqa: UP045  a name in quotes takes no |


class Garden(PlayerState):
    tree: Twig = Twig()


class Pruned(PlayerState):
    version = 2
    tree: Twig = Twig()

    @classmethod
    def upgrade(cls, fields: dict[str, Any], version: int) -> dict[str, Any]:
        return {**fields, "tree": {}}


class Plant(Action, tag="plant"):
    what: Any


def grown(levels: int) -> Twig:
    tree = Twig()
    for _ in range(levels - 1):
        tree = Twig(tree)
    return tree


def nested(levels: int, kind: str) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value] if kind == "list" else {"a": value}
    return value


@pytest.mark.parametrize(("opens", "closes"), [("[", "]"), ('{"a":', "}"), ('[{"a":', "}]")])
def test_the_limit_is_the_deepest_that_is_let_through(opens: str, closes: str) -> None:
    levels = opens.count("[") + opens.count("{")
    at_most = opens * (NESTING_MAX // levels) + "1" + closes * (NESTING_MAX // levels)
    json.loads(at_most)
    assert not nests_too_deep(at_most) and not nests_too_deep(at_most.encode())
    deeper = f"[{at_most}]"
    assert nests_too_deep(deeper) and nests_too_deep(deeper.encode())


def test_a_hundred_thousand_levels_are_counted() -> None:
    assert nests_too_deep("[" * 100_000 + "]" * 100_000)


@pytest.mark.parametrize("text", ["[" * 500, '"' + "[" * 500, "\\" + "[" * 500])
def test_brackets_inside_a_text_are_no_nesting(text: str) -> None:
    assert not nests_too_deep(json.dumps([text, {"a": text}]))


def test_many_beside_each_other_are_not_deep() -> None:
    assert not nests_too_deep(json.dumps([[] for _ in range(500)]))


def test_the_deepest_state_that_is_kept_is_read_again() -> None:
    garden = Garden()
    garden.tree = grown(NESTING_MAX)
    assert json.loads(encode_state(garden))["tree"]
    assert read_state(Garden, encode_state(garden), "Ann") == garden


@pytest.mark.parametrize("levels", [NESTING_MAX + 1, 200, 950, 5_000])
def test_a_deeper_state_is_refused_where_it_is_assigned(levels: int) -> None:
    garden = Garden()
    with pytest.raises(GameError, match=r"test_nesting\.py:\d+ Garden\.tree: .*(64 levels|recursion)"):
        garden.tree = grown(levels)
    assert garden.tree == Twig()


@pytest.mark.parametrize("levels", [NESTING_MAX + 1, 200, 950, 5_000])
@pytest.mark.parametrize("kind", ["list", "dict"])
def test_a_deeper_event_is_refused_where_it_is_sent(levels: int, kind: str) -> None:
    with pytest.raises(GameError, match=r"(64 levels|recursion)"):
        event_of("zone.send", "area", {"value": nested(levels, kind)})


def test_the_deepest_event_is_sent() -> None:
    value = nested(NESTING_MAX, "list")
    assert event_of("zone.send", "area", {"value": value}).fields == {"value": value}


def test_a_stored_state_that_is_deeper_is_not_read_until_upgrade_shortens_it() -> None:
    stored = b'{"version":1,"tree":' + b'{"twig":' * 200 + b"null" + b"}" * 200 + b"}"
    with pytest.raises(StateUnreadable, match=r"the state of Ann nests deeper than 64 levels; raise version"):
        read_state(Garden, stored, "Ann")
    assert read_state(Pruned, stored, "Ann").tree == Twig()


def test_a_stored_state_that_no_decoder_reads_is_told_all_the_same() -> None:
    stored = b'{"version":1,"tree":' + b'{"twig":' * 5_000 + b"null" + b"}" * 5_000 + b"}"
    with pytest.raises(StateUnreadable, match=r"RecursionError.* for the state of Ann"):
        read_state(Garden, stored, "Ann")


@pytest.mark.parametrize("levels", [NESTING_MAX, 500, 5_000, 100_000])
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_deeper_message_of_a_client_is_refused(levels: int, as_bytes: bool) -> None:
    text = f'{{"type":"plant","seq":1,"what":{"[" * levels}{"]" * levels}}}'  # the message itself is one level
    with pytest.raises(Refusal) as refused:
        ClientCodec([Plant]).decode(text.encode() if as_bytes else text)
    assert refused.value.code is RefusalCode.BAD_MESSAGE


def test_the_deepest_message_of_a_client_is_read() -> None:
    what = nested(NESTING_MAX - 1, "list")
    message = ClientCodec([Plant]).decode(json.dumps({"type": "plant", "seq": 1, "what": what}))
    assert message == Plant(seq=1, what=what)
