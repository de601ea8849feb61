"""The loop counts what it is late for, and never ticks faster to catch up; a game that raises stops its zone only."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.simulation.loop import SimulationLoop, ZoneRunner
from gameserver.simulation.result import TickResult
from gameserver.world.zone import ZoneSpec
from tests.simulation.tiny import Hand, Stage, Tiny


class StillClock:
    """Stands until moved; ``asyncio.sleep`` is not asked of it."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def monotonic_s(self) -> float:
        return self.now_s

    def wall_ms(self) -> int:
        return int(self.now_s * 1000)


class Driven:
    """A loop over two zones with a record of what it told."""

    def __init__(self, zones: str = "ab") -> None:
        self.clock = StillClock()
        self.games = [Tiny() for _ in zones]
        runners = [
            ZoneRunner(ZoneSpec(name), game, self.clock, lambda name: None, 1)
            for name, game in zip(zones, self.games, strict=True)
        ]
        self.happened: list[str] = []  # "before", zones' names, "after"
        self.rested_s: list[float] = []
        self.acted: list[tuple[str, int]] = []
        self.stopped: list[str] = []
        self.act_raises: set[str] = set()
        self.stopping_raises = False
        self.before_raises = self.after_raises = False
        self.loop = SimulationLoop(
            runners,
            tick_hz=20,
            clock=self.clock,
            act=self.act,
            zone_stopped=self.zone_stopped,
            before_ticks=self.before,
            after_ticks=self.after,
            rest=self.rested_s.append,
        )

    def tick_all(self) -> None:
        """One interval."""
        for phase in self.loop.phases:
            self.loop.tick(phase)

    def act(self, runner: ZoneRunner, result: TickResult) -> None:
        if runner.zone.name in self.act_raises:
            raise RuntimeError("act")
        self.acted.append((runner.zone.name, result.tick))
        self.happened.append(runner.zone.name)

    def zone_stopped(self, runner: ZoneRunner) -> None:
        if self.stopping_raises:
            raise RuntimeError("zone_stopped")
        self.stopped.append(runner.zone.name)

    def before(self) -> None:
        self.happened.append("before")
        if self.before_raises:
            raise RuntimeError("before")

    def after(self) -> None:
        self.happened.append("after")
        if self.after_raises:
            raise RuntimeError("after")


def test_every_zone_ticks_once_an_interval() -> None:
    driven = Driven()
    driven.tick_all()
    driven.tick_all()
    assert driven.acted == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_zones_are_dealt_out_to_a_few_phases_each_with_what_is_done_around_its_ticks() -> None:
    driven = Driven("abcdefg")
    driven.tick_all()
    assert driven.happened == [
        "before", "a", "c", "e", "g", "after", "before", "b", "d", "f", "after",
    ]  # fmt: skip
    alone = Driven("a")
    alone.tick_all()
    assert alone.happened == ["before", "a", "after"]


def test_a_bug_beside_the_ticks_costs_no_zone_its_tick() -> None:
    driven = Driven()
    driven.before_raises = driven.after_raises = True
    driven.tick_all()
    assert driven.acted == [("a", 1), ("b", 1)] and driven.stopped == []


def test_phases_are_spread_evenly_over_the_interval() -> None:
    driven, deadline_s = Driven("abcd"), 0.0
    for expected_s in (0.025, 0.05, 0.075, 0.1):
        deadline_s = driven.loop._next_deadline_s(deadline_s)
        assert deadline_s == pytest.approx(expected_s)
    driven.clock.now_s = 0.23  # two intervals are missed, and every zone keeps its part of the interval
    assert driven.loop._next_deadline_s(deadline_s) == pytest.approx(0.225)


def test_a_zone_whose_game_raises_stops_and_the_others_go_on() -> None:
    driven = Driven()
    driven.games[0].tick_raises = True
    driven.tick_all()
    driven.tick_all()
    assert driven.acted == [("b", 1), ("b", 2)]
    assert driven.stopped == ["a"] and driven.happened.count("after") == 4


def test_a_zone_whose_tick_cannot_be_acted_on_stops_and_the_others_go_on() -> None:
    driven = Driven()
    driven.act_raises.add("a")
    driven.tick_all()
    driven.tick_all()
    assert driven.acted == [("b", 1), ("b", 2)] and driven.stopped == ["a"]


def test_what_was_asked_for_on_a_tick_that_raises_leaves_nobody_frozen() -> None:
    driven, stage = Driven(), Stage()
    one, other = stage.player(1, coins=1), stage.player(2)
    runner = driven.loop.runners[0]
    runner.inbox.arrivals += [one, other]
    driven.tick_all()
    driven.games[0].tick_raises = True
    runner.inbox.add_input(one.player_id, Hand(seq=1, to=other.player_id))
    driven.tick_all()
    assert runner.stopped and not one.inventory.frozen and not other.inventory.frozen
    assert one.inventory.held() == {"coin": 1}


async def test_a_loop_that_breaks_stops_its_zones_and_says_so() -> None:
    driven = Driven()
    driven.games[0].tick_raises = driven.stopping_raises = True
    with pytest.raises(RuntimeError, match="zone_stopped"):
        await driven.loop.run()
    assert all(runner.stopped for runner in driven.loop.runners)


@pytest.mark.parametrize(
    ("took_s", "next_s"),
    [(0.0, 0.05), (0.049, 0.05), (0.06, 0.05), (0.12, 0.1), (0.31, 0.3)],
)
def test_a_late_tick_follows_at_once_and_missed_ones_are_skipped(took_s: float, next_s: float) -> None:
    driven = Driven("a")
    driven.clock.now_s = took_s
    assert driven.loop._next_deadline_s(0.0) == pytest.approx(next_s)


async def test_the_loop_ends_when_told_to() -> None:
    driven = Driven()
    running = asyncio.ensure_future(driven.loop.run())
    while not driven.acted:
        await asyncio.sleep(0)
    driven.loop.stop()
    await asyncio.wait_for(running, 5)


async def test_between_ticks_the_loop_rests_and_says_for_how_long() -> None:
    driven = Driven("a")
    running = asyncio.ensure_future(driven.loop.run())
    while not driven.rested_s:
        await asyncio.sleep(0)
    driven.loop.stop()
    await asyncio.wait_for(running, 5)
    assert driven.happened == ["before", "a", "after"] and driven.rested_s == [pytest.approx(0.05)]


def test_a_runner_has_who_is_in_the_zone_or_about_to_be() -> None:
    driven, player = Driven(), Stage().player(1)
    runner = driven.loop.runners[0]
    assert not runner.has(player)
    runner.inbox.arrivals.append(player)
    assert runner.has(player)
    driven.tick_all()
    assert runner.has(player) and not runner.has(Stage().player(1))
