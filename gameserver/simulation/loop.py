"""Drives the zones: one tick each per interval, on the event loop, each tick timed by step.

Law: the loop never waits for anything but the next deadline. A tick that comes late is counted as an overrun; what was
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
from gameserver.simulation.result import TickResult
from gameserver.simulation.speech import Presence
from gameserver.simulation.tick import step
from gameserver.world.entity import Player
from gameserver.world.zone import Zone, ZoneSpec

log = structlog.get_logger(__name__)


class ZoneRunner:
    """One zone with what waits for its next tick."""

    def __init__(self, spec: ZoneSpec, game: Game, clock: Clock, presence: Presence, seed: int):
        self.zone = Zone(spec, game.kinds, game.tick_hz, Random(seed))
        self.inbox = Inbox()
        self.stopped = False  # its game raised where nobody can go on
        self._game = game
        self._clock = clock
        self._presence = presence
        self._lap_started_s = 0.0
        game.on_start(self.zone)

    def run_tick(self) -> TickResult:
        inbox, self.inbox = self.inbox, Inbox()
        self._lap_started_s = self._clock.monotonic_s()
        return step(self.zone, self._game, inbox, self._clock.wall_ms(), self._presence, self._lap)

    def has(self, player: Player) -> bool:
        """The player is in the zone, or will be with the next tick."""
        return self.zone.players.get(player.player_id) is player or player in self.inbox.arrivals

    def halt(self) -> None:
        """It ticks no more. What it asked for on a tick that did not end happens no more either."""
        self.stopped = True
        self.zone.withdraw_exchanges(0)
        for exchange, outcome in self.inbox.outcomes:
            exchange.settle(outcome)
        self.inbox.outcomes.clear()

    def stop(self) -> None:
        self._game.on_stop(self.zone)

    def _lap(self, name: str) -> None:
        now_s = self._clock.monotonic_s()
        metrics.TICK_STEP_SECONDS.labels(name).observe(now_s - self._lap_started_s)
        self._lap_started_s = now_s


class SimulationLoop:
    """Ticks every zone at ``tick_hz`` and hands each result to ``act``; ``after_ticks`` runs once per interval."""

    def __init__(
        self,
        runners: Sequence[ZoneRunner],
        *,
        tick_hz: int,
        clock: Clock,
        act: Callable[[ZoneRunner, TickResult], None],
        zone_stopped: Callable[[ZoneRunner], None],
        after_ticks: Callable[[], None],
    ):
        self.runners = runners
        self._interval_s = 1.0 / tick_hz
        self._clock = clock
        self._act = act
        self._zone_stopped = zone_stopped
        self._after_ticks = after_ticks
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Until ``stop``; owned and awaited by whoever started it."""
        deadline_s = self._clock.monotonic_s()
        try:
            while not self._stopping.is_set():
                self.tick_all()
                deadline_s = self._next_deadline_s(deadline_s)
                await self._sleep_until(deadline_s)
        except Exception:
            for runner in self.runners:
                runner.halt()  # no session waits to be let go by a zone that ticks no more
            raise

    def stop(self) -> None:
        self._stopping.set()

    def tick_all(self) -> None:
        for runner in self.runners:
            if not runner.stopped:
                self._tick(runner)
        metrics.ENTITIES.set(sum(len(runner.zone.entities) for runner in self.runners))
        try:
            self._after_ticks()
        except Exception:
            log.exception("a bug of ours after the ticks; the loop goes on")

    def _tick(self, runner: ZoneRunner) -> None:
        try:
            self._act(runner, runner.run_tick())
        except Exception:
            log.exception("zone stopped: its game raised", zone=runner.zone.name, tick=runner.zone.tick)
            runner.halt()
            metrics.ZONES_STOPPED.inc()
            self._zone_stopped(runner)

    def _next_deadline_s(self, deadline_s: float) -> float:
        deadline_s += self._interval_s
        late_s = self._clock.monotonic_s() - deadline_s
        if late_s <= 0:
            return deadline_s
        missed = int(late_s / self._interval_s) + 1
        metrics.TICK_OVERRUNS.inc(missed)
        return deadline_s + (missed - 1) * self._interval_s if missed > 1 else deadline_s

    async def _sleep_until(self, deadline_s: float) -> None:
        delay_s = max(deadline_s - self._clock.monotonic_s(), 0.0)
        await asyncio.sleep(delay_s)
