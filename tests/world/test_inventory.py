"""Whatever happens to inventories, nothing is made or lost that no account shows."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import PlayerId
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange, ExchangeOp, ExchangeResult, propose, settle
from gameserver.world.inventory import QUANTITY_MAX, Holding, Inventory
from gameserver.world.scratch import Scratch
from gameserver.world.state import PlayerState

KINDS = ("apple", "coin")
PEOPLE = 3


def person(number: int, coins: int = 0) -> Player:
    player = Player(PlayerId(number), f"P{number}", 0, 0.0, 0.0, PlayerState(), Scratch())
    if coins:
        player.inventory.add("coin", coins)
    return player


def refusal_code(call: object, *args: object) -> RefusalCode | None:
    assert callable(call)
    try:
        call(*args)
    except Refusal as refusal:
        return refusal.code
    return None


def proposed(giver: Player, receiver: Player | None, kind: str = "coin", quantity: int = 1) -> Exchange:
    return propose(ExchangeOp(giver, 1, "op"), giver, receiver, kind, quantity)


class Ledger:
    """People, the exchanges under way, and what must be true whenever anyone looks."""

    def __init__(self) -> None:
        self.people = [person(number) for number in range(PEOPLE)]
        self.under_way: list[Exchange] = []
        self.seqs = [0] * PEOPLE

    def act(self, what: str, who: int, other: int, kind: str, quantity: int, outcome: ExchangeResult) -> None:
        me = self.people[who]
        before = dict(me.inventory._holdings)
        try:
            match what:
                case "add":
                    me.inventory.add(kind, quantity)
                case "remove":
                    me.inventory.remove(kind, quantity)
                case "give":
                    self.under_way.append(proposed(me, self.people[other], kind, quantity))
                case "drop":
                    self.under_way.append(proposed(me, None, kind, quantity))
                case "settle" if self.under_way:
                    settle(self.under_way.pop(quantity % len(self.under_way)), outcome)
        except Refusal:
            assert me.inventory._holdings == before, "a refusal changes nothing"

    def check(self) -> None:
        for kind in KINDS:
            held = [person.inventory._holdings.get(kind, Holding()) for person in self.people]
            assert sum(h.quantity for h in held) == sum(h.minted for h in held) - sum(h.burned for h in held)
            assert all(0 <= h.quantity <= QUANTITY_MAX for h in held)
        frozen = [party for exchange in self.under_way for party, _, _ in exchange._outcomes]
        assert len(frozen) == len(set(frozen)), "a player is in one exchange at a time"
        assert set(frozen) == {person for person in self.people if person.inventory._frozen}
        seqs = [person.inventory._seq for person in self.people]
        assert all(now >= before for now, before in zip(seqs, self.seqs, strict=True))
        self.seqs = seqs


DEEDS = st.tuples(
    st.sampled_from(["add", "add", "remove", "give", "give", "drop", "settle", "settle"]),
    st.integers(0, PEOPLE - 1),
    st.integers(0, PEOPLE - 1),
    st.sampled_from(KINDS),
    st.integers(-1, 6),
    st.sampled_from(["done", "done", "already", "refused"]),
)


@settings(max_examples=200)
@given(st.lists(DEEDS, max_size=60))
def test_items_are_conserved_whatever_is_done_and_in_whatever_order_exchanges_end(
    deeds: list[tuple[object, ...]],
) -> None:
    ledger = Ledger()
    for deed in deeds:
        ledger.act(*deed)  # type: ignore[arg-type]
        ledger.check()


@given(st.lists(DEEDS, max_size=30))
def test_the_sequence_rises_with_every_change(deeds: list[tuple[object, ...]]) -> None:
    ledger = Ledger()
    for deed in deeds:
        before = [(dict(person.inventory._holdings), person.inventory._seq) for person in ledger.people]
        ledger.act(*deed)  # type: ignore[arg-type]
        for (holdings, seq), someone in zip(before, ledger.people, strict=True):
            assert (someone.inventory._holdings != holdings) <= (someone.inventory._seq > seq)


def test_nobody_removes_more_than_there_is() -> None:
    inventory = Inventory({"coin": Holding(2, 2, 0)}, 5)
    assert refusal_code(inventory.remove, "coin", 3) is RefusalCode.NOT_ENOUGH
    assert refusal_code(inventory.remove, "sword", 1) is RefusalCode.NOT_ENOUGH
    assert inventory._seq == 5 and inventory._changed == set()


@pytest.mark.parametrize("quantity", [0, -1])
def test_a_quantity_below_one_is_refused(quantity: int) -> None:
    me, you = person(1, 5), person(2, 5)
    for call in (me.inventory.add, me.inventory.remove):
        assert refusal_code(call, "coin", quantity) is RefusalCode.BAD_MESSAGE
    assert refusal_code(proposed, me, you, "coin", quantity) is RefusalCode.BAD_MESSAGE


def test_no_inventory_grows_beyond_its_bound() -> None:
    full, me = person(1, QUANTITY_MAX), person(2, 1)
    assert refusal_code(full.inventory.add, "coin") is RefusalCode.FULL
    assert refusal_code(proposed, me, full) is RefusalCode.FULL
    assert not me.inventory._frozen


def test_a_frozen_inventory_does_not_change() -> None:
    me, you = person(1, 5), person(2)
    proposed(me, you)
    for call in (me.inventory.add, me.inventory.remove, you.inventory.add):
        assert refusal_code(call, "coin", 1) is RefusalCode.TRY_LATER
    assert refusal_code(proposed, me, None) is RefusalCode.TRY_LATER
    assert refusal_code(proposed, person(3, 1), you) is RefusalCode.TRY_LATER


def test_nobody_gives_to_oneself() -> None:
    me = person(1, 1)
    assert refusal_code(proposed, me, me) is RefusalCode.YOURSELF
    assert not me.inventory._frozen


def test_what_is_shown_is_what_is_held() -> None:
    me = person(1, 1)
    me.inventory.remove("coin")
    assert me.inventory.held() == {} and me.inventory._holdings["coin"] == Holding(0, 1, 1)


def test_an_outcome_notes_only_the_kinds_it_changed() -> None:
    me, you = person(1, 5), person(2)
    me.inventory.add("apple")
    me.inventory._changed.clear()
    settle(proposed(me, you), "done")
    assert me.inventory._changed == {"coin"} and you.inventory._changed == {"coin"}
