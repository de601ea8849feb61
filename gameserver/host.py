"""The life of a host: everything of a node but its edge. It starts, ticks, drains and stops.

``wiring`` puts the parts together. Background work goes on until the host stops. If it ends by itself, that is a bug,
and the process is of no more use.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from random import Random
from typing import Any

import structlog

from gameserver.clock import Clock
from gameserver.config import Settings
from gameserver.link.messages import InputsWanted, PhaseEnded
from gameserver.link.ports import EdgePort
from gameserver.protocol.errors import Close
from gameserver.services.service import Service
from gameserver.simulation.game import Game
from gameserver.simulation.loop import SimulationLoop
from gameserver.simulation.zone_runner import ZoneRunner
from gameserver.wiring import HostStores, Parts

STOP_S = 0.2  # for tasks that a drain left under way

log = structlog.get_logger(__name__)


def idle(slack_s: float) -> None:
    """Do nothing between ticks."""


class Host:
    """Call ``start``, then ``drain``, then ``leave``, then ``stop``. All chance comes from ``random``."""

    def __init__(
        self,
        settings: Settings,
        game: Game,
        stores: HostStores,
        link: EdgePort,
        clock: Clock,
        random: Random,
        services: Sequence[Service] = (),
        when_idle: Callable[[float], None] = idle,
    ):
        """``when_idle(slack_s)`` is called between ticks, with the time that is left until the next one. Raises
        GameError if two messages of the game and the services have one name."""
        self._link = link
        self._services = services
        self._parts = parts = Parts(settings, game, stores, link, clock, random, services)
        self._history = parts.history(self._lose_history)
        self._loop = SimulationLoop(
            list(parts.zones),
            tick_hz=game.tick_hz,
            phases=settings.tick_phases,
            clock=clock,
            act=parts.publisher.act,
            zone_stopped=self._zone_stopped,
            before_ticks=self._before_ticks,
            after_ticks=self._after_ticks,
            rest=when_idle,
        )
        self._background: list[asyncio.Task[Any]] = []
        self.registry, self.zones, self.tasks = parts.registry, parts.zones, parts.tasks
        self.lease, self.write_behind = parts.lease, parts.write_behind
        self.heartbeat = self._loop.heartbeat
        self.failed = asyncio.Event()  # background work ended that should not have
        self.history_lost = asyncio.Event()  # SQL is another database than at the start, or was set back

    async def start(self) -> None:
        """Own the sessions that the last process left behind, and let players in."""
        self._link.attach_host(self._parts.dispatcher.receive)
        if self._history is not None:
            await self._history.enter()
        for service in self._services:
            await service.start(self.zones.names())
        await self.lease.acquire()
        for work in self._background_work():
            task = self._start(work)
            task.add_done_callback(self._background_ended)
            self._background.append(task)

    def _background_work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """Yield the tasks that run until the host stops, in the order in which they start."""
        parts = self._parts
        yield parts.saver.run()
        yield parts.session_log.run()
        yield parts.lease.run()
        for service in self._services:
            yield service.run()
        if self._history is not None:
            yield self._history.run()
        yield parts.flusher.run()
        yield self._loop.run()
        yield parts.departures.sweep()
        yield parts.reaper.run()

    async def hand_over(self, timeout_s: float) -> None:
        """Let nobody in and let go of every session, as it is in Redis: another process has this node's name."""
        self._parts.reception.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._parts.departures.hand_over()

    async def drain(self, timeout_s: float) -> bool:
        """Let nobody in and end every session. False when some were not saved in time: they stay claimable in Redis."""
        self._parts.reception.close()
        return await self._parts.departures.drain(timeout_s)

    async def leave(self, timeout_s: float) -> None:
        """Finish after the drain: write the chat lines and the session log, and give up the lease."""
        parts = self._parts
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                flushing = (service.flush() for service in self._services)
                await asyncio.gather(*flushing, parts.session_log.flush(), parts.lease.give_up())

    def stop_serving(self) -> None:
        """No more ticks. Nothing is saved here."""
        for task in self._background:
            task.remove_done_callback(self._background_ended)
        self._loop.stop()
        for zone, error in self.zones.stop().items():
            log.error("on_stop_failed", zone=zone, exc_info=error)

    async def stop(self) -> None:
        """End every task."""
        for task in self._background:
            task.cancel()
        await self.tasks.drain(STOP_S)

    def checks(self) -> dict[str, object]:
        """Return the checks that must hold for new players to come in, by name."""
        return {
            "redis": self.write_behind.can_store,
            "sql": self._parts.saver.available,
            "history": not self.history_lost.is_set(),
            "zones": not self.zones.stopped(),
        }

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        log.critical("background_task_ended", task=task.get_name(), note="a bug of the server; the node stops")
        self.failed.set()

    def _before_ticks(self) -> None:
        self._link.to_edge(InputsWanted())

    def _after_ticks(self) -> None:
        self._link.to_edge(PhaseEnded())  # before anything that could take long: players wait for their frames
        self._parts.flusher.flush()

    def _zone_stopped(self, runner: ZoneRunner) -> None:
        self._parts.dispatcher.zone_stopped(runner.zone.name)

    def _lose_history(self) -> None:
        """End all sessions. SQL has another history: nothing here can be saved there, or belongs to anybody there."""
        self._parts.reception.close(history_is_lost=True)
        self.history_lost.set()
        departures = self._parts.departures
        # Before the saves are answered, or a session whose save waits would count as fenced.
        stopped = departures.stop_all(Close.DRAINING)
        self._parts.saver.give_up()
        self._start(departures.forget_all(stopped, Close.DRAINING))

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.tasks.start(work, getattr(work, "__qualname__", "work"))
