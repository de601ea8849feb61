"""Every live session is saved once a period, and never all of them at once."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from gameserver.profiles.records import Save, SaveOutcome
from gameserver.session.checkpoint import BATCH, BATCHES_MIN, Checkpoints
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.saver import Saver
from gameserver.session.session import Dirty, Session
from gameserver.tasks import Tasks
from tests.session.standins import StillClock, break_state, session, turns

PERIOD_S = 30.0


class Bench:
    def __init__(self) -> None:
        self.clock, self.tasks = StillClock(), Tasks()
        self.saved: list[Save] = []
        self.outcome, self.is_away = SaveOutcome.SAVED, False
        saver: Saver = self  # type: ignore[assignment]
        self.fenced: list[Session] = []
        self.checkpoints = Checkpoints(
            saver, self.tasks, self.clock, period_s=PERIOD_S, random=Random(1), fenced=self.fenced.append
        )

    def save(self, save: Save) -> asyncio.Future[SaveOutcome]:
        self.saved.append(save)
        outcome: asyncio.Future[SaveOutcome] = asyncio.get_running_loop().create_future()
        if not self.is_away:
            outcome.set_result(self.outcome)
        return outcome

    async def seconds(self, count: float) -> list[int]:
        """Return the number of saves in each tick of so many seconds."""
        counts = []
        for _ in range(round(count * 20)):
            self.clock.now_s += 0.05
            before = len(self.saved)
            self.checkpoints.save(self.checkpoints.snapshots())
            await turns(3)
            counts.append(len(self.saved) - before)
        return counts


@pytest.mark.parametrize(("sessions", "batches_max"), [(300, BATCHES_MIN + 1), (1500, 1500 // BATCH + 1)])
async def test_checkpoints_of_sessions_opened_together_are_spread_over_batches(sessions: int, batches_max: int) -> None:
    bench = Bench()
    opened = [session(number) for number in range(1, sessions + 1)]
    for one in opened:
        bench.checkpoints.add(one)
    await bench.seconds(2 * PERIOD_S)
    for one in opened:
        one.seq += 1
    before = len(bench.saved)
    counts = await bench.seconds(PERIOD_S)
    batches = [count for count in counts if count]
    assert sum(batches) == sessions and len(batches) <= batches_max and max(batches) <= BATCH
    assert len({save.player_id for save in bench.saved[before:]}) == sessions


async def test_each_session_is_saved_once_a_period_as_long_as_it_changes() -> None:
    bench, one = Bench(), session()
    bench.checkpoints.add(one)
    for period in range(1, 5):
        one.seq += 1
        await bench.seconds(PERIOD_S)
        assert len(bench.saved) == period and one.saved_seq == one.seq
    await bench.seconds(2 * PERIOD_S)
    assert len(bench.saved) == 4, "nothing changed since"


async def test_a_session_that_was_played_elsewhere_is_saved_at_once() -> None:
    """Else each move to another node would put its checkpoint off, and a player could lose more than one period."""
    bench, fresh, moved = Bench(), session(1), session(2)
    for one in (fresh, moved):
        one.seq = 1
    moved.tick = 7
    bench.checkpoints.add(fresh)
    bench.checkpoints.add(moved)
    assert [(save.player_id, save.seq) for save in bench.saved] == [(2, 1)]


async def test_a_session_from_elsewhere_of_which_redis_lacks_some_is_saved_with_the_next_write() -> None:
    bench, one = Bench(), session()
    one.seq, one.tick, one.dirty = 1, 7, Dirty.ALL
    bench.checkpoints.add(one)
    assert bench.saved == []
    one.seq, one.dirty = 2, Dirty.NOTHING
    await bench.seconds(0.1)
    assert [save.seq for save in bench.saved] == [2]


async def test_a_session_that_has_ended_is_not_saved() -> None:
    bench, one = Bench(), session()
    one.seq = 1
    bench.checkpoints.add(one)
    one.move(SessionEvent.END)
    await bench.seconds(2 * PERIOD_S)
    assert bench.saved == []


async def test_who_is_fenced_counts_as_not_saved_and_is_told() -> None:
    bench, one = Bench(), session()
    one.seq, bench.outcome = 1, SaveOutcome.FENCED
    bench.checkpoints.add(one)
    await bench.seconds(PERIOD_S)
    assert one.saved_seq == 0 and bench.fenced == [one]


async def test_while_sql_is_away_checkpoints_do_not_pile_up() -> None:
    bench, one = Bench(), session()
    bench.is_away = True
    bench.checkpoints.add(one)
    for _ in range(4):
        one.seq += 1
        await bench.seconds(PERIOD_S)
    assert [save.seq for save in bench.saved] == [1, 2, 3, 4], "the newest is what waits"
    assert len(bench.tasks) == 1
    assert not await bench.tasks.drain(0)


async def test_a_state_that_cannot_be_saved_keeps_no_other_from_being_saved() -> None:
    bench, broken, sound = Bench(), session(1), session(2)
    break_state(broken)
    for one in (broken, sound):
        one.seq = 1
        bench.checkpoints.add(one)
    await bench.seconds(PERIOD_S)
    assert [save.player_id for save in bench.saved] == [2]


async def test_snapshots_that_were_put_off_are_taken_anew_with_the_next() -> None:
    bench, one = Bench(), session()
    bench.checkpoints.save_soon(one)
    one.seq = 1
    bench.checkpoints.put_off(bench.checkpoints.snapshots())
    assert bench.saved == []
    one.seq = 2
    await bench.seconds(0.1)
    assert [save.seq for save in bench.saved] == [2]
