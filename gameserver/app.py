"""The program: opens the stores, runs one node on them until it is told to stop, and drains."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog

from gameserver.built_in import built_in_services
from gameserver.check.game import check_stored
from gameserver.check.stores import STATES_READ
from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.embedded import EmbeddedValkey, held
from gameserver.garbage import Garbage
from gameserver.listening import names_in
from gameserver.node import Node, Stores
from gameserver.profiles.repository import Profiles
from gameserver.simulation.game import Game
from gameserver.sql.database import Database, HistoryLost
from gameserver.sql.drivers import sqlite_file
from gameserver.store.connection import Store
from gameserver.watchdog import Watchdog

DRAIN_SHARE = 0.9  # of drain_s; the rest is for ending tasks and closing the stores
LINGER_S = 10.0  # a node that cannot save anything any more answers 503 for so long, and ends
CLOSE_S = 0.2  # for calls to a store that are under way at the very end; whoever waited for them is gone
# SQLite and Argon2 work in threads of their own. At Python's 5 ms, one that runs Python code keeps the loop that long
# from each of its callbacks.
SWITCH_INTERVAL_S = 0.0005

log = structlog.get_logger(__name__)


class NodeFailed(Exception):  # noqa: N818
    """A part of the node ended by a bug of ours. Acked actions are in the stores; the next start finds them."""


class NodeNameLost(Exception):  # noqa: N818
    """Another process took this node's name, and its sessions, while this one slept or was cut off from Redis."""


async def serve(settings: Settings, game: type[Game], on_ready: Callable[[str], None] | None = None) -> None:
    """Serve ``game`` until SIGTERM, SIGINT or SIGHUP, then drain. A second signal skips the rest of the drain.

    ``on_ready`` is called with the page's address once players can connect. Raises StoreUnavailable or
    ProfilesUnavailable when a store does not answer at the start, NodeNameInUse when another process has this node's
    name, NodeNameLost when another process took the name later, and HistoryLost when the database was set back.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    (stopping, handled), clock = _signals(), SystemClock()
    garbage = Garbage(clock)
    async with _stores(settings) as stores:
        await _warn_of_states(game, Profiles(stores.database))
        services = built_in_services(settings, stores.database)
        node = Node(settings, game(), stores, clock, services=services, when_idle=garbage.collect_within)
        watchdog = Watchdog(node.heartbeat, clock, settings.drain_s)
        watchdog.start()
        for number in handled:
            watchdog.hear(number)
        await node.start()
        garbage.take_over()
        if on_ready is not None:
            on_ready(f"http://{_shown(settings.host)}:{node.port}")
        try:
            over = _first_of(node.failed.wait(), _first_of(node.name_lost.wait(), _lingered(node.history_lost)))
            await _first_of(stopping.get(), over)
            end = node.hand_over if node.name_lost.is_set() else node.drain
            log.info("draining", sessions=len(node.registry))
            if not await _first_of(end(settings.drain_s * DRAIN_SHARE), stopping.get()):
                log.warning("drain_cut_short", note="unsaved sessions stay in Redis for the next start")
        finally:
            garbage.give_back()
        await node.stop()
        watchdog.stop()
        if node.failed.is_set():
            raise NodeFailed("a part of the node ended; the log has its traceback")
        if node.history_lost.is_set():
            raise HistoryLost(
                "the SQL database is another one than at the start, or was set back; start the node again"
            )
        if node.name_lost.is_set():
            raise NodeNameLost(f"another process runs as node {settings.node_id}; the players were sent there")


async def _warn_of_states(game: type[Game], profiles: Profiles) -> None:
    """Log a warning if the game cannot read a state that is stored."""
    for finding in check_stored(game, await profiles.states(STATES_READ)):
        log.warning("check_warning", where=finding.where, problem=finding.problem, remedy=finding.remedy)


async def _lingered(lost: asyncio.Event) -> None:
    """Wait until the node has refused players for so long that whoever sends them here has noticed."""
    await lost.wait()
    await asyncio.sleep(LINGER_S)


async def _first_of(first: Coroutine[Any, Any, object], other: Coroutine[Any, Any, object]) -> bool:
    """Run both until one is done, and cancel the other. True when it was the first."""
    tasks = [asyncio.ensure_future(first), asyncio.ensure_future(other)]
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    for task in done:
        task.result()
    return tasks[0] in done


@asynccontextmanager
async def _stores(settings: Settings) -> AsyncIterator[Stores]:
    """Both stores, open; embedded ones where no address is set."""
    async with AsyncExitStack() as stack:
        redis_url = settings.redis_url
        if redis_url is None:
            valkey = EmbeddedValkey(settings.folder / "valkey")
            redis_url = await valkey.start()
            stack.push_async_callback(valkey.stop)
        if (file := sqlite_file(settings.effective_sql_url)) is not None:
            stack.enter_context(held(file))
        redis = Store(redis_url, timeout_s=settings.store_timeout_s)
        await redis.open()
        stack.push_async_callback(redis.close, CLOSE_S)
        database = Database(
            settings.effective_sql_url, pool_size=settings.sql_pool_size, timeout_s=settings.sql_timeout_s
        )
        await database.open()
        stack.push_async_callback(database.close, CLOSE_S)
        await redis.ping()
        await database.ping()
        yield Stores(redis, database)


def _signals() -> tuple[asyncio.Queue[int], list[signal.Signals]]:
    """Return SIGTERM, SIGINT and SIGHUP as they come, and which of them are handled. SIGHUP stays ignored where it was,
    as under nohup."""
    received: asyncio.Queue[int] = asyncio.Queue()
    handled: list[signal.Signals] = []
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            loop.add_signal_handler(number, received.put_nowait, number)
            handled.append(number)
    return received, handled


def _shown(hosts: str) -> str:
    """The host of the page's address, for a browser on this machine if that is let in."""
    names = names_in(hosts)
    if not {"127.0.0.1", "0.0.0.0", "::", "::1", "localhost"}.isdisjoint(names):  # noqa: S104
        return "localhost"
    return f"[{names[0]}]" if ":" in names[0] else names[0]
