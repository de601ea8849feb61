"""The loop counts what it is late for, and never ticks faster to catch up; a game that raises stops its zone only."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest

from gameserver.observability.metrics import TICK_OVERRUNS
from gameserver.protocol.ids import PlayerId
from gameserver.simulation.loop import SimulationLoop
from gameserver.simulation.phases import AS_LOAD_ASKS
from gameserver.simulation.result import TickResult
from gameserver.simulation.routes import routes_of
from gameserver.simulation.zone_runner import StartFailed, ZoneRunner
from gameserver.world.zone import Zone, ZoneSpec
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
    """A loop over two zones with a record of what it told. Time goes by on ticks, ``takes_s`` each, and in between."""

    def __init__(self, zones: str = "ab", phases: int = AS_LOAD_ASKS) -> None:
        self.clock = StillClock()
        self.games = [Tiny() for _ in zones]
        runners = [
            ZoneRunner(ZoneSpec(name), game, routes_of(game), self.clock, 1)
            for name, game in zip(zones, self.games, strict=True)
        ]
        self.happened: list[str] = []  # "before", zones' names, "after"
        self.rested_s: list[float] = []
        self.acted: list[tuple[str, int]] = []
        self.stopped: list[str] = []
        self.act_raises: set[str] = set()
        self.stopping_raises = False
        self.before_raises = self.after_raises = False
        self.takes_s = self.around_takes_s = self.due_s = 0.0
        self.phase_begun_s = 0.0
        self.begun_s: dict[str, list[float]] = {name: [] for name in zones}  # when the phase of each tick began
        self.loop = SimulationLoop(
            runners,
            tick_hz=20,
            phases=phases,
            clock=self.clock,
            act=self.act,
            zone_stopped=self.zone_stopped,
            before_ticks=self.before,
            after_ticks=self.after,
            rest=self.rested_s.append,
        )

    def run(self, intervals: int = 1) -> None:
        """Run until each zone that has not stopped has had so many more ticks."""
        ticks = {name: len(times) + intervals for name, times in self.begun_s.items()}
        until_s = self.due_s + 2 * intervals * 0.05
        while any(len(self.begun_s[name]) < count and name not in self.stopped for name, count in ticks.items()):
            assert self.due_s < until_s, "a zone has not had its ticks"
            self.clock.now_s = max(self.clock.now_s, self.due_s)
            self.due_s = self.loop.run_phase(self.due_s)

    def act(self, runner: ZoneRunner, result: TickResult) -> None:
        self.begun_s[runner.zone.name].append(self.phase_begun_s)
        self.clock.now_s += self.takes_s
        if runner.zone.name in self.act_raises:
            raise RuntimeError("act")
        self.acted.append((runner.zone.name, result.tick))
        self.happened.append(runner.zone.name)

    def zone_stopped(self, runner: ZoneRunner) -> None:
        if self.stopping_raises:
            raise RuntimeError("zone_stopped")
        self.stopped.append(runner.zone.name)

    def before(self) -> None:
        self.phase_begun_s = self.clock.now_s
        self.happened.append("before")
        self.clock.now_s += self.around_takes_s
        if self.before_raises:
            raise RuntimeError("before")

    def after(self) -> None:
        self.happened.append("after")
        self.clock.now_s += self.around_takes_s
        if self.after_raises:
            raise RuntimeError("after")


def break_encoder(runner: ZoneRunner) -> None:
    """The zone's next tick ends in a bug of the server, after the game had its turn."""
    runner.zone._internals.crossings[PlayerId(99)] = (None, None)  # type: ignore[assignment]


def test_every_zone_ticks_once_an_interval() -> None:
    driven = Driven()
    driven.run()
    driven.run()
    assert driven.acted == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]


def test_while_ticks_take_little_all_zones_have_theirs_at_once_with_what_is_done_around_them() -> None:
    driven = Driven("abcde")
    driven.run()
    assert driven.happened == ["before", "a", "b", "c", "d", "e", "after"]


def test_when_ticks_take_long_the_zones_are_dealt_out_to_two_phases_half_an_interval_apart() -> None:
    driven = Driven("abcde")
    driven.takes_s = 0.006  # 60 % of the interval together
    driven.run(100)
    driven.happened.clear()
    driven.run()
    assert driven.happened == ["before", "a", "c", "e", "after", "before", "b", "d", "after"]
    assert driven.begun_s["b"][-1] - driven.begun_s["a"][-1] == pytest.approx(0.025)
    driven.takes_s = 0.002
    driven.run(100)
    assert driven.happened[-7:] == ["before", "a", "b", "c", "d", "e", "after"]


def test_every_zone_has_a_phase_of_its_own_where_that_was_asked_for() -> None:
    driven = Driven("abcde", phases=5)
    driven.run()
    assert driven.happened == [happened for zone in "abcde" for happened in ("before", zone, "after")]
    assert [driven.begun_s[zone] for zone in "abcde"] == [[pytest.approx(0.01 * number)] for number in range(5)]


