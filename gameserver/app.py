"""Builds everything in one order and drains it in the reverse. Each part gets what it needs by constructor; this is the
only place that knows all of them."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random
from typing import Any

import structlog

from gameserver.accounts.passwords import Passwords
from gameserver.accounts.sign_in import SignIn
from gameserver.accounts.throttle import Throttle
from gameserver.chat.history import ChatHistory
from gameserver.clock import Clock, SystemClock
from gameserver.config import Settings
from gameserver.edge.limits import EdgeLimits
from gameserver.edge.ops import Ops
from gameserver.edge.server import Edge
from gameserver.embedded import EmbeddedValkey
from gameserver.link.local import LocalLink
from gameserver.profiles.account_rows import Accounts
from gameserver.profiles.chat_rows import ChatRows
from gameserver.profiles.database import Database
from gameserver.profiles.exchange import Exchanges
from gameserver.profiles.repository import Profiles
from gameserver.protocol.codec import ClientCodec
from gameserver.protocol.errors import Close
from gameserver.protocol.ids import NodeId, PlayerId
from gameserver.session.checkpoint import Checkpoints
from gameserver.session.departures import Departures
from gameserver.session.ending import Ender
from gameserver.session.exchanges import ExchangeCarrier
from gameserver.session.host import Host
from gameserver.session.opening import Opener
from gameserver.session.publisher import Publisher
from gameserver.session.reception import Reception
from gameserver.session.recovery import Recovery
from gameserver.session.registry import Registry
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.game import Game
from gameserver.simulation.loop import SimulationLoop
from gameserver.simulation.zones import Zones
from gameserver.store.connection import Store
from gameserver.store.sessions import LiveSessions
from gameserver.store.tick_writer import TickWriter
from gameserver.tasks import Tasks

EDGE_CLOSE_S = 2.0

log = structlog.get_logger(__name__)


async def serve(settings: Settings, game: type[Game], on_ready: Callable[[str], None] | None = None) -> None:
    """Serve ``game`` until SIGTERM or SIGINT, then drain. A second signal skips the rest of the drain.

    ``on_ready`` is called with the page's address once players can connect. Raises StoreUnavailable or
    ProfilesUnavailable when a store does not answer at the start.
    """
    stopping = _signals()
    async with _stores(settings) as stores:
        node = Node(settings, game(), stores, SystemClock())
        await node.start()
        if on_ready is not None:
            on_ready(f"http://{_shown(settings.host)}:{node.port}")
        await stopping.get()
        log.info("draining", sessions=len(node.registry))
        draining = asyncio.ensure_future(node.drain(settings.drain_s))
        skipping = asyncio.ensure_future(stopping.get())
        await asyncio.wait((draining, skipping), return_when=asyncio.FIRST_COMPLETED)
        skipping.cancel()
        if not draining.done():
            log.warning("a second signal: what is not saved stays in Redis, for the next start")
            draining.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await draining
        await node.stop()


@dataclass(frozen=True, slots=True)
class Stores:
    redis: Store
    database: Database


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[Stores]:
    """Both stores, open; embedded ones where no address is set."""
    async with AsyncExitStack() as stack:
        redis_url = settings.redis_url
        if redis_url is None:
            valkey = EmbeddedValkey(settings.folder / "valkey")
            redis_url = await valkey.start()
            stack.push_async_callback(valkey.stop)
        redis = Store(redis_url, timeout_s=settings.store_timeout_s)
        await redis.open()
        stack.push_async_callback(redis.close)
        database = Database(
            settings.effective_sql_url, pool_size=settings.sql_pool_size, timeout_s=settings.sql_timeout_s
        )
        await database.open()
        stack.push_async_callback(database.close)
        await redis.ping()
        await database.ping()
        yield Stores(redis, database)


class Node:
    """One server process: an edge, a host, and the link between them."""

    def __init__(self, settings: Settings, game: Game, stores: Stores, clock: Clock):
        self._settings = settings
        self._stores = stores
        self._clock = clock
        self._tasks = Tasks()  # work that ends by itself
        self._services: list[asyncio.Task[Any]] = []  # work that goes on until the node stops
        self.port = 0
        self._is_draining = False
        self.registry = Registry()
        self._build_host(settings, game, stores, NodeId(settings.node_id))
        self._build_edge(settings, game, stores, NodeId(settings.node_id))

    def _build_host(self, settings: Settings, game: Game, stores: Stores, node: NodeId) -> None:
        clock, tasks, registry = self._clock, self._tasks, self.registry
        self._link = link = LocalLink()
        profiles, exchanges = Profiles(stores.database), Exchanges(stores.database)
        live = LiveSessions(stores.redis)
        self._zones = zones = Zones(game, clock, self._presence, secrets.randbits(32))
        self._history = ChatHistory(ChatRows(stores.database), settings.chat_history_lines)
        self._saver = Saver(profiles)
        self._write_behind = WriteBehind(
            TickWriter(stores.redis),
            clock,
            tasks,
            deliver=lambda session, acks: self._publisher.deliver_acks(session, acks),
            fenced=lambda session: self._departures.fence(session),
        )
        ender = Ender(
            saver=self._saver,
            profiles=profiles,
            live=live,
            write_behind=self._write_behind,
            node=node,
            clock=clock,
        )
        self._departures = Departures(
            link=link,
            registry=registry,
            zones=zones,
            ender=ender,
            tasks=tasks,
            clock=clock,
            grace_s=settings.grace_s,
            idle_timeout_s=settings.idle_timeout_s,
        )
        self._checkpoints = Checkpoints(self._saver, tasks, clock, period_s=settings.checkpoint_s, random=Random())
        self._publisher = Publisher(
            link=link,
            registry=registry,
            write_behind=self._write_behind,
            carrier=ExchangeCarrier(exchanges, tasks, self._epoch_of),
            history=self._history,
            game=game,
            grace_s=settings.grace_s,
            left=self._departures.left,
            turned_away=self._turn_away,
        )
        self._reception = Reception(
            link=link,
            registry=registry,
            zones=zones,
            opener=Opener(profiles, exchanges, live, node, game, clock),
            write_behind=self._write_behind,
            clock=clock,
            opened=self._checkpoints.add,
        )
        self._recovery = Recovery(live, self._reception, node)
        host = Host(
            link=link,
            registry=registry,
            zones=zones,
            reception=self._reception,
            departures=self._departures,
            write_behind=self._write_behind,
            tasks=tasks,
            clock=clock,
        )
        self._loop = SimulationLoop(
            list(zones),
            tick_hz=game.tick_hz,
            clock=clock,
            act=self._publisher.act,
            zone_stopped=lambda runner: host.zone_stopped(runner.zone.name),
            after_ticks=self._after_ticks,
        )

    def _build_edge(self, settings: Settings, game: Game, stores: Stores, node: NodeId) -> None:
        self._passwords = Passwords(workers=settings.password_workers, queue_max=settings.password_queue_max)
        throttle = Throttle(
            wrong_passwords_per_minute=settings.wrong_passwords_per_minute,
            sign_ups_per_minute=settings.sign_ups_per_minute,
        )
        self._edge = Edge(
            link=self._link,
            sign_in=SignIn(Accounts(stores.database), self._passwords, throttle, self._clock),
            codec=ClientCodec(game.handlers),
            node_id=node,
            limits=_limits(settings),
            clock=self._clock,
            origins=settings.origins,
            ready=self.ready,
        )
        self._ops = Ops(ready=self.ready)

    async def start(self) -> None:
        """Own what the last process left behind, then let players in."""
        await self._history.load(self._zones.names())
        for service in (self._saver.run(), self._loop.run(), self._departures.sweep(), self._history.run()):
            self._services.append(self._start(service))
        self._start(self._recovery.run())
        await self._ops.start(self._settings.ops_host, self._settings.ops_port)
        self.port = await self._edge.start(self._settings.host, self._settings.port)

    async def drain(self, timeout_s: float) -> None:
        """Let nobody in, end every session, save what was said. What is not saved in time stays claimable in Redis."""
        self._is_draining = True
        self._reception.accepting = False
        self._edge.stop_accepting()
        until_s = self._clock.monotonic_s() + timeout_s - EDGE_CLOSE_S / 2
        if not await self._departures.drain(until_s - self._clock.monotonic_s()):
            log.warning("some sessions were not saved; the next start claims them", sessions=len(self.registry))
        await self._edge.close(EDGE_CLOSE_S)
        await self._history.flush()

    async def stop(self) -> None:
        """End every task and listener; nothing is saved here."""
        self._loop.stop()
        self._zones.stop()
        await self._edge.close(0)
        await self._ops.close()
        for service in self._services:
            service.cancel()
        await self._tasks.drain(1.0)
        self._passwords.close()

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether new players can sign in, and why not."""
        checks: dict[str, object] = {
            "redis": self._write_behind.available,
            "sql": self._saver.available and not self._stores.database.is_away,
            "zones": not any(runner.stopped for runner in self._zones),
            "draining": self._is_draining,
        }
        return bool(checks["redis"] and checks["sql"] and checks["zones"] and not self._is_draining), checks

    def _after_ticks(self) -> None:
        self._write_behind.flush()
        self._checkpoints.tick()

    def _turn_away(self, session: Session) -> None:
        self._start(self._departures.end(session, "turned_away", Close.KICKED))

    def _presence(self, name: str) -> tuple[PlayerId, str] | None:
        session = self.registry.by_name(name)
        online = session is not None and session.connection_id is not None
        return (session.player_id, session.player.name) if session is not None and online else None

    def _epoch_of(self, player_id: PlayerId) -> Any:
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


def _signals() -> asyncio.Queue[int]:
    """SIGTERM and SIGINT as they come."""
    received: asyncio.Queue[int] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received.put_nowait, number)
    return received


def _shown(host: str) -> str:
    return "localhost" if host in ("127.0.0.1", "0.0.0.0", "::", "::1", "localhost") else host  # noqa: S104
