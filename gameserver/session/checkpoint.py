"""Saves every live session to SQL once per period, spread evenly over the ticks, so that no tick has all of them.

What a checkpoint is for: if Redis loses its data and the server dies, a player loses at most one period.
"""

from __future__ import annotations

import heapq
from itertools import count
from random import Random

from gameserver.clock import Clock
from gameserver.profiles.records import SaveOutcome
from gameserver.session.record import save_of
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.tasks import Tasks


class Checkpoints:
    """``tick`` is called every tick and starts what is due."""

    def __init__(self, saver: Saver, tasks: Tasks, clock: Clock, *, period_s: float, random: Random):
        self._saver = saver
        self._tasks = tasks
        self._clock = clock
        self._period_s = period_s
        self._random = random
        self._due: list[tuple[float, int, Session]] = []
        self._numbers = count()

    def add(self, session: Session) -> None:
        """The first is due after a random part of the period: sessions opened together are not saved together."""
        self._plan(session, self._clock.monotonic_s() + self._random.uniform(0, self._period_s))

    def save_soon(self, session: Session) -> None:
        """With the next tick, besides its turn."""
        self._tasks.start(self._save(session), "checkpoint")

    def tick(self) -> None:
        now_s = self._clock.monotonic_s()
        while self._due and self._due[0][0] <= now_s:
            _, _, session = heapq.heappop(self._due)
            if session.is_open:
                self._plan(session, now_s + self._period_s)
                if session.seq > session.saved_seq:
                    self._tasks.start(self._save(session), "checkpoint")

    def _plan(self, session: Session, due_s: float) -> None:
        heapq.heappush(self._due, (due_s, next(self._numbers), session))

    async def _save(self, session: Session) -> None:
        save = save_of(session)
        if await self._saver.save(save) is not SaveOutcome.FENCED:  # if fenced, the next write to Redis finds out, too
            session.saved_seq = max(session.saved_seq, save.seq)
