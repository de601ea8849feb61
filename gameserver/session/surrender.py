"""The surrender of a session that a newer epoch owns.

Law: the only copy of a session is never dropped. SQL has issued a newer epoch, but the node that asked for it may have
got no further. As long as neither Redis nor SQL shows that the session was opened under a newer epoch, Redis keeps it,
whole, for the next node that opens it. If Redis has lost it, it is put back from memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from gameserver.failpoints import Failpoint, Guard, is_off, reach
from gameserver.live.sessions import LiveSessions, Owner, StaleEpoch
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import NodeId
from gameserver.retrying import STEADY, retry
from gameserver.session.record import first_fields, waits_for_client_of
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.session.write_behind import WriteBehind
from gameserver.sql.database import ProfilesUnavailable
from gameserver.store.connection import StoreUnavailable

OPENING_S = 0.5  # for the owner of the newer epoch to open the session, or to restore it

log = structlog.get_logger(__name__)


def whole(session: Session) -> dict[str, str] | None:
    """Return all fields of the session, before its player leaves the zone; None for a state that cannot be written,
    which is a bug of the game."""
    try:
        return first_fields(session)
    except Exception:
        log.exception("session_write_failed", player_id=session.player_id)
        return None


class Surrender:
    """Gives up sessions. Every method may be called once the session takes no more inputs."""

    def __init__(
        self, *, saver: Saver, profiles: Profiles, live: LiveSessions, write_behind: WriteBehind, node: NodeId
    ):
        self._saver = saver
        self._profiles = profiles
        self._live = live
        self._write_behind = write_behind
        self._node = node

    async def give_up(
        self, session: Session, fields: Mapping[str, str] | None, keeps: asyncio.Future[bool] | None = None
    ) -> None:
        """Leave in Redis the parts that nobody else has, and delete the rest. ``fields`` are the whole session.

        ``keeps`` is told as soon as it is known whether Redis keeps the session for the client that it had here, and
        False while a store is away. Stores that are away are waited for as long as it takes.
        """
        self._saver.forget(session.player_id, session.epoch)
        told = keeps or asyncio.get_running_loop().create_future()

        async def attempt() -> None:
            try:
                await self._try(session, fields, told)
            except (StoreUnavailable, ProfilesUnavailable) as error:
                if not told.done():
                    told.set_result(False)
                    log.warning("given_up_session_waits", player_id=session.player_id, error=str(error))
                raise

        await retry(attempt, after=(StoreUnavailable, ProfilesUnavailable), pauses=STEADY)

    async def discard(self, session: Session) -> None:
        """Delete Redis' hash of our epoch, unless it is the live session. Do nothing while Redis is away."""
        self._saver.forget(session.player_id, session.epoch)
        try:
            await self._delete(session)
        except StoreUnavailable as error:
            log.warning("session_hash_left_behind", player_id=session.player_id, error=str(error))

    async def _try(self, session: Session, fields: Mapping[str, str] | None, keeps: asyncio.Future[bool]) -> None:
        owner = await self._live.owner(session.player_id)
        if owner is None or owner.epoch <= session.epoch:
            await asyncio.sleep(OPENING_S)
            owner = await self._live.owner(session.player_id)
        if owner is not None and owner.epoch > session.epoch:
            live = await self._live.read(session.player_id, owner.epoch)
            _tell(keeps, live is not None and waits_for_client_of(session, live))
            await self._delete(session)
        elif fields is None or is_off(Guard.ONLY_COPY) or await self._is_outdated(session):
            _tell(keeps, False)
            await self._delete(session)
        else:
            is_kept = owner is not None and owner.epoch == session.epoch
            _tell(keeps, is_kept or await self._put_back(session, fields, owner))

    async def _is_outdated(self, session: Session) -> bool:
        """Return whether SQL was saved under a newer epoch, or knows nothing of ours."""
        profile = await self._profiles.current(session.player_id)
        return profile is None or profile.epoch < session.epoch or profile.saved_epoch > session.epoch

    async def _put_back(self, session: Session, fields: Mapping[str, str], before: Owner | None) -> bool:
        await self._write_behind.withdraw(session)
        await self._write_behind.await_quiet()
        reach(Failpoint.RESTORE_BEFORE_REDIS)
        try:
            await self._live.restore(session.player_id, session.epoch, self._node, session.zone, fields, before)
        except StaleEpoch:  # opened just now
            await self._delete(session)
            return False
        reach(Failpoint.RESTORE_AFTER_REDIS)
        log.info("session_put_back", player_id=session.player_id)
        return True

    async def _delete(self, session: Session) -> None:
        await self._write_behind.withdraw(session)
        await self._write_behind.await_quiet()
        reach(Failpoint.DISCARD_BEFORE)
        await self._live.discard(session.player_id, session.epoch, self._node)
        reach(Failpoint.DISCARD_AFTER)


def _tell(keeps: asyncio.Future[bool], is_kept: bool) -> None:
    if not keeps.done():  # False was told while a store was away
        keeps.set_result(is_kept)
