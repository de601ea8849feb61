"""The parts of a host, put together: sessions and zones, their opening and ending, and the writes to the stores.

Each part gets its needs by constructor, and this is the only place that knows all parts. It is given a link, and
stores that are open; it never sees a socket. Nothing runs yet: ``Host`` starts the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Self

from gameserver.clock import Clock
from gameserver.config import Settings
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
from gameserver.protocol.ids import NodeId
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
from gameserver.session.surrender import Surrender
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.game import Game
from gameserver.simulation.routes import routes_of
from gameserver.simulation.zones import Zones
from gameserver.sql.backlog import Backlog
from gameserver.sql.database import Database
from gameserver.sql.standing import Standing
from gameserver.store.connection import Store
from gameserver.tasks import Tasks
from gameserver.world.entity import Player

CAUGHT_UP_PATIENCE_S = 0.5  # an exchange waits so long for Redis; then it is refused


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


class Parts:
    """All parts of a host. Each is built after the parts that it needs. All chance comes from ``random``.

    Raises GameError if two messages of the game and the services have one name."""

    def __init__(
        self,
        settings: Settings,
        game: Game,
        stores: HostStores,
        link: EdgePort,
        clock: Clock,
        random: Random,
        services: Sequence[Service],
    ):
        self._settings, self._game, self._stores = settings, game, stores
        self._link, self._clock, self._random = link, clock, random
        self._services, self._node = services, NodeId(settings.node_id)
        self._routes = routes_of(game, services)
        self.tasks = Tasks()  # work that ends by itself
        self.registry = Registry()
        self.zones = Zones(game, self._routes, clock, random.getrandbits(32))
        for service in services:
            service.attach(self.registry.presence)
        self.lease = Lease(stores.leases, self._node, clock, settings.lease_s)
        self.saver = Saver(stores.profiles)
        self.session_log: Backlog[SessionLogEntry] = Backlog("stays", stores.profiles.append_session_log)
        self.write_behind = WriteBehind(stores.writer, clock, sessions=self.registry, may_ack=self.lease.holds)
        self._answers = Answers(link)
        self._surrender = self._new_surrender()
        self.departures = self._new_departures()
        self._checkpoints = self._new_checkpoints()
        self.flusher = self._new_flusher()
        self.reception = self._new_reception()
        self.reaper = self._new_reaper()
        self._game_log = GameLog(clock)
        self.dispatcher = self._new_dispatcher()
        self.publisher = self._new_publisher()

    def history(self, lost: Callable[[], None]) -> HistoryKeeper | None:
        """Return the part that ties Redis to the SQL database. It calls ``lost`` when SQL has another history."""
        stores = self._stores.history
        if stores is None:
            return None
        return HistoryKeeper(
            rows=stores.rows,
            marks=stores.marks,
            standing=stores.standing,
            live=self._stores.live,
            node=self._node,
            is_played=self.registry.has_sessions,
            lost=lost,
        )

    def _new_surrender(self) -> Surrender:
        return Surrender(
            saver=self.saver,
            profiles=self._stores.profiles,
            live=self._stores.live,
            write_behind=self.write_behind,
            node=self._node,
        )

    def _new_departures(self) -> Departures:
        return Departures(
            link=self._link,
            answers=self._answers,
            registry=self.registry,
            zones=self.zones,
            ender=self._new_ender(),
            surrender=self._surrender,
            tasks=self.tasks,
            clock=self._clock,
            grace_s=self._settings.grace_s,
            idle_timeout_s=self._settings.idle_timeout_s,
        )

    def _new_ender(self) -> Ender:
        return Ender(
            saver=self.saver,
            session_log=self.session_log,
            live=self._stores.live,
            write_behind=self.write_behind,
            answers=self._answers,
            surrender=self._surrender,
            node=self._node,
            clock=self._clock,
        )

    def _new_checkpoints(self) -> Checkpoints:
        return Checkpoints(
            self.saver,
            self.tasks,
            self._clock,
            period_s=self._settings.checkpoint_s,
            random=self._random,
            fenced=self.departures.fence,
        )

    def _new_flusher(self) -> Flusher:
        return Flusher(
            write_behind=self.write_behind,
            answers=self._answers,
            departures=self.departures,
            checkpoints=self._checkpoints,
            restorer=self._new_restorer(),
            tasks=self.tasks,
        )

    def _new_restorer(self) -> Restorer:
        return Restorer(
            profiles=self._stores.profiles,
            live=self._stores.live,
            registry=self.registry,
            node=self._node,
            tasks=self.tasks,
            fenced=self.departures.fence,
            mark_whole=self.write_behind.mark_whole,
        )

    def _new_reception(self) -> Reception:
        return Reception(
            link=self._link,
            registry=self.registry,
            zones=self.zones,
            opener=self._new_opener(),
            write_behind=self.write_behind,
            clock=self._clock,
            opened=self._checkpoints.add,
            fenced=self.departures.fence,
            until_gone=self.departures.until_gone,
        )

    def _new_opener(self) -> Opener:
        return Opener(
            profiles=self._stores.profiles,
            exchanges=self._stores.exchanges,
            live=self._stores.live,
            session_log=self.session_log,
            node=self._node,
            game=self._game,
            clock=self._clock,
        )

    def _new_reaper(self) -> Reaper:
        return Reaper(
            self._stores.live,
            self._stores.leases,
            self.reception,
            self._node,
            self.registry.epochs,
            has_name=self.lease.is_ours,
        )

    def _new_dispatcher(self) -> Dispatcher:
        return Dispatcher(
            link=self._link,
            routes=self._routes,
            registry=self.registry,
            zones=self.zones,
            reception=self.reception,
            departures=self.departures,
            write_behind=self.write_behind,
            sql_is_away=self._stores.sql_is_away,
            tasks=self.tasks,
            clock=self._clock,
            game_log=self._game_log,
        )

    def _new_publisher(self) -> Publisher:
        caught_up = partial(_caught_up, self.registry, self.write_behind)
        return Publisher(
            link=self._link,
            registry=self.registry,
            write_behind=self.write_behind,
            answers=self._answers,
            carrier=ExchangeCarrier(self._stores.exchanges, self.tasks, self.registry.epoch_of, caught_up),
            services=self._services,
            game=self._game,
            grace_s=self._settings.grace_s,
            left=self.departures.left,
            turned_away=self.departures.turn_away,
            waits=self.dispatcher.disconnected,
            game_log=self._game_log,
        )


async def _caught_up(registry: Registry, write_behind: WriteBehind, player: Player) -> bool:
    """Wait until Redis has all of the player's session, but not for long."""
    session = registry.session_of(player)
    return session is None or await write_behind.caught_up(session, CAUGHT_UP_PATIENCE_S)
