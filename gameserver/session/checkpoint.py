"""Saves every live session to SQL once per period, in a few batches, so that no tick has all of them.

What a checkpoint is for: if Redis loses its data and the server dies, a player loses at most one period.
Bound: one save under way a session; while SQL is away a newer one takes its place.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from itertools import count
from random import Random

import structlog

from gameserver.clock import Clock
from gameserver.profiles.records import SaveOutcome
from gameserver.session.record import save_of
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.tasks import Tasks

BATCH = 100  # sessions at most; a transaction costs as much as so many of its rows
BATCHES_MIN = 5  # in a period: a session may be saved by that share of it too early

log = structlog.get_logger(__name__)


class Checkpoints:
    """``tick`` is called every tick and starts what is due. ``fenced(session)`` is called for one that SQL says another
    node owns: its Redis, if it is another than ours since a failover, would never tell."""

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
        self._under_way: set[Session] = set()

    def add(self, session: Session) -> None:
        """The first is due after a random part of the period: sessions opened together are not saved together."""
        self._plan(session, self._clock.monotonic_s() + self._random.uniform(0, self._period_s))

    def save_soon(self, session: Session) -> None:
        """Now, besides its turn."""
        self._save(session)

    def tick(self) -> None:
        now_s = self._clock.monotonic_s()
        if not self._due or self._due[0][0] > now_s:
            return
        soon_s = now_s + self._period_s / BATCHES_MIN
        for _ in range(BATCH):  # who is due, and who would be next
            if not self._due or self._due[0][0] > soon_s:
                return
            _, _, session = heapq.heappop(self._due)
            if session.is_open:
                self._plan(session, now_s + self._period_s)
                if session.seq > session.saved_seq:
                    self._save(session)

    def _plan(self, session: Session, due_s: float) -> None:
        heapq.heappush(self._due, (due_s, next(self._numbers), session))

    def _save(self, session: Session) -> None:
        try:
            save = save_of(session)
        except Exception:  # a state that cannot be written, the game's bug
            log.exception("a session cannot be saved", player=session.player_id)
            return
        outcome = self._saver.save(save)
        if session not in self._under_way:
            self._under_way.add(session)
            self._tasks.start(self._note(session, save.seq, outcome), "checkpoint")

    async def _note(self, session: Session, seq: int, outcome: asyncio.Future[SaveOutcome]) -> None:
        try:
            if await outcome is SaveOutcome.FENCED:
                self._fenced(session)
            else:
                session.saved_seq = max(session.saved_seq, seq)
        finally:
            self._under_way.discard(session)
