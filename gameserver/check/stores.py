"""The checks of both stores, at the same time. Embedded stores are not started for it."""

from __future__ import annotations

import asyncio
from typing import Final

from gameserver.check.finding import Finding
from gameserver.check.game import check_stored
from gameserver.check.redis import check_redis
from gameserver.check.sql import check_sql
from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.live.nodes import NodeLeases
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import NodeId
from gameserver.session.lease import NodeNameInUse, is_renewed
from gameserver.simulation.game import Game
from gameserver.sql.database import Database, ProfilesUnavailable
from gameserver.sql.examination import has_tables
from gameserver.store.connection import Store, StoreUnavailable

STATES_READ: Final = 50  # of the oldest profiles and of the newest
CLOSE_S: Final = 1.0
DEADLINE_S: Final = 15.0  # for each store in all; every call has a deadline of its own


async def check_stores(settings: Settings) -> list[Finding]:
    """Return all findings about the stores. Changes nothing in them."""
    redis, sql = await asyncio.gather(_check_redis(settings), _check_sql(settings))
    return [*redis, *sql]


async def check_name(settings: Settings) -> list[Finding]:
    """Return a finding if another process with this node's name is running. The start looks for it by itself."""
    if settings.redis_url is None:
        return []
    try:
        store = Store(settings.redis_url, timeout_s=settings.store_timeout_s)
    except ValueError:
        return []  # check_stores tells of it
    leases, node = NodeLeases(store), NodeId(settings.node_id)
    try:
        async with asyncio.timeout(DEADLINE_S):
            holding = await leases.look(node)
            if holding is not None and await is_renewed(leases, node, holding, SystemClock(), settings.lease_s):
                return [Finding("error", *NodeNameInUse.parts(node))]
    except (StoreUnavailable, TimeoutError):
        return []  # check_stores tells of it
    finally:
        await store.close(0)
    return []


async def check_states(settings: Settings, game: type[Game]) -> list[Finding]:
    """Return a finding if the game cannot read some state that is stored. The start looks for it by itself."""
    url = settings.effective_sql_url
    if not await has_tables(url):
        return []
    database = Database(url, pool_size=1, timeout_s=settings.sql_timeout_s)
    try:
        async with asyncio.timeout(DEADLINE_S):
            await database.open()
            return check_stored(game, await Profiles(database).states(STATES_READ))
    except (ProfilesUnavailable, TimeoutError):
        return []  # check_stores tells of it
    finally:
        await database.close(CLOSE_S)


async def _check_redis(settings: Settings) -> list[Finding]:
    if settings.redis_url is None:
        return []
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await check_redis(settings.redis_url, settings.store_timeout_s)
    except TimeoutError:
        return [_too_slow("redis_url")]


async def _check_sql(settings: Settings) -> list[Finding]:
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await check_sql(
                settings.effective_sql_url,
                settings.sql_timeout_s,
                pool_size=settings.sql_pool_size,
                migrates=settings.embedded_sql or settings.migrate_on_start,
            )
    except TimeoutError:
        return [_too_slow("sql_url")]


def _too_slow(setting: str) -> Finding:
    return Finding("error", setting, f"the checks took more than {DEADLINE_S:g} s", "use a server that answers faster")
