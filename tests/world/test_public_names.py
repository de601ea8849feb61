"""Games see exactly the names of zones, players, inventories and states that docs/reference.md lists."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random
from typing import Any

import pytest

from gameserver import Entity, Exchange, Player, PlayerState, Scratch, Zone, ZoneSpec
from gameserver.protocol.ids import PlayerId
from gameserver.world.exchange import ExchangeOp, propose

REFERENCE = Path("docs/reference.md").read_text()


class Tally(PlayerState):
    score: int = 0


def player() -> Player[Tally]:
    return Player(PlayerId(1), "Ann", 0, 0.0, 0.0, Tally(), Scratch())


def zone() -> Zone[Tally]:
    made: Zone[Tally] = Zone(ZoneSpec("yard"), ("player",), 20, Random(1), Scratch())
    made._internals.admit(player())
    return made


def exchange() -> Exchange[Tally]:
    giver = player()
    giver.inventory.add("coin")
    return propose(ExchangeOp(giver, None, "op"), giver, None, "coin", 1)


def things() -> list[Any]:
    return [zone(), player(), Entity(0, 0.0, 0.0), player().inventory, exchange()]


def listed(kind: str) -> list[set[str]]:
    """Return the names in the table: read, assigned, called."""
    [row] = re.findall(rf"^\| `{kind}` \|(.*)\|$", REFERENCE, re.MULTILINE)
    return [set(re.findall(r"`(\w+)`", cell)) for cell in row.split("|")]


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


@pytest.mark.parametrize("thing", things(), ids=lambda thing: type(thing).__name__)
def test_the_public_names_are_those_of_the_reference(thing: object) -> None:
    assert public(thing) == set().union(*listed(type(thing).__name__))


def test_a_state_has_the_public_names_of_the_reference_and_its_own_fields() -> None:
    state = next(iter(zone().players.values())).state
    state.score = 7
    assert public(PlayerState) == set().union(*listed("PlayerState"))
    assert public(state) - {"score"} == public(PlayerState)


@pytest.mark.parametrize("thing", things(), ids=lambda thing: type(thing).__name__)
def test_names_that_are_only_read_cannot_be_assigned(thing: Any) -> None:
    read, assigned, _ = listed(type(thing).__name__)
    for name in read:
        with pytest.raises(AttributeError):
            setattr(thing, name, getattr(thing, name))
    for name in assigned:
        setattr(thing, name, getattr(thing, name))


@pytest.mark.plain  # mypyc gives a generic class a __dict__, which takes any name that is no property
@pytest.mark.parametrize("thing", things(), ids=lambda thing: type(thing).__name__)
def test_methods_and_names_that_are_not_there_cannot_be_assigned(thing: Any) -> None:
    _, _, called = listed(type(thing).__name__)
    for name in (*called, "session", "journal", "volatile"):
        with pytest.raises(AttributeError):
            setattr(thing, name, getattr(thing, name, None))


def test_players_and_entities_of_a_zone_cannot_be_added_or_taken_out_by_hand() -> None:
    yard: Any = zone()
    for things in (yard.players, yard.entities):
        assert len(things) == 1
        with pytest.raises(AttributeError):
            things.clear()
        with pytest.raises(TypeError):
            things[2] = player()
