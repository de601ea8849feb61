"""Drives the zones: one tick each per interval, on the event loop, each tick timed by step. All tick in one phase while
that takes little of the interval; else in two, so that it is not one long stretch in which nobody is served; or in as
many as the operator asks for.

Law: the loop never waits for anything but the next deadline. A phase that comes late is counted as an overrun; what was
missed is skipped, never caught up by ticking faster. What raises on a zone's tick stops that zone and no other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from random import Random

import structlog

from gameserver.clock import Clock
from gameserver.observability import metrics
from gameserver.simulation.game import Game
from gameserver.simulation.inbox import Inbox
from gameserver.simulation.phases import AS_LOAD_ASKS, Phases
from gameserver.simulation.result import TickResult
from gameserver.simulation.speech import Presence
from gameserver.simulation.stopwatch import Stopwatch
from gameserver.simulation.tick import step
from gameserver.world.entity import Player
from gameserver.world.zone import Zone, ZoneSpec

log = structlog.get_logger(__name__)


class ZoneRunner:
    """One zone with what waits for its next tick."""

    def __init__(self, spec: ZoneSpec, game: Game, clock: Clock, presence: Presence, seed: int):
        self.zone = Zone(spec, game.kinds, game.tick_hz, Random(seed))
        self.zone.items = None if game.items is None else frozenset(game.items)
        self.inbox = Inbox()
        self.stopped = False  # its game raised where nobody can go on
        self._game = game
        self._clock = clock
        self._presence = presence
        game.on_start(self.zone)

    def run_tick(self, stopwatch: Stopwatch) -> TickResult:
        inbox, self.inbox = self.inbox, Inbox()
        stopwatch.start()
        return step(self.zone, self._game, inbox, self._clock.wall_ms(), self._presence, stopwatch.lap)

    def has(self, player: Player) -> bool:
        """The player is in the zone, or will be with the next tick."""
        return self.zone.has(player) or player in self.inbox.arrivals

    def halt(self) -> None:
        """It ticks no more. What it asked for on a tick that did not end happens no more either."""
        self.stopped = True
        self.zone.withdraw_exchanges(0)
        for exchange, outcome in self.inbox.outcomes:
            exchange.settle(outcome)
        self.inbox.outcomes.clear()

    def stop(self) -> None:
        self._game.on_stop(self.zone)


class SimulationLoop:
    """Ticks every zone at ``tick_hz``, in so many ``phases``, and hands each result to ``act``.

    ``before_ticks`` and ``after_ticks`` are called around the ticks of each phase, and ``rest(slack_s)`` when all that
    a phase brought is under way and the next one is so far off.
    """

    def __init__(
        self,
        runners: Sequence[ZoneRunner],
        *,
        tick_hz: int,
        phases: int = AS_LOAD_ASKS,
        clock: Clock,
        act: Callable[[ZoneRunner, TickResult], None],
        zone_stopped: Callable[[ZoneRunner], None],
        before_ticks: Callable[[], None],
        after_ticks: Callable[[], None],
        rest: Callable[[float], None],
    ):
        self.runners = runners
        self._interval_s = 1.0 / tick_hz
        self._phases = Phases(runners, self._interval_s, phases)
        self._clock = clock
        self._stopwatch = Stopwatch(clock)
        self._act = act
        self._zone_stopped = zone_stopped
        self._before_ticks = before_ticks
        self._after_ticks = after_ticks
        self._rest = rest
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until ``stop``; owned and awaited by whoever started it."""
        deadline_s = self._clock.monotonic_s()
        try:
            while not self._stopping.is_set():
                deadline_s = self.run_phase(deadline_s)
                await self._rest_until(deadline_s)
        except Exception:
            for runner in self.runners:
                runner.halt()  # no session waits to be let go by a zone that ticks no more
            raise

    def stop(self) -> None:
        self._stopping.set()

    def run_phase(self, deadline_s: float) -> float:
        """Tick the zones whose turn it is, as was due at ``deadline_s``. Returns when the next phase is due."""
        began_s = self._clock.monotonic_s()
        self._call(self._before_ticks)
        for runner in self._phases.current:
            if not runner.stopped:
                self._tick(runner)
        metrics.ENTITIES.set(sum(len(runner.zone.entities) for runner in self.runners))
        self._call(self._after_ticks)
        self._stopwatch.publish()
        ended_s = self._clock.monotonic_s()
        self._count_overruns(ended_s - deadline_s)
        return self._skip_missed(deadline_s + self._phases.advance(ended_s - began_s), ended_s)

    def _tick(self, runner: ZoneRunner) -> None:
        try:
            self._act(runner, runner.run_tick(self._stopwatch))
        except Exception:
            log.exception("zone stopped: its game raised", zone=runner.zone.name, tick=runner.zone.tick)
            runner.halt()
            metrics.ZONES_STOPPED.inc()
            self._zone_stopped(runner)

    def _call(self, around_ticks: Callable[[], None]) -> None:
        try:
            around_ticks()
        except Exception:
            log.exception("a bug of ours beside the ticks; the loop goes on")

    def _count_overruns(self, since_due_s: float) -> None:
        """The zones of this phase should have ticked again by now."""
        if since_due_s > self._interval_s:
            metrics.TICK_OVERRUNS.inc(int(since_due_s / self._interval_s))

    def _skip_missed(self, deadline_s: float, now_s: float) -> float:
        """The deadline, later by whole intervals if those are missed."""
        return deadline_s + max(0, int((now_s - deadline_s) / self._interval_s)) * self._interval_s

    async def _rest_until(self, deadline_s: float) -> None:
        await asyncio.sleep(0)  # what the phase asked for begins: the write to Redis
        self._rest(deadline_s - self._clock.monotonic_s())
        await asyncio.sleep(max(deadline_s - self._clock.monotonic_s(), 0.0))
