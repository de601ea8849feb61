"""A viewer's bytes depend on the players in view, and not on those in the zone."""

from __future__ import annotations

import pytest

from gameserver import Player, ZoneSpec
from tests.simulation.tiny import Go, Stage

NEIGHBOURS = 12
TICKS = 12


def sent_to_first(spec: ZoneSpec, neighbours: int, elsewhere: int) -> list[int]:
    """Bytes to the viewer at (15, 15), tick by tick, all about walking: ``neighbours`` near it, the others far off."""
    stage = Stage(spec)
    walkers = [stage.player(1, 15, 15)]
    walkers += [stage.player(2 + n, 5 + n % 3 * 10, 5 + n // 3 % 3 * 10) for n in range(neighbours)]
    walkers += [stage.player(1000 + n, 105 + n % 49 * 10, 5 + n // 49 % 3 * 10) for n in range(elsewhere)]
    stage.inbox.arrivals += walkers
    sent = []
    for tick in range(TICKS):
        stage.tick(*((walker, step(walker, tick)) for walker in walkers))
        sent.append(sum(len(frame.payload) for frame in stage.result.frames if 1 in frame.viewers))
    return sent


def step(walker: Player, tick: int) -> Go:
    """Some of them across a border and back."""
    stride = 6 if walker.player_id % 5 == 0 else 2
    return Go(walker.x + (stride if tick % 2 else -stride), walker.y)


@pytest.mark.parametrize("refresh_ticks", [(1, 1), (1, 1, 3)])
def test_ten_times_as_many_players_in_the_zone_cost_a_viewer_no_byte_more(refresh_ticks: tuple[int, ...]) -> None:
    spec = ZoneSpec("long", width=600.0, height=30.0, cell_size=10.0, refresh_ticks=refresh_ticks)
    alone = sent_to_first(spec, NEIGHBOURS, elsewhere=0)
    assert sent_to_first(spec, NEIGHBOURS, elsewhere=10 * NEIGHBOURS) == alone
    assert min(alone) > 0
    more = sent_to_first(spec, 2 * NEIGHBOURS, elsewhere=0)
    assert all(twice > once for twice, once in zip(more, alone, strict=True))


def test_who_sees_all_of_a_zone_pays_for_all_of_it() -> None:
    spec = ZoneSpec("one cell", width=600.0, height=30.0, cell_size=600.0)
    assert sum(sent_to_first(spec, NEIGHBOURS, 10 * NEIGHBOURS)) > 8 * sum(sent_to_first(spec, NEIGHBOURS, 0))
