"""One server process: an edge, a host, and the link between them. Builds every part in one order and drains them in the
reverse; each part gets what it needs by constructor, and this is the only place that knows all of them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Coroutine
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from gameserver.accounts.passwords import Passwords
from gameserver.accounts.sign_in import SignIn
from gameserver.accounts.throttle import Throttle
from gameserver.chat.history import ChatHistory
from gameserver.clock import Clock
from gameserver.config import Settings
from gameserver.edge.limits import EdgeLimits
from gameserver.edge.ops import Ops
from gameserver.edge.server import Edge
from gameserver.link.local import LocalLink
from gameserver.profiles.account_rows import Accounts
from gameserver.profiles.backlog import Backlog
from gameserver.profiles.chat_rows import ChatRows
from gameserver.profiles.database import Database
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.records import ChatLineRow, Stay
from gameserver.profiles.repository import Profiles
from gameserver.protocol.codec import ClientCodec
from gameserver.protocol.errors import Close
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.session.checkpoint import Checkpoints
from gameserver.session.departures import Departures
from gameserver.session.ending import Ender
from gameserver.session.exchanges import ExchangeCarrier
from gameserver.session.host import Host
from gameserver.session.lease import Lease
from gameserver.session.opening import Opener
from gameserver.session.publisher import Publisher
from gameserver.session.reaper import Reaper
from gameserver.session.reception import Reception
from gameserver.session.registry import Registry
from gameserver.session.restoring import Restorer
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.game import Game
from gameserver.simulation.loop import SimulationLoop
from gameserver.simulation.zones import Zones
from gameserver.store.connection import Store
from gameserver.store.nodes import NodeLeases
from gameserver.store.sessions import LiveSessions
from gameserver.store.tick_writer import TickWriter
from gameserver.tasks import Tasks

EDGE_CLOSE_S = 2.0

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """Both stores, open."""

    redis: Store
    database: Database


class Node:
    """``start``, then ``drain``, then ``stop``."""

    def __init__(self, settings: Settings, game: Game, stores: Stores, clock: Clock):
        self._settings = settings
        self._game = game
        self._stores = stores
        self._clock = clock
        self._id = NodeId(settings.node_id)
        self._tasks = Tasks()  # work that ends by itself
        self._services: list[asyncio.Task[Any]] = []  # work that goes on until the node stops
        self._is_draining = False
        self.failed = asyncio.Event()  # a service ended that should not have: the process is of no more use
        self.port = 0
        self.registry = Registry()
        self._link = LocalLink()
        self._zones = Zones(game, clock, self._presence, secrets.randbits(32))
        self._build_keeping()
        self._build_coming_and_going()
        self._build_play()
        self._build_edge()

    def _build_keeping(self) -> None:
        """What writes to the stores behind play."""
        database = self._stores.database
        self._profiles, self._exchanges = Profiles(database), Exchanges(database)
        self._live = LiveSessions(self._stores.redis)
        self._leases = NodeLeases(self._stores.redis)
        self._lease = Lease(self._leases, self._id, self._clock, self._settings.lease_s)
        self._saver = Saver(self._profiles)
        self._stays: Backlog[Stay] = Backlog("stays", self._profiles.log_stays)
        rows = ChatRows(database)
        lines: Backlog[ChatLineRow] = Backlog("chat", rows.append)
        self._history = ChatHistory(rows, lines, self._settings.chat_history_lines)
        self._restorer = Restorer(
            profiles=self._profiles,
            live=self._live,
            registry=self.registry,
            node=self._id,
            tasks=self._tasks,
            fenced=self._fence,
        )
        self._write_behind = WriteBehind(
            TickWriter(self._stores.redis),
            self._clock,
            self._tasks,
            deliver=lambda session, acks: self._publisher.deliver_acks(session, acks),
            fenced=self._fence,
            owner_missing=self._restorer.restore_all,
            sessions=self.registry,
            may_ack=self._lease.holds,
        )

    def _build_coming_and_going(self) -> None:
        """What opens sessions and ends them."""
        self._departures = Departures(
            link=self._link,
            registry=self.registry,
            zones=self._zones,
            ender=Ender(
                saver=self._saver,
                stays=self._stays,
                live=self._live,
                write_behind=self._write_behind,
                node=self._id,
                clock=self._clock,
            ),
            tasks=self._tasks,
            clock=self._clock,
            grace_s=self._settings.grace_s,
            idle_timeout_s=self._settings.idle_timeout_s,
        )
        period_s = self._settings.checkpoint_s
        self._checkpoints = Checkpoints(self._saver, self._tasks, self._clock, period_s=period_s, random=Random())
        self._reception = Reception(
            link=self._link,
            registry=self.registry,
            zones=self._zones,
            opener=Opener(
                profiles=self._profiles,
                exchanges=self._exchanges,
                live=self._live,
                stays=self._stays,
                node=self._id,
                game=self._game,
                clock=self._clock,
            ),
            write_behind=self._write_behind,
            clock=self._clock,
            opened=self._checkpoints.add,
            recovered=self._checkpoints.save_soon,
            fenced=self._fence,
        )
        self._reaper = Reaper(self._live, self._leases, self._reception, self._id, self._has)

    def _build_play(self) -> None:
        """What turns inputs into ticks and ticks into frames, acks and writes."""
        self._publisher = Publisher(
            link=self._link,
            registry=self.registry,
            write_behind=self._write_behind,
            carrier=ExchangeCarrier(self._exchanges, self._tasks, self._epoch_of),
            history=self._history,
            game=self._game,
            grace_s=self._settings.grace_s,
            left=self._departures.left,
            turned_away=self._turn_away,
        )
        host = Host(
            link=self._link,
            registry=self.registry,
            zones=self._zones,
            reception=self._reception,
            departures=self._departures,
            write_behind=self._write_behind,
            tasks=self._tasks,
            clock=self._clock,
        )
        self._loop = SimulationLoop(
            list(self._zones),
            tick_hz=self._game.tick_hz,
            clock=self._clock,
            act=self._publisher.act,
            zone_stopped=lambda runner: host.zone_stopped(runner.zone.name),
            after_ticks=self._after_ticks,
        )

    def _build_edge(self) -> None:
        settings = self._settings
        self._passwords = Passwords(workers=settings.password_workers, queue_max=settings.password_queue_max)
        throttle = Throttle(
            wrong_passwords_per_minute=settings.wrong_passwords_per_minute,
            sign_ups_per_minute=settings.sign_ups_per_minute,
        )
        self._edge = Edge(
            link=self._link,
            sign_in=SignIn(Accounts(self._stores.database), self._passwords, throttle, self._clock),
            codec=ClientCodec(self._game.handlers),
            node_id=self._id,
            limits=_limits(settings),
            clock=self._clock,
            origins=settings.origins,
            ready=self.ready,
        )
        self._ops = Ops(ready=self.ready, token=settings.ops_token)

    async def start(self) -> None:
        """Own what the last process left behind, and let players in. Raises OSError when it cannot listen, and then has
        not taken the lease: a second start by mistake must not disturb the process that runs."""
        await self._ops.start(self._settings.ops_host, self._settings.ops_port)
        self.port = await self._edge.bind(self._settings.host, self._settings.port)
        await self._history.load(self._zones.names())
        await self._lease.take()
        keeping = (self._saver.run(), self._history.lines.run(), self._stays.run(), self._lease.run())
        playing = (self._loop.run(), self._departures.sweep(), self._reaper.run())
        self._services += [self._start(service) for service in (*keeping, *playing)]
        for service in self._services:
            service.add_done_callback(self._service_ended)
        await self._edge.serve()

    async def drain(self, timeout_s: float) -> None:
        """Let nobody in, end every session, save what was said. What is not saved in time stays claimable in Redis."""
        self._is_draining = True
        self._reception.accepting = False
        self._edge.stop_accepting()
        until_s = self._clock.monotonic_s() + timeout_s
        if not await self._departures.drain(timeout_s - EDGE_CLOSE_S / 2):
            log.warning("some sessions were not saved; the next start claims them", sessions=len(self.registry))
        await self._edge.close(EDGE_CLOSE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(until_s - self._clock.monotonic_s()):
                await self._history.lines.flush()
                await self._stays.flush()
        await self._lease.give_up()

    async def stop(self) -> None:
        """End every task and listener; nothing is saved here."""
        for service in self._services:
            service.remove_done_callback(self._service_ended)
        self._loop.stop()
        try:
            self._zones.stop()
        except Exception:
            log.exception("the game's on_stop raised")
        await self._edge.close(0)
        await self._ops.close()
        for service in self._services:
            service.cancel()
        await self._tasks.drain(1.0)
        self._passwords.close()

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether new players can sign in, and why not."""
        checks: dict[str, object] = {
            "redis": self._write_behind.can_store,
            "sql": self._saver.available and not self._stores.database.is_away,
            "zones": not any(runner.stopped for runner in self._zones),
            "draining": self._is_draining,
        }
        return bool(checks["redis"] and checks["sql"] and checks["zones"] and not self._is_draining), checks

    def _service_ended(self, service: asyncio.Task[Any]) -> None:
        log.critical("a service ended: a bug of ours; the node stops", service=service.get_name())
        self.failed.set()

    def _after_ticks(self) -> None:
        self._write_behind.flush()
        self._checkpoints.tick()

    def _fence(self, session: Session) -> None:
        self._departures.fence(session)

    def _turn_away(self, session: Session) -> None:
        self._start(self._departures.end(session, "turned_away", Close.KICKED))

    def _presence(self, name: str) -> tuple[PlayerId, str] | None:
        session = self.registry.by_name(name)
        online = session is not None and session.connection_id is not None
        return (session.player_id, session.player.name) if session is not None and online else None

    def _has(self, player_id: PlayerId) -> bool:
        return self.registry.get(player_id) is not None

    def _epoch_of(self, player_id: PlayerId) -> Epoch | None:
        session = self.registry.get(player_id)
        return session.epoch if session is not None else None

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return self._tasks.start(work, getattr(work, "__qualname__", "work"))


def _limits(settings: Settings) -> EdgeLimits:
    return EdgeLimits(
        connections_max=settings.connections_max,
        messages_per_s=settings.messages_per_s,
        messages_burst=settings.message_burst,
        message_bytes_max=settings.message_bytes_max,
        first_message_s=settings.sign_in_timeout_s,
        ping_every_s=settings.ping_interval_s,
        pong_within_s=settings.pong_timeout_s,
    )
