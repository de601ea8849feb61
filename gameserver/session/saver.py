"""Saves to SQL in batches: whoever needs one waits for its outcome, one batch is out at a time.

Law: a save is never forgotten. One whose batch failed is tried again, with the pause growing to RETRY_MAX_S, until SQL
has answered for it or its waiter gave up. A save that SQL refuses keeps nobody else's from SQL: those of a batch that
was refused are tried one by one. Bound: one save a session waits; a newer one of the same epoch replaces it.
"""

from __future__ import annotations

import asyncio

import structlog

from gameserver.failpoints import Failpoint, reach
from gameserver.profiles.database import ProfilesUnavailable, StatementRefused
from gameserver.profiles.records import Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, PlayerId

BATCH_MAX = 100
PAUSE_S = 0.1  # between batches: what comes meanwhile goes together in one transaction
RETRY_MIN_S, RETRY_MAX_S = 0.25, 5.0  # while SQL is away
REFUSED_RETRY_S = 5.0  # between the tries of a save that SQL refuses

Key = tuple[PlayerId, Epoch]
Waiting = tuple[Save, asyncio.Future[SaveOutcome]]

log = structlog.get_logger(__name__)


class Saver:
    """``run`` is its one task."""

    def __init__(self, profiles: Profiles):
        self._profiles = profiles
        self._waiting: dict[Key, Waiting] = {}
        self._suspects: set[Key] = set()  # were in a batch that was refused: each goes alone
        self._set_aside: set[Key] = set()  # were refused alone, and wait for their next try
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
            batch = self._next_batch()
            if not batch:
                self._wake.clear()
            elif await self._save_batch(batch):
                pause_s = RETRY_MIN_S
                await asyncio.sleep(0 if self._suspects else PAUSE_S)
            else:
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, RETRY_MAX_S)

    def _next_batch(self) -> dict[Key, Waiting]:
        """The longest waiting, one a player: of two epochs the other comes with the next batch."""
        batch: dict[Key, Waiting] = {}
        players: set[PlayerId] = set()
        for key, waiting in self._waiting.items():
            is_suspect = key in self._suspects
            if key in self._set_aside or key[0] in players or (is_suspect and batch):
                continue
            batch[key] = waiting
            players.add(key[0])
            if is_suspect or len(batch) == BATCH_MAX:
                break
        return batch

    async def _save_batch(self, batch: dict[Key, Waiting]) -> bool:
        """False when SQL is away."""
        try:
            reach(Failpoint.SAVE_BEFORE_SQL)
            outcomes = await self._profiles.save_many([save for save, _ in batch.values()])
            reach(Failpoint.SAVE_AFTER_SQL)
        except StatementRefused as error:
            log.error("sql refused a batch of saves", reason=str(error), players=[player for player, _ in batch])  # noqa: TRY400
            self._suspect(batch)
        except ProfilesUnavailable as error:
            if self.available:
                log.warning("sql is away; play goes on, ended sessions wait", reason=str(error), waiting=len(self))
            self.available = False
            return False
        except Exception:  # our bug; those who wait are not to wait for ever for a task that is no more
            log.exception("a batch of saves failed", players=[player for player, _ in batch])
            self._suspect(batch)
        else:
            for (key, waiting), outcome in zip(batch.items(), outcomes, strict=True):
                self._answer(key, waiting, outcome)
        self.available = True
        return True

    def _answer(self, key: Key, saved: Waiting, outcome: SaveOutcome) -> None:
        self._suspects.discard(key)
        save, future = saved
        if (waiting := self._waiting.get(key)) and waiting[0] is save:
            del self._waiting[key]
            if not future.done():
                future.set_result(outcome)

    def _suspect(self, batch: dict[Key, Waiting]) -> None:
        self._suspects.update(batch)
        if len(batch) == 1:
            (key,) = batch
            self._set_aside.add(key)
            asyncio.get_running_loop().call_later(REFUSED_RETRY_S, self._try_again, key)

    def _try_again(self, key: Key) -> None:
        self._set_aside.discard(key)
        self._wake.set()
