"""Saves to SQL in batches: whoever needs one waits for its outcome, one batch is out at a time.

Law: a save is never forgotten. It is tried again until SQL has it, or until SQL, which is well, has refused it twice
when it went alone: then its outcome is REFUSED, and the session's next save is tried instead. A save that SQL refuses
keeps nobody else's from SQL: those of a refused batch go alone, a few at once, beside the batches.
Bound: one save a session waits; a newer one of the same epoch replaces it.
"""

from __future__ import annotations

import asyncio

import structlog

from gameserver.failpoints import Failpoint, Guard, is_off, reach
from gameserver.profiles.records import Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.retrying import GROWING
from gameserver.session.refusals import Refusals
from gameserver.sql.database import HistoryLost, OutcomeUnknown, ProfilesUnavailable, StatementRefused

BATCH_MAX = 100
PAUSE_S = 0.1  # between batches: saves that come meanwhile share one transaction
ALONE_AT_ONCE = 3  # one that SQL is slow to refuse does not hold up those that were only beside it in a batch

Key = tuple[PlayerId, Epoch]
Waiting = tuple[Save, asyncio.Future[SaveOutcome]]

log = structlog.get_logger(__name__)


class Saver:
    """``run`` is its one task."""

    def __init__(self, profiles: Profiles):
        self._profiles = profiles
        self._waiting: dict[Key, Waiting] = {}
        self._suspects: set[Key] = set()  # were in a batch that was refused, or were refused before: each goes alone
        self._under_way: set[Key] = set()  # of the suspects
        self._paused: set[Key] = set()  # suspects that were refused once, and wait for their second try
        self._refusals = Refusals()
        self._wake = asyncio.Event()
        self._wake_alone = asyncio.Event()
        self.available = True  # False from a failed batch until one succeeds

    def __len__(self) -> int:
        return len(self._waiting)

    def save(self, save: Save, *, is_last: bool = False) -> asyncio.Future[SaveOutcome]:
        """Return the outcome, when SQL has answered. A save with a lower seq of the same epoch is carried by this one.
        The saves of a session that SQL refused are tried with growing pauses, and are REFUSED at once in between; the
        last one of a session is tried at any time."""
        key = (save.player_id, save.epoch)
        before = self._waiting.get(key)
        outcome = before[1] if before and not before[1].done() else asyncio.get_running_loop().create_future()
        if key in self._refusals and not is_last and before is None and not self._refusals.is_due(key):
            outcome.set_result(SaveOutcome.REFUSED)
            return outcome
        if before is None or before[0].seq <= save.seq:
            self._waiting[key] = (save, outcome)
        self._wake.set()
        self._wake_alone.set()
        return outcome

    def forget(self, player_id: PlayerId, epoch: Epoch) -> None:
        """Stop counting a session that this node has no more among those that cannot be saved."""
        self._refusals.forget((player_id, epoch))
        self._suspects.discard((player_id, epoch))

    def give_up(self) -> None:
        """Drop the waiting saves: SQL has another history, in which our epochs count for nothing."""
        for key, waiting in list(self._waiting.items()):
            self._answer(key, waiting, SaveOutcome.FENCED)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._save_batches(), name="saves")
            for _ in range(ALONE_AT_ONCE):
                lanes.create_task(self._save_suspects(), name="saves alone")

    async def _save_batches(self) -> None:
        failures = 0
        while True:
            await self._wake.wait()
            batch = self._next_batch()
            if not batch:
                self._wake.clear()
            elif await self._save_batch(batch):
                failures = 0
                await asyncio.sleep(PAUSE_S)
            else:
                failures += 1
                await asyncio.sleep(GROWING.after(failures))

    def _next_batch(self) -> dict[Key, Waiting]:
        """The longest waiting, one a player: of two epochs the other comes with the next batch."""
        batch: dict[Key, Waiting] = {}
        players: set[PlayerId] = {player for player, _ in self._under_way}
        for key, waiting in self._waiting.items():
            if key in self._suspects or key[0] in players:
                continue
            batch[key] = waiting
            players.add(key[0])
            if len(batch) == BATCH_MAX:
                break
        return batch

    async def _save_batch(self, batch: dict[Key, Waiting]) -> bool:
        """False when SQL is away."""
        try:
            reach(Failpoint.SAVE_BEFORE_SQL)
            outcomes = await self._profiles.save_many([save for save, _ in batch.values()])
            reach(Failpoint.SAVE_AFTER_SQL)
        except HistoryLost:
            self.give_up()
            return True
        except (StatementRefused, OutcomeUnknown) as error:
            if is_off(Guard.ISOLATED_SAVES):
                return self._away(error)
            log.info("save_batch_refused", error=str(error), saves=len(batch))
            self._suspect(batch)
        except ProfilesUnavailable as error:
            return self._away(error)
        except Exception:  # our bug; callers must not wait for ever for a task that has ended
            log.exception("save_batch_failed", player_ids=[player for player, _ in batch])
            self._suspect(batch)
        else:
            for (key, waiting), outcome in zip(batch.items(), outcomes, strict=True):
                self._answer(key, waiting, outcome)
        self.available = True
        return True

    def _away(self, error: ProfilesUnavailable) -> bool:
        if self.available:
            log.warning("saves_wait", error=str(error), waiting=len(self))
        self.available = False
        return False

    def _suspect(self, batch: dict[Key, Waiting]) -> None:
        self._suspects.update(batch)
        self._wake_alone.set()

    async def _save_suspects(self) -> None:
        """One after the other, beside the batches and beside others like this."""
        failures = 0
        while True:
            await self._wake_alone.wait()
            key = self._next_suspect()
            if key is None:
                self._wake_alone.clear()
                continue
            self._under_way.add(key)
            try:
                is_answered = await self._save_alone(key, self._waiting[key])
            finally:
                self._under_way.discard(key)
            failures = 0 if is_answered else failures + 1
            if not is_answered:
                await asyncio.sleep(GROWING.after(failures))
                self._wake_alone.set()  # while this save was under way, the other lanes found nothing to do

    def _next_suspect(self) -> Key | None:
        busy = {player for player, _ in self._under_way}
        for key in self._waiting:
            if key in self._suspects and key not in self._paused and key[0] not in busy:
                return key
        return None

    async def _save_alone(self, key: Key, waiting: Waiting) -> bool:
        """False when SQL is away."""
        try:
            (outcome,) = await self._profiles.save_many([waiting[0]])
        except HistoryLost:
            self.give_up()
        except StatementRefused as error:
            self._refused(key, waiting, error)
        except OutcomeUnknown:  # SQL may be away, or cut just this COMMIT: it is tried again, and holds up nobody
            self._pause(key, GROWING.longest_s)
        except ProfilesUnavailable:
            return False
        except Exception as error:  # a bug of ours, or of the driver: it is this save's alone
            self._refused(key, waiting, error)
        else:
            self.forget(*key)
            self._answer(key, waiting, outcome)
        self.available = True
        self._wake.set()  # another epoch of the player may have waited for this
        self._wake_alone.set()
        return True

    def _refused(self, key: Key, waiting: Waiting, error: Exception) -> None:
        """The second time in a row it counts, unless a newer save has come meanwhile: that one may fit."""
        if self._refusals.add(key, waiting[0], error):
            self._answer(key, waiting, SaveOutcome.REFUSED)
        else:
            self._pause(key, GROWING.first_s)

    def _pause(self, key: Key, seconds: float) -> None:
        self._paused.add(key)
        asyncio.get_running_loop().call_later(seconds, self._try_again, key)

    def _try_again(self, key: Key) -> None:
        self._paused.discard(key)
        self._wake_alone.set()

    def _answer(self, key: Key, saved: Waiting, outcome: SaveOutcome) -> None:
        save, future = saved
        if (waiting := self._waiting.get(key)) and waiting[0] is save:
            del self._waiting[key]
            if not future.done():
                future.set_result(outcome)
