"""Every tick's changes to Redis: a dirty set and at most one write at a time, each with a result.

Law: while a write is out, changes coalesce in the dirty set; a write that failed leaves its sessions wholly dirty. A
server that may have lost anything is given every session whole: memory is the truth, not the server's data. An ack
`stored` is given only after the write that holds it has replied, the pointer still names our epoch, and the hash is
whole. Bound: one entry a session in the dirty set, at most ANSWERS_MAX unanswered actions a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Final

import structlog

from gameserver.clock import Clock
from gameserver.failpoints import Failpoint, reach
from gameserver.live.batch import Batch
from gameserver.live.tick_writer import Found, OwnerMissing, ServerChanged, SessionWriter
from gameserver.observability import metrics
from gameserver.protocol.messages import Ack
from gameserver.session.flight import NOT_WRITTEN, Flight, Owed, Written, outcome, wake
from gameserver.session.lifecycle import SessionState
from gameserver.session.pointer_watch import PointerWatch
from gameserver.session.record import write_changes
from gameserver.session.session import Dirty, Session
from gameserver.speedups import prefetched
from gameserver.store.connection import StoreUnavailable

RETRY_S: Final = 0.25

log = structlog.get_logger(__name__)


class WriteBehind:
    """The other parts mark sessions and wait for Redis here; ``Flusher`` begins the writes and acts on their results.

    ``sessions`` are all that this host has. ``may_ack()`` tells whether our lease lets us give acks."""

    def __init__(
        self,
        writer: SessionWriter,
        clock: Clock,
        *,
        sessions: Iterable[Session],
        may_ack: Callable[[], bool],
    ):
        self._writer = writer
        self._clock = clock
        self._sessions = sessions
        self._watch = PointerWatch(sessions)
        self._may_ack = may_ack
        self._dirty: set[Session] = set()
        self._suspects: list[Session] = []  # their hashes may lack fields: the next write looks at them
        self._flight = Flight()  # the write that is out, or was last
        self._not_before_s = 0.0
        self.is_out = False  # a write is under way
        self.available = True  # False from a failed write until one succeeds
        self.wanted = asyncio.Event()  # somebody waits for Redis: a write is to begin before the next tick

    @property
    def can_store(self) -> bool:
        """Whether an action that is applied now can be acked ``stored`` soon."""
        return self.available and self._may_ack()

    # --- marking ---

    def mark(self, session: Session, dirty: int) -> None:
        session.dirty |= dirty
        self._dirty.add(session)

    def mark_whole(self, session: Session) -> None:
        _note_whole(session)
        self._dirty.add(session)

    def forget(self, session: Session) -> None:
        """The session is gone: nothing of it is to be written any more."""
        self._dirty.discard(session)
        wake(session.stored_waiters, False)

    # --- waiting ---

    async def stored(self, session: Session, dirty: int, timeout_s: float) -> bool:
        """Mark ``dirty`` and wait until Redis has it; False when it has not by then."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        session.stored_waiters += (waiter,)
        self.mark(session, dirty)
        self.wanted.set()
        return await outcome(waiter, timeout_s)

    async def caught_up(self, session: Session, timeout_s: float) -> bool:
        """Wait until Redis has the session as it is now. Return False if Redis is away, or does not answer in time."""
        if not self.available:
            return False
        if session in self._dirty:
            return await self.stored(session, Dirty.NOTHING, timeout_s)
        if not self.is_out or session not in self._flight.sessions:
            return True
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._flight.owed.append(Owed(session, 0, session.player._internals.actions.lineage, (waiter,)))
        return await outcome(waiter, timeout_s)

    async def withdraw(self, session: Session) -> None:
        """Forget the session, and wait until no write is out that could still hold something of it."""
        self.forget(session)
        while self.is_out and self._flight.carries(session):
            await self._flight.ended.wait()
            self.forget(session)  # if the write failed, it had marked it again

    async def await_quiet(self) -> None:
        """Wait until no failed write can still arrive: it would bring back a session that is removed now. Raises
        StoreUnavailable while that cannot be known."""
        if self.available:
            return
        try:
            await self._writer.ping()
        except ServerChanged:  # another server: nothing of ours waits there
            self._mark_all()

    # --- writing ---

    def begin(self) -> Flight | None:
        """Take the dirty sessions, and those whose pointers are due. The caller has to pass the result to ``write``.

        Return None while a write is out, while Redis is left alone after a failure, and when there is nothing to do.
        """
        now_s = self._clock.monotonic_s()
        if self.is_out or now_s < self._not_before_s:
            return None
        watched = self._watch.due(now_s) + self._take_suspects()
        if self._dirty or watched:
            flight = self._take_off(watched)
            if flight.is_empty:
                return None
            flight.look()
        elif self.available:
            return None
        else:
            flight = Flight()  # without it, no write would find out that Redis is back
        self._flight, self.is_out = flight, True
        return flight

    async def write(self, flight: Flight) -> Written:
        """Write the flight and return its result. Raises only for a bug; then nothing counts as written."""
        try:
            return await (self._look() if flight.is_empty else self._write(flight))
        finally:
            flight.ended.set()

    def _take_suspects(self) -> list[Session]:
        suspects, self._suspects = self._suspects, []
        return [session for session in suspects if session.is_open]

    def _take_off(self, watched: list[Session]) -> Flight:
        """Take off all that is dirty. A state that cannot be written, a bug of the game, keeps no other from Redis."""
        batch = Batch(self._flight.batch.size)
        sessions, self._dirty = self._dirty, set()
        flight = Flight(sessions, batch, watched=watched)
        broken = []
        for session in prefetched(list(sessions)):
            try:
                write_changes(session, batch)
            except Exception:
                log.exception("session_write_failed", player_id=session.player_id)
                _note_whole(session)  # the next change of it is not to be written, and acked, by itself
                broken.append(session)
                continue
            if session.unstored or session.stored_waiters:
                flight.owed.append(Owed.take(session))
        sessions.difference_update(broken)
        return flight

    async def _write(self, flight: Flight) -> Written:
        reach(Failpoint.TICK_BEFORE_WRITE)
        try:
            found = await self._writer.write(flight.batch, flight.checks)
        except ServerChanged as changed:
            log.warning("redis_server_changed", error=str(changed), note="every session is written again")
            self._put_back(flight)
            self._mark_all()
            return NOT_WRITTEN
        except StoreUnavailable as away:
            self._put_back(flight)
            self._away(away)
            if not isinstance(away, OwnerMissing):
                return NOT_WRITTEN
            self._not_before_s = 0.0  # all of it was written, only nobody would find it: no pause
            return Written(owner_missing=True)
        except BaseException as error:  # a bug, or the end of the process: not written all the same
            self._put_back(flight)
            self._away(error)
            raise
        finally:
            self.is_out = False
        self.available = True
        reach(Failpoint.TICK_AFTER_WRITE)
        return self._result(flight, found)

    async def _look(self) -> Written:
        try:
            await self._writer.ping()
            self.available = True
        except ServerChanged:
            self._mark_all()
        except StoreUnavailable:
            self._not_before_s = self._clock.monotonic_s() + RETRY_S
        finally:
            self.is_out = False
        return NOT_WRITTEN

    # --- results ---

    def _result(self, flight: Flight, found: Found) -> Written:
        acks = []
        for owed in flight.owed:
            player = owed.session.player_id
            if player in found.torn:  # not before its hash is whole again
                owed.session.stored_waiters += owed.waiters
                continue
            is_ours = player not in found.fenced
            if is_ours and (given := self._take_acks(owed)):
                acks.append((owed.session, given))
            wake(owed.waiters, is_ours)
        fenced = [session for session in dict.fromkeys(flight.looked_at) if session.player_id in found.fenced]
        if found.torn or found.grown:
            self._mend(flight, found)
        return Written(True, acks, fenced, looks_again=bool(self._suspects))

    def _take_acks(self, owed: Owed) -> tuple[Ack, ...]:
        """Take from the session the acks that may be given now."""
        session = owed.session
        if session.player._internals.actions.lineage != owed.lineage or not session.is_open:
            return ()  # their client is gone; acks that wait now came after this write
        if owed.acks and not self._may_ack():
            self.mark(session, Dirty.ACTIONS)  # they are given with a later write, should we still own it then
            return ()
        given, session.unstored = session.unstored[: owed.acks], session.unstored[owed.acks :]
        return given

    def _mend(self, flight: Flight, found: Found) -> None:
        """Write each session whole of which Redis has lost fields. Look at once at those whose hashes have grown,
        unless this write looked at them: they may have lost fields, too."""
        torn = [each for each in dict.fromkeys(flight.looked_at) if each.player_id in found.torn and each.is_open]
        for session in torn:
            session.foreign_fields = 0  # nobody could put them back
            self.mark_whole(session)
        if torn:
            metrics.MENDED_HASHES.inc(len(torn))
            log.warning("redis_lost_fields", sessions=len(torn), remedy="set maxmemory-policy noeviction")
        unseen = flight.sessions.difference(flight.looked_at)
        self._suspects = [session for session in unseen if session.player_id in found.grown]

    def _put_back(self, flight: Flight) -> None:
        """Nothing of it counts as written."""
        for owed in flight.owed:
            owed.session.stored_waiters += owed.waiters
        for session in flight.sessions:
            if session.state is not SessionState.ENDED:
                self.mark_whole(session)

    def _mark_all(self) -> None:
        """Every session, and every pointer is to be read, in the next write."""
        for session in self._sessions:
            if session.is_open or session in self._dirty:  # the last write of a leaving player may be under way
                self.mark_whole(session)
        self._watch.start_over()

    def _away(self, error: BaseException) -> None:
        if self.available:
            log.warning("tick_write_failed", error=str(error), note="play goes on; nothing is acknowledged as stored")
        self.available = False
        self._not_before_s = self._clock.monotonic_s() + RETRY_S


def _note_whole(session: Session) -> None:
    session.dirty_kinds.update(session.player.inventory._holdings)
    session.dirty = Dirty.ALL
