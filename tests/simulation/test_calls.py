"""A call of the game that leaves its work for later has done nothing: it fails, instead of being acknowledged."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from gameserver import Player, Zone, handles
from gameserver.protocol.mistake import GameError
from tests.simulation.tiny import Crash, Stage, Take, Tiny, answers


async def later() -> None: ...


def bit_by_bit() -> Iterator[None]:
    yield


@contextmanager
def around() -> Iterator[None]:
    yield


LATER: list[Callable[[], Any]] = [later, bit_by_bit, around]


class Lazy(Tiny):
    """Its methods look like plain ones, so the class statement cannot know better."""

    returned: Callable[[], Any]

    @handles(Crash)
    def crash(self, zone: Zone[Any], player: Player[Any], message: Crash) -> Any:
        player.inventory.add("coin")
        return self.returned()

    def on_tick(self, zone: Zone[Any]) -> Any:
        return self.returned()


@pytest.mark.parametrize("returned", LATER, ids=lambda it: it.__name__)
def test_a_handler_or_hook_that_leaves_its_work_for_later_fails(returned: Callable[[], Any]) -> None:
    game = Lazy()
    game.returned = returned
    stage = Stage(game=game)
    player = stage.enter(1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a coroutine that nobody awaits
        result = stage.tick((player, Crash(seq=1)), (player, Take(seq=2)))
    assert answers(result) == [(1, "internal"), (2, "stored")]
    assert player.inventory.held() == {"coin": 1}
    assert [error.call for error in result.errors] == ["Crash", "on_tick"]
    for error in result.errors:
        assert isinstance(error.error, GameError)
        assert "so it has done nothing; write it without async, await and yield" in str(error.error)


def test_a_handler_that_returns_a_plain_value_is_acknowledged() -> None:
    game = Lazy()
    game.returned = lambda: 7
    stage = Stage(game=game)
    player = stage.enter(1)
    assert answers(stage.tick((player, Crash(seq=1)))) == [(1, "stored")]
