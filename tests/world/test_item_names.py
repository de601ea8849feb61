"""An item that no SQL server could keep is never minted: names, numbers and how many kinds one player may have."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from gameserver import GameError
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.world.entity import Player
from gameserver.world.exchange import ExchangeOp, propose
from gameserver.world.inventory import KIND_NAMES_BYTES_MAX, KINDS_MAX, Holding, Inventory
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState

HERE = r"^tests/world/test_item_names\.py:\d+ inventory: "

Deed = Callable[[Any, Any], None]


def give(kind: Any, quantity: Any) -> None:
    giver, receiver = person(1), person(2)
    giver.inventory.add("coin", 5)
    propose(ExchangeOp(giver, 1, "op"), giver, receiver, kind, quantity)


def drop(kind: Any, quantity: Any) -> None:
    giver = person(1)
    giver.inventory.add("coin", 5)
    propose(ExchangeOp(giver, 1, "op"), giver, None, kind, quantity)


DEEDS: list[Deed] = [
    lambda kind, quantity: Inventory().add(kind, quantity),
    lambda kind, quantity: Inventory({"coin": Holding(5, 5, 0)}).remove(kind, quantity),
    give,
    drop,
]
each_deed = pytest.mark.parametrize("deed", DEEDS, ids=["add", "remove", "give", "drop"])


def person(number: int) -> Player:
    return Player(PlayerId(number), f"P{number}", 0, 0.0, 0.0, PlayerState(), Scratch())


@each_deed
@pytest.mark.parametrize(
    "kind",
    [
        "",
        "x" * 65,
        " coin",
        "coin ",
        "co\nin",
        "coin\x00",
        "coin\u200b",
        "\ud800",
        "coin\ufeff",
        "\u3000coin",
        "a\u2028b",
    ],
    ids=ascii,
)
def test_a_name_that_could_not_be_kept_is_refused(deed: Deed, kind: str) -> None:
    with pytest.raises(Refusal) as caught:
        deed(kind, 1)
    assert (caught.value.code, caught.value.field) == (RefusalCode.BAD_MESSAGE, "item")
    assert caught.value.reason.isascii() and len(caught.value.reason) < 100


@pytest.mark.plain  # compiled, the argument's type is checked before our words are
@each_deed
@pytest.mark.parametrize("kind", [None, 7, b"coin", ("coin",)])
def test_a_name_that_is_no_text_is_the_author_s_mistake(deed: Deed, kind: Any) -> None:
    with pytest.raises(GameError, match=HERE + re.escape(f"is given {kind!a} for a kind of item; give it text")):
        deed(kind, 1)


@pytest.mark.plain
@each_deed
@pytest.mark.parametrize("quantity", [1.5, 1.0, True, "1", None, float("nan")], ids=str)
def test_a_number_of_items_that_is_not_whole_is_the_author_s_mistake(deed: Deed, quantity: Any) -> None:
    with pytest.raises(
        GameError, match=HERE + re.escape(f"is given {quantity!a} for a number of items; give it an int")
    ):
        deed("coin", quantity)


@pytest.mark.parametrize("quantity", [1.5, "1", None], ids=str)  # True is 1, compiled
def test_a_number_of_items_that_is_not_whole_is_never_minted(quantity: Any) -> None:
    inventory = Inventory()
    with pytest.raises(TypeError):
        inventory.add("coin", quantity)
    assert inventory._holdings == {} and inventory._seq == 0


@pytest.mark.parametrize("quantity", [0, -1, -(10**30)])
def test_fewer_than_one_are_refused(quantity: int) -> None:
    with pytest.raises(Refusal) as caught:
        Inventory().add("coin", quantity)
    assert caught.value.code is RefusalCode.BAD_MESSAGE


def test_more_than_there_is_room_for_are_refused() -> None:
    with pytest.raises(Refusal) as caught:
        Inventory().add("coin", 10**30)
    assert caught.value.code is RefusalCode.FULL


@pytest.mark.parametrize(
    "kind", ["x" * 64, "épée", "\U0001f409" * 64, "a b", "item:x", "'; DROP TABLE inventory; --", "Coin"]
)
def test_any_other_name_is_kept_as_it_is(kind: str) -> None:
    inventory = Inventory()
    inventory.add(kind)
    assert inventory.held() == {kind: 1}


def test_one_player_has_so_many_kinds_and_no_more() -> None:
    inventory = Inventory()
    for number in range(KINDS_MAX):
        inventory.add(f"k{number}")
    with pytest.raises(Refusal) as caught:
        inventory.add("one more")
    assert caught.value.code is RefusalCode.FULL
    inventory.add("k7")
    assert len(inventory._holdings) == KINDS_MAX


def test_the_names_of_all_kinds_together_are_bounded() -> None:
    inventory = Inventory()
    for number in range(KIND_NAMES_BYTES_MAX // 244):
        inventory.add(f"{number:04}" + "\U0001f409" * 60)
    with pytest.raises(Refusal) as caught:
        inventory.add("\U0001f409" * 60)
    assert caught.value.code is RefusalCode.FULL
    assert sum(len(kind.encode()) for kind in inventory._holdings) <= KIND_NAMES_BYTES_MAX


def test_nobody_is_given_one_kind_too_many() -> None:
    giver, receiver = person(1), person(2)
    giver.inventory.add("coin")
    for number in range(KINDS_MAX):
        receiver.inventory.add(f"k{number}")
    with pytest.raises(Refusal) as caught:
        propose(ExchangeOp(giver, 1, "op"), giver, receiver, "coin", 1)
    assert caught.value.code is RefusalCode.FULL
    assert not giver.inventory._frozen and not receiver.inventory._frozen


def test_where_a_game_declares_its_items_a_misspelt_one_is_its_mistake() -> None:
    inventory = Inventory({"relic": Holding(2, 2, 0)})
    inventory._declared = frozenset(("apple", "coin"))
    inventory.add("apple")
    with pytest.raises(GameError, match=HERE + "'aple' is none of the game's items; write \"apple\"$"):
        inventory.add("aple")
    with pytest.raises(GameError, match=HERE + "'sword' is none of the game's items; add it to Game.items$"):
        inventory.remove("sword")
    inventory.remove("relic")  # of an older version of the game: what is held can still be used
