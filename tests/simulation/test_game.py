"""The plug: what a game class may declare, and which handler is called."""

from __future__ import annotations

import pytest

from gameserver import Player, Zone, ZoneSpec
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.simulation.game import Game, refuse
from tests.simulation.tiny import Go, Take, Tiny


def test_a_subclass_inherits_the_handlers() -> None:
    class Child(Tiny):
        pass

    assert Child.handlers == Tiny.handlers


def test_a_method_that_overrides_a_handler_is_called_instead_of_it() -> None:
    class Child(Tiny):
        def go(self, zone: Zone, player: Player, message: Go) -> None:
            """Stays."""

    assert Child.handlers[Go] is Child.go
    assert Tiny.handlers[Go] is Tiny.go
    assert Child.handlers[Take] is Tiny.take


def test_refuse_says_it_in_one_word() -> None:
    with pytest.raises(Refusal) as caught:
        refuse("not on Sundays")
    assert (caught.value.code, caught.value.reason) == (RefusalCode.RULES, "not on Sundays")


def test_kinds_without_the_player_s_are_found_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="kinds"):

        class Wrong(Game):
            kinds = ("stone",)


def test_two_zones_of_one_name_are_found_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="zones"):

        class Wrong(Game):
            zones = (ZoneSpec("a"), ZoneSpec("a"))


@pytest.mark.parametrize("hz", [0, 121])
def test_a_tick_rate_beyond_reason_is_found_when_the_class_is_made(hz: int) -> None:
    with pytest.raises(TypeError, match="tick_hz"):
        type("Wrong", (Game,), {"tick_hz": hz})
