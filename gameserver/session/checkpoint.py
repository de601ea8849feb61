"""Saves every live session to SQL once per period, in a few batches, so that no tick has all of them.

A checkpoint bounds a loss: if Redis loses its data and the server dies, a player loses at most one period.
Law: while Redis is available, SQL never gets a seq that Redis has not acknowledged. ``Flusher`` takes the snapshots
of a write when it starts the write, and has them saved when the write has landed.
Bound: one save under way a session; while SQL is away a newer one takes its place.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from random import Random

import structlog

from gameserver.clock import Clock
from gameserver.profiles.edits import seen_in
from gameserver.profiles.records import Save, SaveOutcome
from gameserver.session.record import to_save
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.tasks import Tasks

BATCH = 100  # sessions at most; a transaction costs as much as so many of its rows
BATCHES_MIN = 5  # in a period: a session may be saved by that share of it too early

log = structlog.get_logger(__name__)


Snapshot = tuple[Session, Save]


class Checkpoints:
    """``fenced(session)`` is called for a session that SQL says another node owns: its Redis, if it is another than
    ours since a failover, would never tell."""

    def __init__(
        self,
        saver: Saver,
        tasks: Tasks,
        clock: Clock,
        *,
        period_s: float,
        random: Random,
        fenced: Callable[[Session], None],
    ):
        self._saver = saver
        self._tasks = tasks
        self._clock = clock
        self._period_s = period_s
        self._random = random
        self._fenced = fenced
        self._due: list[tuple[float, int, Session]] = []
        self._numbers = count()
        self._soon: dict[Session, None] = {}  # due now, in addition to their turn
        self._under_way: set[Session] = set()

    def add(self, session: Session) -> None:
        """Plan the session's first turn after a random part of the period: sessions opened together are not saved
        together. A session that was played before, elsewhere, is saved at once: its turn there will not come."""
        self._plan(session, self._clock.monotonic_s() + self._random.uniform(0, self._period_s))
        if session.tick and session.seq > session.saved_seq:
            self._save_taken_over(session)

    def _save_taken_over(self, session: Session) -> None:
        """Save the session as Redis has it. If Redis lacks some of it, wait for the write that brings the rest."""
        if session.dirty:
            self.save_soon(session)
        elif (save := _snapshot(session)) is not None:
            self.save([(session, save)])

    def save_soon(self, session: Session) -> None:
        """Take a snapshot of the session with the next ones, in addition to its turn."""
        self._soon[session] = None

    def snapshots(self) -> list[Snapshot]:
        """Return a snapshot of each session that is due. Call this when Redis has been sent all of every session, and
        ``save`` them when Redis has acknowledged it. While Redis is away, save them at once."""
        due, self._soon = [*self._soon, *self._take_due()], {}
        return [(session, save) for session in due if session.is_open and (save := _snapshot(session)) is not None]

    def save(self, snapshots: Iterable[Snapshot]) -> None:
        """Have each of them saved. This does not wait."""
        for session, save in snapshots:
            outcome = self._saver.save(save)
            if session not in self._under_way:
                self._under_way.add(session)
                self._tasks.start(self._note(session, save, outcome), "checkpoint")

    def put_off(self, snapshots: Iterable[Snapshot]) -> None:
        """Drop the snapshots, because Redis may lack their content. Their sessions are due again at once."""
        for session, _ in snapshots:
            self.save_soon(session)

    def _take_due(self) -> Iterator[Session]:
        """Yield the sessions that are due and have changed since they were last saved, and plan their next turn."""
        now_s = self._clock.monotonic_s()
        if not self._due or self._due[0][0] > now_s:
            return
        soon_s = now_s + self._period_s / BATCHES_MIN
        for _ in range(BATCH):  # those that are due, and those that would be next
            if not self._due or self._due[0][0] > soon_s:
                return
            _, _, session = heapq.heappop(self._due)
            if session.is_open:
                self._plan(session, now_s + self._period_s)
                if session.seq > session.saved_seq:
                    yield session

    def _plan(self, session: Session, due_s: float) -> None:
        heapq.heappush(self._due, (due_s, next(self._numbers), session))

    async def _note(self, session: Session, save: Save, outcome: asyncio.Future[SaveOutcome]) -> None:
        try:
            saved = await outcome
            if saved is SaveOutcome.FENCED:
                self._fenced(session)
            elif saved is not SaveOutcome.REFUSED:
                session.saved_seq = max(session.saved_seq, save.seq)
                session.seen = seen_in(save, save.seq)
                session.refused_ends = 0
        finally:
            self._under_way.discard(session)


def _snapshot(session: Session) -> Save | None:
    """Return None for a state that cannot be written, which is a bug of the game."""
    try:
        return to_save(session)
    except Exception:
        log.exception("session_save_failed", player_id=session.player_id)
        return None