def test_a_phase_that_is_longer_than_its_share_is_no_overrun_while_zones_tick_in_time() -> None:
    driven, overruns = Driven("abcd", phases=4), TICK_OVERRUNS._value.get()
    for number in range(12):
        driven.takes_s = 0.001 if number % 4 else 0.03
        driven.clock.now_s = max(driven.clock.now_s, driven.due_s)
        driven.due_s = driven.loop.run_phase(driven.due_s)
    assert driven.due_s == pytest.approx(0.15)
    assert TICK_OVERRUNS._value.get() == overruns


def test_no_zone_ticks_early_or_misses_a_tick_when_the_zones_are_dealt_out_anew() -> None:
    driven, overruns = Driven("abcde"), TICK_OVERRUNS._value.get()
    for takes_s in (0.0, 0.0065, 0.001, 0.008, 0.0):
        driven.takes_s = takes_s
        driven.run(100)
    for begun_s in driven.begun_s.values():
        apart_s = [round(later_s - sooner_s, 9) for sooner_s, later_s in pairwise(begun_s)]
        assert set(apart_s) == {0.05, 0.075}
        assert apart_s.count(0.075) == 2  # dealt out anew four times, each moves half of them
    assert TICK_OVERRUNS._value.get() == overruns


def test_what_is_done_around_the_ticks_counts_as_load() -> None:
    driven = Driven()
    driven.around_takes_s = 0.016
    driven.run(100)
    driven.happened.clear()
    driven.run()
    assert driven.happened == ["before", "a", "after", "before", "b", "after"]


def test_a_bug_beside_the_ticks_costs_no_zone_its_tick() -> None:
    driven = Driven()
    driven.before_raises = driven.after_raises = True
    driven.run()
    assert driven.acted == [("a", 1), ("b", 1)] and driven.stopped == []


def test_an_on_tick_that_raises_now_and_then_stops_no_zone() -> None:
    driven = Driven()
    for number in range(60):
        driven.games[0].tick_raises = number % 10 == 0
        driven.run()
    assert driven.acted.count(("a", 60)) == 1 and driven.stopped == []


def test_a_zone_in_which_the_server_itself_raises_stops_and_the_others_go_on() -> None:
    driven = Driven()
    break_encoder(driven.loop.runners[0])
    driven.run()
    driven.run()
    assert driven.acted == [("b", 1), ("b", 2)]
    assert driven.stopped == ["a"] and driven.happened.count("after") == 2


def test_a_zone_whose_tick_cannot_be_acted_on_stops_and_the_others_go_on() -> None:
    driven = Driven()
    driven.act_raises.add("a")
    driven.run()
    driven.run()
    assert driven.acted == [("b", 1), ("b", 2)] and driven.stopped == ["a"]


def test_what_was_asked_for_on_a_tick_that_raises_leaves_nobody_frozen() -> None:
    driven, stage = Driven(), Stage()
    one, other = stage.player(1, coins=1), stage.player(2)
    runner = driven.loop.runners[0]
    runner.inbox.arrivals += [one, other]
    driven.run()
    break_encoder(runner)
    runner.inbox.add_input(one, Hand(seq=1, to=other.player_id))
    driven.run()
    assert runner.stopped and not one.inventory._frozen and not other.inventory._frozen
    assert one.inventory.held() == {"coin": 1}


async def test_a_loop_that_breaks_stops_its_zones_and_says_so() -> None:
    driven = Driven()
    driven.stopping_raises = True
    break_encoder(driven.loop.runners[0])
    with pytest.raises(RuntimeError, match="zone_stopped"):
        await driven.loop.run()
    assert all(runner.stopped for runner in driven.loop.runners)


@pytest.mark.parametrize(
    ("took_s", "next_s", "overruns"),
    [(0.0, 0.05, 0), (0.049, 0.05, 0), (0.06, 0.05, 1), (0.12, 0.1, 2), (0.31, 0.3, 6)],
)
def test_a_late_tick_follows_at_once_and_missed_ones_are_skipped(took_s: float, next_s: float, overruns: int) -> None:
    driven, before = Driven("a"), TICK_OVERRUNS._value.get()
    driven.takes_s = took_s
    assert driven.loop.run_phase(0.0) == pytest.approx(next_s)
    assert TICK_OVERRUNS._value.get() == before + overruns


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
    driven.run()
    assert runner.has(player) and not runner.has(Stage().player(1))


class Quitter(Tiny):
    def on_start(self, zone: Zone) -> None:
        raise SystemExit


def test_an_on_start_that_would_end_the_process_is_a_start_that_failed() -> None:
    with pytest.raises(StartFailed, match=r"Quitter\.on_start"):
        ZoneRunner(ZoneSpec("a"), Quitter(), routes_of(Quitter()), StillClock(), 1)
