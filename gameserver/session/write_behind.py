"""Every tick's changes to Redis: a dirty set, one write in flight, acks when Redis has replied.

Law: while a write is out, changes coalesce in the dirty set; a write that failed leaves its sessions wholly dirty. A
server that may have lost anything is given every session whole: memory is the truth, not what it has. An ack `stored`
is given only after the write that holds it has replied, the pointer still names our epoch, and the hash is whole.
Bound: one entry a session in the dirty set, at most ANSWERS_MAX unanswered actions a session.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import structlog

from gameserver.clock import Clock
from gameserver.failpoints import Failpoint, Guard, is_off, reach
from gameserver.live.batch import Batch
from gameserver.live.tick_writer import Check, Found, OwnerMissing, ServerChanged, SessionWriter
from gameserver.observability import metrics
from gameserver.protocol.messages import Ack
from gameserver.session.checkpoint import Checkpoints, Snapshot
from gameserver.session.lifecycle import SessionState
from gameserver.session.pointer_watch import PointerWatch
from gameserver.session.record import fields_of, write_changes
from gameserver.session.session import Dirty, Session
from gameserver.speedups import prefetched
from gameserver.store.connection import StoreUnavailable
from gameserver.tasks import Tasks

RETRY_S: Final = 0.25

log = structlog.get_logger(__name__)


class WriteBehind:
    """``deliver(session, acks)`` is called with acks that may be given, ``fenced(session)`` when we own it no more, and
    ``owner_missing()`` when Redis turns out to have lost who owns a player. ``sessions`` are all there are;
    ``may_ack()`` is whether our lease lets us ack. ``checkpoints`` gets what each write holds of the sessions that are
    due for SQL, once Redis has it."""

    def __init__(
        self,
        writer: SessionWriter,
        clock: Clock,
        tasks: Tasks,
        *,
        deliver: Callable[[Session, tuple[Ack, ...]], None],
        fenced: Callable[[Session], None],
        owner_missing: Callable[[], None],
        sessions: Iterable[Session],
        may_ack: Callable[[], bool],
        checkpoints: Checkpoints,
    ):
        self._writer = writer
        self._clock = clock
        self._tasks = tasks
        self._deliver = deliver
        self._fenced = fenced
        self._owner_missing = owner_missing
        self._sessions = sessions
        self._watch = PointerWatch(sessions)
        self._may_ack = may_ack
        self._checkpoints = checkpoints
        self._dirty: set[Session] = set()
        self._suspects: list[Session] = []  # may be torn: to be looked at with the next write
        self._in_flight: asyncio.Task[None] | None = None
        self._flight = _Flight()  # the write that is out, or was last
        self._not_before_s = 0.0
        self.available = True  # False from a failed write until one succeeds

    def mark(self, session: Session, dirty: int) -> None:
        session.dirty |= dirty
        self._dirty.add(session)

    def forget(self, session: Session) -> None:
        """The session is gone: nothing of it is to be written any more."""
        self._dirty.discard(session)
        _wake(session.stored_waiters, False)

    @property
    def can_store(self) -> bool:
        """Whether an action that is applied now can be acked ``stored`` soon."""
        return self.available and self._may_ack()

    @property
    def is_out(self) -> bool:
        """A write is under way."""
        return self._in_flight is not None

    def flush(self) -> None:
        """Start writing what is dirty, and watching whose turn it is, unless a write is out or Redis was away."""
        now_s = self._clock.monotonic_s()
        if self._in_flight is not None or now_s < self._not_before_s:
            return
        watched = self._watch.due(now_s) + self._take_suspects()
        if not self._dirty and not watched:
            if not self.available:  # and no write would find out that Redis is back
                self._flight = _Flight()
                self._in_flight = self._tasks.start(self._look(), "write-behind")
            return
        self._flight = self._take_off(watched)
        if self._flight.is_empty:
            return
        self._flight.look()
        self._flight.snapshots = self._checkpoints.snapshots()  # of sessions as this write leaves them in Redis
        self._in_flight = self._tasks.start(self._write(self._flight), "write-behind")

    def _take_suspects(self) -> list[Session]:
        suspects, self._suspects = self._suspects, []
        return [session for session in suspects if session.is_open]

    def _take_off(self, watched: list[Session]) -> _Flight:
        """Begin a write of all that is dirty. A state that cannot be written is the game's bug and holds up nobody
        else's.
        """
        batch = Batch(self._flight.batch.size)
        sessions, self._dirty = self._dirty, set()
        flight = _Flight(sessions, batch, watched=watched)
        broken = []
        for session in prefetched(list(sessions)):
            try:
                write_changes(session, batch)
            except Exception:
                log.exception("session_write_failed", player_id=session.player_id)
                self._note_whole(session)  # the next change of it is not to be written, and acked, by itself
                broken.append(session)
                continue
            if session.unstored or session.stored_waiters:
                flight.owed.append(_Owed.take(session))
        sessions.difference_update(broken)
        return flight

    async def stored(self, session: Session, dirty: int, timeout_s: float) -> bool:
        """Mark ``dirty`` and wait until Redis has it; False when it has not by then."""
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        session.stored_waiters += (waiter,)
        self.mark(session, dirty)
        self.flush()
        return await _told(waiter, timeout_s)

    async def caught_up(self, session: Session, timeout_s: float) -> bool:
        """Wait until Redis has the session as it is now. Return False if Redis is away, or does not answer in time."""
        if not self.available:
            return False
        if session in self._dirty:
            return await self.stored(session, Dirty.NOTHING, timeout_s)
        if self._in_flight is None or session not in self._flight.sessions:
            return True
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._flight.owed.append(_Owed(session, 0, session.player.actions.lineage, (waiter,)))
        return await _told(waiter, timeout_s)

    def acknowledge(self, session: Session) -> None:
        """Give every ack that waits for Redis: SQL has saved, under our epoch, what they were about."""
        given, session.unstored = session.unstored, ()
        self._deliver(session, given)

    async def withdraw(self, session: Session) -> None:
        """Forget the session, and wait until no write is out that could still hold something of it."""
        self.forget(session)
        while (task := self._in_flight) is not None and self._flight.carries(session):
            await asyncio.wait((task,))
            self.forget(session)  # if the write failed, it had marked it again

    async def await_quiet(self) -> None:
        """Wait until no write that failed can still arrive: it would bring back what is removed now. Raises
        StoreUnavailable while that cannot be known."""
        if self.available:
            return
        try:
            await self._writer.ping()
        except ServerChanged:  # another server: nothing of ours waits there
            self._mark_all()

    async def _write(self, flight: _Flight) -> None:
        reach(Failpoint.TICK_BEFORE_WRITE)
        try:
            found = await self._writer.write(flight.batch, flight.checks)
        except ServerChanged as changed:
            log.warning("redis_server_changed", error=str(changed), note="every session is written again")
            self._put_back(flight)
            self._mark_all()
            return
        except StoreUnavailable as away:
            self._put_back(flight)
            self._away(away)
            if isinstance(away, OwnerMissing):  # all of it was written, only nobody would find it: no pause
                self._not_before_s = 0.0
                self._owner_missing()
            return
        except BaseException as error:  # a bug, or the end of the process: not written all the same
            self._put_back(flight)
            self._away(error)
            raise
        finally:
            self._in_flight = None
        self.available = True
        reach(Failpoint.TICK_AFTER_WRITE)
        for owed in flight.owed:
            self._settle(owed, found)
        reach(Failpoint.TICK_AFTER_ACKS)
        for session in flight.watched:
            if session.player_id in found.fenced:
                self._fenced(session)
        self._checkpoints.save(flight.snapshots)
        if found.torn or found.grown:
            self._mend(flight, found)

    async def _look(self) -> None:
        try:
            await self._writer.ping()
            self.available = True
        except ServerChanged:
            self._mark_all()
        except StoreUnavailable:
            self._not_before_s = self._clock.monotonic_s() + RETRY_S
        finally:
            self._in_flight = None

    def _settle(self, owed: _Owed, found: Found) -> None:
        player = owed.session.player_id
        if player in found.torn:  # not before its hash is whole again
            owed.session.stored_waiters += owed.waiters
            return
        if player in found.fenced:
            self._fenced(owed.session)
        else:
            self._give_acks(owed)
        _wake(owed.waiters, player not in found.fenced)

    def _mend(self, flight: _Flight, found: Found) -> None:
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
        if self._suspects:
            self.flush()

    def _give_acks(self, owed: _Owed) -> None:
        session = owed.session
        if session.player.actions.lineage != owed.lineage or not session.is_open:
            return  # the client they were for is gone; what is unstored now came after this write
        if owed.acks and not self._may_ack():
            self.mark(session, Dirty.ACTIONS)  # they are given with a later write, should we still own it then
            return
        given, session.unstored = session.unstored[: owed.acks], session.unstored[owed.acks :]
        if given:
            self._deliver(session, given)

    def _put_back(self, flight: _Flight) -> None:
        """Nothing of it counts as written."""
        for owed in flight.owed:
            owed.session.stored_waiters += owed.waiters
        for session in flight.sessions:
            if session.state is not SessionState.ENDED:
                self.mark_whole(session)
        self._checkpoints.put_off(flight.snapshots)

    def _mark_all(self) -> None:
        """Every session, and every pointer is to be read, in the next write."""
        for session in self._sessions:
            if session.is_open or session in self._dirty:  # a last write may be under way of who leaves
                self.mark_whole(session)
        self._watch.start_over()

    def mark_whole(self, session: Session) -> None:
        self._note_whole(session)
        self._dirty.add(session)

    @staticmethod
    def _note_whole(session: Session) -> None:
        session.dirty_kinds.update(session.player.inventory.holdings)
        session.dirty = Dirty.ALL

    def _away(self, error: BaseException) -> None:
        if self.available:
            log.warning("tick_write_failed", error=str(error), note="play goes on; nothing is acknowledged as stored")
        self.available = False
        self._not_before_s = self._clock.monotonic_s() + RETRY_S


@dataclass(slots=True)
class _Owed:
    """The number of acks of a session, and the waiters, that depend on a write."""

    session: Session
    acks: int
    lineage: str  # of the acks
    waiters: tuple[asyncio.Future[bool], ...]

    @classmethod
    def take(cls, session: Session) -> _Owed:
        waiters, session.stored_waiters = session.stored_waiters, ()
        return cls(session, len(session.unstored), session.player.actions.lineage, waiters)


@dataclass(slots=True)
class _Flight:
    """One write: whose sessions it brings up to date, what it owes when it has replied, whom it looks at, and what SQL
    is to have once it has landed."""

    sessions: set[Session] = field(default_factory=set)
    batch: Batch = field(default_factory=Batch)
    owed: list[_Owed] = field(default_factory=list)
    watched: list[Session] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    looked_at: list[Session] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)  # of each that is looked at

    @property
    def is_empty(self) -> bool:
        return not self.batch and not self.watched

    def carries(self, session: Session) -> bool:
        return session in self.sessions or session in self.watched

    def look(self) -> None:
        """Note whom to look at after the write: an ack may only be given while the pointer is still ours and the hash
        is whole, and a new resume token may only be told then."""
        if not is_off(Guard.KEY_FENCE):
            owed = [each.session for each in self.owed if (each.acks or each.waiters) and each.session.is_open]
            self.looked_at = owed + self.watched
        self.checks = [Check(session.player_id, session.epoch, _fields(session)) for session in self.looked_at]


def _fields(session: Session) -> int:
    return 0 if is_off(Guard.WHOLE_HASH) else fields_of(session)


async def _told(waiter: asyncio.Future[bool], timeout_s: float) -> bool:
    """Return the waiter's result, or False when it has none within the time."""
    await asyncio.wait((waiter,), timeout=timeout_s)
    return waiter.done() and waiter.result()


def _wake(waiters: Iterable[asyncio.Future[bool]], is_stored: bool) -> None:
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(is_stored)
