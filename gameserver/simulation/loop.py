"""Drives the zones: one tick each per interval, on the event loop, each tick timed by step. All tick in one phase while
that takes little of the interval; else in two, so that it is not one long stretch in which nobody is served; or in as
many as the operator asks for.

Law: the loop never waits for anything but the next deadline. A phase that comes late is counted as an overrun; what was
missed is skipped, never caught up by ticking faster. A zone that cannot go on stops, and no other zone with it; after a
pause it starts again, and after a few times it is given up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from gameserver.clock import Clock
from gameserver.observability import metrics
from gameserver.simulation.heartbeat import Heartbeat
from gameserver.simulation.phases import AS_LOAD_ASKS, Phases
from gameserver.simulation.result import TickResult
from gameserver.simulation.stopwatch import Stopwatch
from gameserver.simulation.zone_runner import StartFailed, ZoneRunner

log = structlog.get_logger(__name__)


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
        self.heartbeat = Heartbeat()

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
        self.heartbeat.begin(began_s, self._interval_s)
        self._call(self._before_ticks)
        for runner in self._phases.current:
            self.heartbeat.zone = runner.zone.name
            if not runner.stopped or self._started_again(runner, began_s):
                self._tick(runner)
        metrics.ENTITIES.set(sum(len(runner.zone.entities) for runner in self.runners))
        self._call(self._after_ticks)
        self._stopwatch.publish()
        ended_s = self._clock.monotonic_s()
        self._count_overruns(ended_s - deadline_s)
        next_s = self._skip_missed(deadline_s + self._phases.advance(ended_s - began_s), ended_s)
        self.heartbeat.end(ended_s, next_s)
        return next_s

    def _tick(self, runner: ZoneRunner) -> None:
        try:
            self._act(runner, runner.run_tick(self._stopwatch))
        except Exception as error:
            log.exception("zone_failed", zone=runner.zone.name, tick=runner.zone.tick)
            self._stop_zone(runner, f"a bug of the server: {type(error).__name__}")
        else:
            if runner.keeps_failing:
                self._stop_zone(runner, runner.failure)

    def _stop_zone(self, runner: ZoneRunner, problem: str) -> None:
        runner.halt(problem)
        metrics.ZONES_STOPPED.inc()
        self._tell_when(runner)
        self._zone_stopped(runner)

    def _started_again(self, runner: ZoneRunner, now_s: float) -> bool:
        """Whether the zone that stopped has been made anew just now."""
        if not runner.restarts.is_due(now_s):
            return False
        try:
            runner.restart()
        except StartFailed as failed:
            log.exception("zone_start_failed", zone=runner.zone.name)
            runner.halt(f"on_start raised {type(failed.__cause__).__name__}")
            self._tell_when(runner)
            return False
        log.warning("zone_restarted", zone=runner.zone.name)
        return True

    def _tell_when(self, runner: ZoneRunner) -> None:
        zone, problem, due_s = runner.zone.name, runner.problem, runner.restarts.due_s
        if due_s is None:
            log.error("zone_given_up", zone=zone, error=problem, remedy="mend the game and restart the node")
        else:
            log.error("zone_stopped", zone=zone, error=problem, again_in_s=round(due_s - self._clock.monotonic_s(), 1))

    def _call(self, around_ticks: Callable[[], None]) -> None:
        try:
            around_ticks()
        except Exception:
            log.exception("around_ticks_failed", note="a bug of the server; the loop goes on")

    def _count_overruns(self, since_due_s: float) -> None:
        """The zones of this phase should have ticked again by now."""
        if since_due_s > self._interval_s:
            metrics.TICK_OVERRUNS.inc(int(since_due_s / self._interval_s))

    def _skip_missed(self, deadline_s: float, now_s: float) -> float:
        """The deadline, later by whole intervals if those are missed."""
        return deadline_s + max(0, int((now_s - deadline_s) / self._interval_s)) * self._interval_s

    async def _rest_until(self, deadline_s: float) -> None:
        await asyncio.sleep(0)  # the write to Redis begins, as the phase asked
        self._rest(deadline_s - self._clock.monotonic_s())
        await asyncio.sleep(max(deadline_s - self._clock.monotonic_s(), 0.0))
