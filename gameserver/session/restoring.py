"""Restoring puts a session back into Redis, whole, from memory, after Redis has lost data: the session's pointer is
gone, or names an older epoch.

Law: memory is the truth only while SQL says that our epoch is the player's newest; else the session is fenced.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog

from gameserver.failpoints import Failpoint, reach
from gameserver.live.sessions import LiveSessions, Owner, StaleEpoch
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import NodeId, PlayerId
from gameserver.retrying import STEADY, retry
from gameserver.session.record import first_fields
from gameserver.session.registry import Registry
from gameserver.session.session import Session
from gameserver.sql.database import ProfilesUnavailable
from gameserver.store.connection import StoreUnavailable
from gameserver.tasks import Tasks

AT_ONCE_MAX = 8

log = structlog.get_logger(__name__)


class Restorer:
    """``fenced(session)`` is called when a newer epoch has the player; ``mark_whole(session)`` when all of it was taken
    to be restored, since a tick's write that comes first would hide it."""

    def __init__(
        self,
        *,
        profiles: Profiles,
        live: LiveSessions,
        registry: Registry,
        node: NodeId,
        tasks: Tasks,
        fenced: Callable[[Session], None],
        mark_whole: Callable[[Session], None],
    ):
        self._profiles = profiles
        self._live = live
        self._registry = registry
        self._node = node
        self._tasks = tasks
        self._fenced = fenced
        self._mark_whole = mark_whole
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)
        self._under_way: set[PlayerId] = set()

    def restore_all(self) -> None:
        """Look after every session here; those whose pointer is as it should be are left alone."""
        for session in self._registry:
            if session.is_open and session.player_id not in self._under_way:
                self._under_way.add(session.player_id)
                self._tasks.start(self._restore(session), "restore")

    async def _restore(self, session: Session) -> None:
        try:
            await retry(lambda: self._in_turn(session), after=(StoreUnavailable, ProfilesUnavailable), pauses=STEADY)
        finally:
            self._under_way.discard(session.player_id)

    async def _in_turn(self, session: Session) -> None:
        """Not while the session is being ended: what an end has removed must not come back. Raises StoreUnavailable
        and ProfilesUnavailable."""
        async with self._registry.lock(session.player_id), self._at_once:
            if not session.is_open:
                return
            try:
                await self._compare(session)
            except StaleEpoch:
                return  # the next write tells
            except (StoreUnavailable, ProfilesUnavailable) as error:
                log.info("session_restoring_delayed", player_id=session.player_id, error=str(error))
                raise

    async def _compare(self, session: Session) -> None:
        """Look at the pointer in Redis and, if it is not ours, at the epoch in SQL. Then restore or fence."""
        owner = await self._live.owner(session.player_id)
        if owner is not None and owner.epoch == session.epoch:
            return
        profile = await self._profiles.current(session.player_id)
        if profile is None or profile.epoch != session.epoch:
            self._fenced(session)
            return
        await self._give_back(session, owner)
        log.info("session_restored", player_id=session.player_id)

    async def _give_back(self, session: Session, owner: Owner | None) -> None:
        fields = first_fields(session)
        self._mark_whole(session)  # at once: Redis has none of this yet, so it must not count as written
        reach(Failpoint.RESTORE_BEFORE_REDIS)
        await self._live.restore(session.player_id, session.epoch, self._node, session.zone, fields, owner)
        reach(Failpoint.RESTORE_AFTER_REDIS)
