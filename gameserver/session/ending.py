"""Ending a session: freeze input, leave the zone, final save, commit, remove the live state, and only then forget it.

Law: live state is deleted only after its seq is committed in SQL. A session whose save fails is not removed: it waits,
is tried again, and stays claimable, because Redis still has it.
"""

from __future__ import annotations

from enum import Enum, auto

import structlog

from gameserver.clock import Clock
from gameserver.failpoints import Failpoint, Guard, is_off, reach
from gameserver.live.sessions import LiveSessions, Removal
from gameserver.observability import metrics
from gameserver.profiles.records import SaveOutcome, SessionLogEntry
from gameserver.protocol.ids import NodeId
from gameserver.retrying import STEADY, retry
from gameserver.session.answers import Answers
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.record import to_save
from gameserver.session.saver import Saver
from gameserver.session.session import Dirty, Session
from gameserver.session.surrender import Surrender, whole
from gameserver.session.write_behind import WriteBehind
from gameserver.sql.backlog import Backlog
from gameserver.store.connection import StoreUnavailable

STORED_PATIENCE_S = 1.0

log = structlog.get_logger(__name__)


class Ending(Enum):
    """Outcome of an attempt to end a session."""

    DONE = auto()  # saved, and its live state removed
    NOT_OURS = auto()  # another epoch owns the player
    LEFT = auto()  # it cannot be written as it is: its live state is left to the reaper
    REFUSED = auto()  # SQL, which is well, does not take it: the session waits as if its client had vanished


class Ender:
    """Takes a session that has left its zone to its end."""

    def __init__(
        self,
        *,
        saver: Saver,
        session_log: Backlog[SessionLogEntry],
        live: LiveSessions,
        write_behind: WriteBehind,
        answers: Answers,
        surrender: Surrender,
        node: NodeId,
        clock: Clock,
    ):
        self._saver = saver
        self._session_log = session_log
        self._live = live
        self._write_behind = write_behind
        self._answers = answers
        self._surrender = surrender
        self._node = node
        self._clock = clock

    async def finish(self, session: Session, reason: str) -> Ending:
        """Save and remove; waits for stores that are away as long as it takes."""
        with metrics.SAVE_BACKLOG.track_inprogress():
            try:
                ending = await self._save_and_remove(session)
            except Exception:  # above all a state that cannot be written; then Redis' copy is kept
                log.exception("session_save_failed", player_id=session.player_id)
                await self._write_behind.withdraw(session)
                ending = Ending.LEFT
        if ending is Ending.REFUSED:
            return ending  # and ``keep`` is called, once its connection is closed
        session.move(SessionEvent.SAVED if ending is Ending.DONE else SessionEvent.FENCED)
        self._saver.forget(session.player_id, session.epoch)
        self.note_end(session, reason)
        return ending

    def keep(self, session: Session) -> None:
        """Let a session that SQL refused wait for its player, or for a try that SQL takes. Redis has all of it."""
        session.refused_ends += 1
        session.is_leaving = False
        session.move(SessionEvent.UNSAVED)
        session.disconnected_at_s = self._clock.monotonic_s()
        self._write_behind.mark_whole(session)

    def note_end(self, session: Session, reason: str) -> None:
        """Count the end in the metric, and log it for support staff."""
        metrics.SESSION_ENDS.labels(reason).inc()
        at_ms, seq = self._clock.wall_ms(), session.saved_seq
        self._session_log.add(
            SessionLogEntry(session.player_id, session.epoch, ended_ms=at_ms, reason=reason, last_seq=seq)
        )

    async def _save_and_remove(self, session: Session) -> Ending:
        # Redis gets the last state, too: while SQL is away another node would claim that copy.
        is_stored = await self._write_behind.stored(session, Dirty.PLACE | Dirty.STATUS, STORED_PATIENCE_S)
        while True:
            await self._write_behind.withdraw(session)
            session.seq += 1
            if is_off(Guard.DELETE_AFTER_COMMIT):
                await self._live.remove(session.player_id, session.epoch, self._node, session.seq)
            saved = await self._save(session, is_stored)
            if saved is SaveOutcome.FENCED:
                await self._surrender.give_up(session, whole(session))
                return Ending.NOT_OURS
            if saved is SaveOutcome.REFUSED:
                return Ending.REFUSED
            session.saved_seq = session.seq
            self._acknowledge(session)
            removal = await self._remove(session)
            if removal is not Removal.NEWER:
                return Ending.NOT_OURS if removal is Removal.NOT_OURS else Ending.DONE
            is_stored = True  # under a newer seq, which SQL is to have, too

    async def _save(self, session: Session, is_stored: bool) -> SaveOutcome:
        """Save the session. While SQL is away and Redis lacks the last state, Redis gets it as soon as it is back."""
        saving = self._saver.save(to_save(session), is_last=True)
        if is_stored:
            return await saving
        self._write_behind.mark_whole(session)
        saved = await saving
        await self._write_behind.withdraw(session)
        return saved

    def _acknowledge(self, session: Session) -> None:
        """Give every ack that waits for Redis: SQL has saved their effects under our epoch."""
        given, session.unstored = session.unstored, ()
        self._answers.give_acks(session, given)

    async def _remove(self, session: Session) -> Removal:
        """Remove the live state; waits while Redis is away."""
        return await retry(lambda: self._try_to_remove(session), after=StoreUnavailable, pauses=STEADY)

    async def _try_to_remove(self, session: Session) -> Removal:
        await self._write_behind.await_quiet()
        reach(Failpoint.REMOVE_BEFORE)
        removal = await self._live.remove(session.player_id, session.epoch, self._node, session.saved_seq)
        reach(Failpoint.REMOVE_AFTER)
        return removal
