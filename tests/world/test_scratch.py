"""The scratch of players and zones: declared, typed, and not kept."""

from __future__ import annotations

from random import Random

import msgspec
import pytest

from gameserver import Player, PlayerState, Scratch, Zone, ZoneSpec
from gameserver.protocol.ids import PlayerId


class Steering(Scratch):
    dx: float = 0.0
    seen: list[int] = msgspec.field(default_factory=list)


class Ground(Scratch):
    rounds: int = 0


def player() -> Player[PlayerState, Steering]:
    return Player(PlayerId(1), "Ann", 0, 0.0, 0.0, PlayerState(), Steering())


def zone() -> Zone[PlayerState, Steering, Ground]:
    return Zone(ZoneSpec("yard"), ("player",), 20, Random(1), Ground())


def test_declared_fields_can_be_assigned_and_hold_anything() -> None:
    ann, yard = player(), zone()
    ann.scratch.dx = 0.5
    ann.scratch.seen.append(7)
    yard.scratch.rounds += 1
    assert (ann.scratch, yard.scratch) == (Steering(0.5, [7]), Ground(1))
    assert player().scratch.seen == []


def test_what_is_not_declared_cannot_be_assigned() -> None:
    for scratch in (player().scratch, zone().scratch, Scratch()):
        with pytest.raises(AttributeError, match="speed"):
            scratch.speed = 1  # type: ignore[attr-defined]


def test_the_scratch_itself_cannot_be_replaced() -> None:
    for holder, scratch in ((player(), Steering()), (zone(), Ground())):
        with pytest.raises(AttributeError, match="scratch"):
            holder.scratch = scratch  # type: ignore[misc]


@pytest.mark.plain  # mypyc gives a generic class a __dict__, which takes any name that is no property
def test_an_old_name_cannot_be_assigned() -> None:
    with pytest.raises(AttributeError, match="volatile"):
        player().volatile = (0.0, 0.0)  # type: ignore[attr-defined]
