"""One server process: an edge, a host, and the link between them. Starts them in one order and drains them in the
reverse."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random

import structlog

from gameserver.accounts.names import NameRules
from gameserver.accounts.passwords import Passwords
from gameserver.accounts.rows import Accounts
from gameserver.accounts.sign_in import SignIn
from gameserver.accounts.throttle import Throttle
from gameserver.clock import Clock
from gameserver.config import Settings
from gameserver.edge.limits import EdgeLimits, limits_of
from gameserver.edge.proxies import Proxies
from gameserver.edge.senders import SocketSender, new_sender
from gameserver.edge.server import Edge
from gameserver.host import Host, idle
from gameserver.http.hosts import Hosts
from gameserver.http.plain_page import plain_page
from gameserver.http.site import Routes, file_routes, page_routes
from gameserver.link.local import LocalLink
from gameserver.link.ports import Link
from gameserver.listening import names_in
from gameserver.operator.listener import Ops
from gameserver.services.service import Service
from gameserver.simulation.description import describe_game
from gameserver.simulation.game import Game
from gameserver.sql.database import Database
from gameserver.store.connection import Store
from gameserver.wiring import HostStores

EDGE_CLOSE_S = 2.0
SESSIONS_SHARE = 0.8  # of the time to drain: saving; the rest is for goodbyes
READ_WITHIN_S = 0.05  # players are read at least this often, even if ticks are slower
READ_LATE_S = 0.25  # the same where ticks ask for it often enough: should they not come

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Stores:
    """Both stores, open."""

    redis: Store
    database: Database


class Node:
    """``start``, then ``drain``, then ``stop``."""

    def __init__(
        self,
        settings: Settings,
        game: Game,
        stores: Stores,
        clock: Clock,
        *,
        services: Sequence[Service],
        when_idle: Callable[[float], None] = idle,
        link: Link | None = None,
    ):
        """``services`` handle what is neither a socket's nor a zone's: see ``built_in``. ``when_idle(slack_s)`` is
        called between ticks, with the time that is left until the next one. ``link`` is a direct call by default.
        Raises GameError if two messages of the game and the services have one name."""
        self._settings = settings
        self._stores = stores
        self._clock = clock
        self._is_serving = False
        self._is_draining = False
        self.port = 0
        self._link = link or LocalLink()
        host_stores = HostStores.on(stores.redis, stores.database)
        self._host = Host(settings, game, host_stores, self._link, clock, Random(), services, when_idle)
        self.registry = self._host.registry
        self.failed = self._host.failed
        self.heartbeat = self._host.heartbeat
        self.name_lost = self._host.lease.lost
        self.history_lost = self._host.history_lost
        self._build_edge(game)

    def _build_edge(self, game: Game) -> None:
        settings = self._settings
        self._passwords = Passwords(workers=settings.password_workers, queue_max=settings.password_queue_max)
        throttle = Throttle(
            wrong_passwords_per_minute=settings.wrong_passwords_per_minute,
            sign_ups_per_minute=settings.sign_ups_per_minute,
        )
        own_names = (*names_in(settings.host), *names_in(settings.ops_host))
        hosts = Hosts((*settings.public_hosts, *own_names), settings.origins)
        self._edge = Edge(
            link=self._link,
            sign_in=SignIn(
                Accounts(self._stores.database),
                self._passwords,
                throttle,
                self._clock,
                rules=NameRules(settings.reserved_names),
                guest_name_days=settings.guest_name_days,
            ),
            limits=_limits(settings, game.tick_hz),
            clock=self._clock,
            origins=settings.origins,
            proxies=Proxies(settings.trusted_proxies, settings.proxy_protocol),
            hosts=hosts,
            ready=self.ready,
            pages=_pages(game),
            sender=new_sender() if settings.io_uring else SocketSender(),
        )
        self._ops = Ops(ready=self.ready, token=settings.ops_token, hosts=hosts)

    async def start(self) -> None:
        """Own the sessions that the last process left behind, and let players in. Raises CannotListen and
        NodeNameInUse when another process has the node's name: a second start by mistake does not disturb the process
        that runs."""
        await self._ops.start(self._settings.ops_host, self._settings.ops_port)
        self.port = await self._edge.bind(self._settings.host, self._settings.port)
        await self._host.start()
        await self._edge.serve()
        self._is_serving = True

    async def drain(self, timeout_s: float) -> None:
        """Let nobody in, end every session, save the chat lines. Unsaved sessions stay claimable in Redis."""
        self._is_draining = True
        self._edge.stop_accepting()
        until_s = self._clock.monotonic_s() + timeout_s
        if not await self._host.drain(timeout_s * SESSIONS_SHARE):
            log.warning("sessions_not_saved", sessions=len(self.registry), note="the next start claims them")
        await self._edge.close(min(EDGE_CLOSE_S, (until_s - self._clock.monotonic_s()) / 2))
        await self._host.leave(until_s - self._clock.monotonic_s())

    async def hand_over(self, timeout_s: float) -> None:
        """Close every player as ``moved`` and save nothing: another process has this node's name, and its sessions."""
        self._is_draining = True
        self._edge.stop_accepting()
        await self._host.hand_over(timeout_s / 2)
        await self._edge.close(min(EDGE_CLOSE_S, timeout_s / 2))

    async def stop(self) -> None:
        """End every task and listener; nothing is saved here."""
        self._host.stop_serving()
        await self._edge.close(0)
        await self._ops.close()
        await self._host.stop()
        self._passwords.close()

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Whether new players can sign in, and why not."""
        checks = self._host.checks()
        checks["sql"] = checks["sql"] and not self._stores.database.is_away
        is_ready = all(checks.values()) and self._is_serving and not self._is_draining
        details = {**checks, "starting": not self._is_serving, "draining": self._is_draining}
        if stopped := self._host.zones.stopped():
            details["stopped_zones"] = stopped
        return is_ready, details


def _pages(game: Game) -> Routes:
    """Return the routes of the game's own page, or of one that names its messages."""
    if game.page is not None:
        return file_routes(game.page)
    return page_routes(partial(plain_page, describe_game(type(game))))


def _limits(settings: Settings, tick_hz: int) -> EdgeLimits:
    read_within_s = READ_LATE_S if tick_hz * READ_WITHIN_S >= 1 else READ_WITHIN_S
    return replace(limits_of(settings), read_within_s=read_within_s)
