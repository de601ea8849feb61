"""Saves to SQL in batches: whoever needs one waits for its outcome, one batch is out at a time.

Law: a save is never forgotten. One whose batch failed is tried again, with the pause growing to RETRY_MAX_S, until SQL
has answered for it or its waiter gave up. Bound: one save a player waits; a newer one of the same epoch replaces it.
"""

from __future__ import annotations

import asyncio

import structlog

from gameserver.failpoints import Failpoint, reach
from gameserver.profiles.database import ProfilesUnavailable
from gameserver.profiles.records import Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, PlayerId

BATCH_MAX = 100
RETRY_MIN_S, RETRY_MAX_S = 0.25, 5.0

log = structlog.get_logger(__name__)


class Saver:
    """``run`` is its one task."""

    def __init__(self, profiles: Profiles):
        self._profiles = profiles
        self._waiting: dict[tuple[PlayerId, Epoch], tuple[Save, asyncio.Future[SaveOutcome]]] = {}
        self._wake = asyncio.Event()
        self.available = True  # False from a failed batch until one succeeds

    def __len__(self) -> int:
        return len(self._waiting)

    def save(self, save: Save) -> asyncio.Future[SaveOutcome]:
        """The outcome, when SQL has it. A save with a lower seq of the same epoch is carried by this one."""
        key = (save.player_id, save.epoch)
        before = self._waiting.get(key)
        outcome = before[1] if before and not before[1].done() else asyncio.get_running_loop().create_future()
        if before is None or before[0].seq <= save.seq:
            self._waiting[key] = (save, outcome)
        self._wake.set()
        return outcome

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = RETRY_MIN_S
        while True:
            await self._wake.wait()
            if await self._save_batch():
                pause_s = RETRY_MIN_S
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)

    def _next_batch(self) -> list[tuple[tuple[PlayerId, Epoch], Save, asyncio.Future[SaveOutcome]]]:
        """The longest waiting, one a player: of two epochs the other comes with the next batch."""
        batch: dict[PlayerId, tuple[tuple[PlayerId, Epoch], Save, asyncio.Future[SaveOutcome]]] = {}
        for key, (save, outcome) in self._waiting.items():
            batch.setdefault(key[0], (key, save, outcome))
            if len(batch) == BATCH_MAX:
                break
        return list(batch.values())

    async def _save_batch(self) -> bool:
        batch = self._next_batch()
        try:
            reach(Failpoint.SAVE_BEFORE_SQL)
            outcomes = await self._profiles.save_many([save for _, save, _ in batch])
            reach(Failpoint.SAVE_AFTER_SQL)
        except ProfilesUnavailable as error:
            if self.available:
                log.warning("sql is away; play goes on, ended sessions wait", reason=str(error), waiting=len(self))
            self.available = False
            return False
        except Exception:  # our bug; those who wait are not to wait for ever for a task that is no more
            log.exception("a batch of saves failed", waiting=len(self))
            return False
        self.available = True
        for (key, save, future), outcome in zip(batch, outcomes, strict=True):
            if (waiting := self._waiting.get(key)) and waiting[0] is save:
                del self._waiting[key]
                if not future.done():
                    future.set_result(outcome)
        if not self._waiting:
            self._wake.clear()
        return True
