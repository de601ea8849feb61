"""The host of a node: everything but its edge. Sessions and zones, what opens and ends them, and what writes to the
stores behind play.

Each part gets what it needs by constructor, and this is the only place that knows all of them. It is given a link, and
stores that are open; it never sees a socket.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, Self

import structlog

from gameserver.clock import Clock
from gameserver.config import Settings
from gameserver.link.messages import InputsWanted, PhaseEnded
from gameserver.link.ports import EdgePort
from gameserver.live.cluster_writer import ClusterWriter
from gameserver.live.history_marks import HistoryMarks
from gameserver.live.nodes import NodeLeases
from gameserver.live.sessions import LiveSessions
from gameserver.live.tick_writer import SessionWriter, TickWriter
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.history_rows import HistoryRows
from gameserver.profiles.records import SessionLogEntry
from gameserver.profiles.repository import Profiles
from gameserver.protocol.errors import Close
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.services.service import Service
from gameserver.session.answers import Answers
from gameserver.session.checkpoint import Checkpoints
from gameserver.session.departures import Departures
from gameserver.session.dispatch import Dispatcher
from gameserver.session.ending import Ender
from gameserver.session.exchanges import ExchangeCarrier
from gameserver.session.flusher import Flusher
from gameserver.session.game_log import GameLog
from gameserver.session.history import HistoryKeeper
from gameserver.session.lease import Lease
from gameserver.session.opening import Opener
from gameserver.session.publisher import Publisher
from gameserver.session.reaper import Reaper
from gameserver.session.reception import Reception
from gameserver.session.registry import Registry
from gameserver.session.restoring import Restorer
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.session.surrender import Surrender
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.game import Game
from gameserver.simulation.loop import SimulationLoop
from gameserver.simulation.routes import routes_of
from gameserver.simulation.zones import Zones
from gameserver.sql.backlog import Backlog
from gameserver.sql.database import Database
from gameserver.sql.standing import Standing
from gameserver.store.connection import Store
from gameserver.tasks import Tasks
from gameserver.world.entity import Player

STOP_S = 0.2  # for what a drain left under way
STORED_PATIENCE_S = 0.5  # an exchange waits so long for Redis; then SQL commits it without

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class HistoryStores:
    """The records that tie Redis to the SQL database."""

    rows: HistoryRows
    marks: HistoryMarks
    standing: Standing


@dataclass(frozen=True, slots=True)
class HostStores:
    """The stores of a host: Redis and SQL."""

    live: LiveSessions
    leases: NodeLeases
    writer: SessionWriter
    profiles: Profiles
    exchanges: Exchanges
    sql_is_away: Callable[[], bool]
    history: HistoryStores | None = None  # without it nobody notices that SQL is another database or was set back

    @classmethod
    def on(cls, redis: Store, database: Database) -> Self:
        return cls(
            live=LiveSessions(redis),
            leases=NodeLeases(redis),
            writer=TickWriter(redis) if redis.cluster is None else ClusterWriter(redis, redis.cluster),
            profiles=Profiles(database),
            exchanges=Exchanges(database),
            sql_is_away=lambda: database.is_away,
            history=HistoryStores(HistoryRows(database), HistoryMarks(redis), database.standing),
        )


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
        self._settings = settings
        self._game = game
        self._services = services
        self._routes = routes_of(game, services)
        self._stores = stores
        self._link = link
        self._clock = clock
        self._random = random
        self._when_idle = when_idle
        self._id = NodeId(settings.node_id)
        self.tasks = Tasks()  # work that ends by itself
        self._background: list[asyncio.Task[Any]] = []  # work that goes on until the host stops
        self.failed = asyncio.Event()  # background work ended that should not have: the process is of no more use
        self.history_lost = asyncio.Event()  # SQL is another database than at the start, or was set back
        self.registry = Registry()
        self.zones = Zones(game, self._routes, clock, random.getrandbits(32))
        for service in services:
            service.attach(self._presence)
        self._build_keeping()
        self._build_departures()
        self._build_writing()
        self._build_arrivals()
        self._build_play()

    def _build_keeping(self) -> None:
        """Build the parts that write to the stores behind play."""
        stores = self._stores
        self.lease = Lease(stores.leases, self._id, self._clock, self._settings.lease_s)
        self.saver = Saver(stores.profiles)
        self._session_log: Backlog[SessionLogEntry] = Backlog("stays", stores.profiles.append_session_log)
        self._history = self._new_history(stores.history) if stores.history is not None else None
        self.write_behind = WriteBehind(stores.writer, self._clock, sessions=self.registry, may_ack=self.lease.holds)

    def _new_history(self, stores: HistoryStores) -> HistoryKeeper:
        return HistoryKeeper(
            rows=stores.rows,
            marks=stores.marks,
            standing=stores.standing,
            live=self._stores.live,
            node=self._id,
            is_played=lambda: len(self.registry) > 0,
            lost=self._history_lost,
        )

    def _build_departures(self) -> None:
        """Build the parts that end sessions."""
        stores, settings = self._stores, self._settings
        self._answers = Answers(self._link)
        surrender = Surrender(
            saver=self.saver,
            profiles=stores.profiles,
            live=stores.live,
            write_behind=self.write_behind,
            node=self._id,
        )
        self._departures = Departures(
            link=self._link,
            registry=self.registry,
            zones=self.zones,
            ender=Ender(
                saver=self.saver,
                session_log=self._session_log,
                live=stores.live,
                write_behind=self.write_behind,
                answers=self._answers,
                surrender=surrender,
                node=self._id,
                clock=self._clock,
            ),
            surrender=surrender,
            tasks=self.tasks,
            clock=self._clock,
            grace_s=settings.grace_s,
            idle_timeout_s=settings.idle_timeout_s,
        )

    def _build_writing(self) -> None:
        """Build the parts that act on the writes to both stores."""
        stores = self._stores
        self._checkpoints = Checkpoints(
            self.saver,
            self.tasks,
            self._clock,
            period_s=self._settings.checkpoint_s,
            random=self._random,
            fenced=self._departures.fence,
        )
        self._flusher = Flusher(
            write_behind=self.write_behind,
            answers=self._answers,
            departures=self._departures,
            checkpoints=self._checkpoints,
            restorer=Restorer(
                profiles=stores.profiles,
                live=stores.live,
                registry=self.registry,
                node=self._id,
                tasks=self.tasks,
                fenced=self._departures.fence,
                mark_whole=self.write_behind.mark_whole,
            ),
            tasks=self.tasks,
        )

    def _build_arrivals(self) -> None:
        """Build the parts that open sessions."""
        stores = self._stores
        self._reception = Reception(
            link=self._link,
            registry=self.registry,
            zones=self.zones,
            opener=Opener(
                profiles=stores.profiles,
                exchanges=stores.exchanges,
                live=stores.live,
                session_log=self._session_log,
                node=self._id,
                game=self._game,
                clock=self._clock,
            ),
            write_behind=self.write_behind,
            clock=self._clock,
            opened=self._checkpoints.add,
            fenced=self._departures.fence,
            until_gone=self._departures.until_gone,
        )
        self._reaper = Reaper(
            stores.live, stores.leases, self._reception, self._id, self._epochs, has_name=self.lease.is_ours
        )

    def _build_play(self) -> None:
        """Build the parts that turn inputs into ticks, and ticks into frames, acks and writes."""
        game_log = GameLog(self._clock)
        self._publisher = Publisher(
            link=self._link,
            registry=self.registry,
            write_behind=self.write_behind,
            answers=self._answers,
            carrier=ExchangeCarrier(self._stores.exchanges, self.tasks, self._epoch_of, self._caught_up),
            services=self._services,
            game=self._game,
            grace_s=self._settings.grace_s,
            left=self._departures.left,
            turned_away=self._turn_away,
            waits=lambda session: dispatcher.disconnected(session),
            game_log=game_log,
        )
        dispatcher = Dispatcher(
            link=self._link,
            routes=self._routes,
            registry=self.registry,
            zones=self.zones,
            reception=self._reception,
            departures=self._departures,
            write_behind=self.write_behind,
            sql_is_away=self._stores.sql_is_away,
            tasks=self.tasks,
            clock=self._clock,
            game_log=game_log,
        )
        self._loop = SimulationLoop(
            list(self.zones),
            tick_hz=self._game.tick_hz,
            phases=self._settings.tick_phases,
            clock=self._clock,
            act=self._publisher.act,
            zone_stopped=lambda runner: dispatcher.zone_stopped(runner.zone.name),
            before_ticks=lambda: self._link.to_edge(InputsWanted()),
            after_ticks=self._after_ticks,
            rest=self._when_idle,
        )
        self.heartbeat = self._loop.heartbeat

    async def start(self) -> None:
        """Own what the last process left behind, and let players in."""
        if self._history is not None:
            await self._history.enter()
        for service in self._services:
            await service.start(self.zones.names())
        await self.lease.acquire()
        keeping = [self.saver.run(), self._session_log.run(), self.lease.run()]
        keeping += [service.run() for service in self._services]
        if self._history is not None:
            keeping.append(self._history.run())
        playing = (self._flusher.run(), self._loop.run(), self._departures.sweep(), self._reaper.run())
        self._background += [self._start(work) for work in (*keeping, *playing)]
        for task in self._background:
            task.add_done_callback(self._background_ended)

    async def hand_over(self, timeout_s: float) -> None:
        """Let nobody in and let go of every session, as it is in Redis: another process has this node's name."""
        self._reception.accepting = False
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._departures.hand_over()

    async def drain(self, timeout_s: float) -> bool:
        """Let nobody in and end every session. False when some were not saved in time: they stay claimable in Redis."""
        self._reception.accepting = False
        return await self._departures.drain(timeout_s)

    async def leave(self, timeout_s: float) -> None:
        """After the drain: write what was said and who stayed, and give up the lease."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                flushing = (service.flush() for service in self._services)
                await asyncio.gather(*flushing, self._session_log.flush(), self.lease.give_up())

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
            "sql": self.saver.available,
            "history": not self.history_lost.is_set(),
            "zones": not self.zones.stopped(),
        }

    def _background_ended(self, task: asyncio.Task[Any]) -> None:
        log.critical("background_task_ended", task=task.get_name(), note="a bug of the server; the node stops")
        self.failed.set()

    def _after_ticks(self) -> None:
        self._link.to_edge(PhaseEnded())  # before anything that could take long: players wait for their frames
        self._flusher.flush()

    def _history_lost(self) -> None:
        """SQL has another history: nothing here can be saved any more, and nothing of it belongs to anybody there."""
        self._reception.history_is_lost = True
        self.history_lost.set()
        self.saver.give_up()
        self._start(self._departures.hand_over(Close.DRAINING))

    def _turn_away(self, session: Session) -> None:
        self._start(self._departures.end(session, "turned_away", Close.KICKED))

    def _presence(self, name: str) -> tuple[PlayerId, str] | None:
        session = self.registry.by_name(name)
        online = session is not None and session.connection_id is not None
        return (session.player_id, session.player.name) if session is not None and online else None

    def _epochs(self) -> dict[PlayerId, Epoch]:
        return {session.player_id: session.epoch for session in self.registry}

    def _epoch_of(self, player_id: PlayerId) -> Epoch | None:
        session = self.registry.get(player_id)
        return session.epoch if session is not None else None

    async def _caught_up(self, player: Player) -> bool:
        session = self.registry.session_of(player)
        return session is None or await self.write_behind.caught_up(session, STORED_PATIENCE_S)

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self.tasks.start(work, getattr(work, "__qualname__", "work"))
