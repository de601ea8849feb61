"""Changes reach Redis coalesced, nothing is forgotten on failure, and no ack is given before its write has replied."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from random import Random

import pytest
from structlog.testing import capture_logs

from gameserver.live.tick_writer import OwnerMissing, ServerChanged, TickWriter
from gameserver.profiles.records import Save, SaveOutcome
from gameserver.protocol.messages import Ack
from gameserver.session.answers import Answers
from gameserver.session.checkpoint import Checkpoints
from gameserver.session.departures import Departures
from gameserver.session.flusher import Flusher
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.restoring import Restorer
from gameserver.session.saver import Saver
from gameserver.session.session import Dirty, Session
from gameserver.session.write_behind import RETRY_S, WriteBehind
from gameserver.store.connection import StoreUnavailable
from gameserver.tasks import Tasks
from tests.session.standins import Redis, StillClock, break_state, session, state_of, turns


class Bench:
    def __init__(self) -> None:
        self.redis, self.clock, self.tasks = Redis(), StillClock(), Tasks()
        self.given: list[Ack] = []
        self.fenced: list[Session] = []
        writer: TickWriter = self.redis  # type: ignore[assignment]
        self.pointers_lost = 0
        self.saved: list[Save] = []
        saver: Saver = self  # type: ignore[assignment]
        self.checkpoints = Checkpoints(
            saver, self.tasks, self.clock, period_s=30.0, random=Random(1), fenced=self.fenced.append
        )
        self.watched: list[Session] = []
        self.may_ack = True
        self.behind = WriteBehind(
            writer,
            self.clock,
            sessions=self.watched,
            may_ack=lambda: self.may_ack,
        )
        answers: Answers = self  # type: ignore[assignment]
        departures: Departures = self  # type: ignore[assignment]
        restorer: Restorer = self  # type: ignore[assignment]
        self.flusher = Flusher(
            write_behind=self.behind,
            answers=answers,
            departures=departures,
            checkpoints=self.checkpoints,
            restorer=restorer,
            tasks=self.tasks,
        )

    def give_acks(self, session: Session, acks: Iterable[Ack]) -> None:
        self.given.extend(acks)

    def fence(self, session: Session) -> None:
        self.fenced.append(session)

    def restore_all(self) -> None:
        self.pointers_lost += 1

    def save(self, save: Save) -> asyncio.Future[SaveOutcome]:
        self.saved.append(save)
        outcome: asyncio.Future[SaveOutcome] = asyncio.get_running_loop().create_future()
        outcome.set_result(SaveOutcome.SAVED)
        return outcome

    def ack(self, of: Session, seq: int) -> Ack:
        """An action was applied: its ack waits for Redis."""
        ack = Ack(seq, "stored")
        of.unstored += (ack,)
        self.behind.mark(of, Dirty.ACTIONS)
        return ack

    def is_available(self) -> bool:
        return self.behind.available

    async def flush(self) -> None:
        self.flusher.flush()
        await turns()

    async def fail_once(self) -> None:
        self.redis.is_away()
        await self.flush()
        self.redis.is_back()

    async def retry(self) -> None:
        self.clock.now_s += RETRY_S
        await self.flush()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    running = asyncio.ensure_future(made.flusher.run())
    yield made
    made.redis.replies.set()
    running.cancel()
    assert await made.tasks.drain(5)


async def test_only_the_parts_that_changed_are_written(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    await bench.flush()
    assert set(bench.redis.hashes[one.player_id, one.epoch]) == {"seq", "tick", "x", "y", "facing"}


async def test_nothing_dirty_writes_nothing(bench: Bench) -> None:
    await bench.flush()
    assert bench.redis.batches == []


async def test_when_the_session_that_could_not_be_written_is_gone_redis_is_still_looked_for(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    await bench.fail_once()
    bench.behind.forget(one)
    bench.redis.is_away()
    await bench.retry()
    assert not bench.is_available()
    bench.redis.is_back()
    await bench.flush()
    assert not bench.is_available(), "looked for again too soon"
    await bench.retry()
    assert bench.is_available()
    assert len(bench.redis.batches) == 1


async def test_an_ack_is_given_when_its_write_has_replied_and_not_before(bench: Bench) -> None:
    one = session()
    ack = bench.ack(one, 1)
    bench.redis.replies.clear()
    await bench.flush()
    assert bench.given == []
    bench.redis.replies.set()
    await turns()
    assert bench.given == [ack] and one.unstored == ()


async def test_while_a_write_is_out_changes_coalesce_and_their_acks_wait_for_the_next(bench: Bench) -> None:
    one, other = session(1), session(2)
    first = bench.ack(one, 1)
    bench.redis.replies.clear()
    await bench.flush()
    second = bench.ack(one, 2)
    for _ in range(5):
        bench.behind.mark(other, Dirty.PLACE)
        await bench.flush()
    assert len(bench.redis.batches) == 1
    bench.redis.replies.set()
    await turns()
    assert bench.given == [first]
    await bench.flush()
    assert bench.given == [first, second]
    assert [len(batch) for batch in bench.redis.batches] == [1, 2]


async def test_a_write_that_failed_leaves_everything_dirty_and_unacked(bench: Bench) -> None:
    one = session()
    one.player.inventory.add("coin", 3)
    one.dirty_kinds.add("coin")
    bench.behind.mark(one, Dirty.ITEMS)
    ack = bench.ack(one, 1)
    await bench.fail_once()
    assert not bench.behind.available and bench.given == [] and one.unstored == (ack,)
    await bench.retry()
    kept = bench.redis.hashes[one.player_id, one.epoch]
    assert kept["item:coin"] == "3" and {"x", "state", "actions", "chat", "status"} <= kept.keys()
    assert bench.given == [ack] and bench.behind.available


async def test_a_failed_write_is_not_repeated_at_once(bench: Bench) -> None:
    bench.behind.mark(session(), Dirty.PLACE)
    await bench.fail_once()
    await bench.flush()
    assert len(bench.redis.batches) == 1
    await bench.retry()
    assert len(bench.redis.batches) == 2


async def test_seq_rises_with_every_try(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    await bench.fail_once()
    await bench.retry()
    assert bench.redis.hashes[one.player_id, one.epoch]["seq"] == "2" and one.seq == 2


async def test_a_bug_in_a_write_forgets_nothing_either(bench: Bench) -> None:
    one = session()
    ack = bench.ack(one, 1)
    bench.redis.error = ValueError("our bug")
    await bench.flush()
    bench.redis.is_back()
    await bench.retry()
    assert bench.given == [ack]


async def test_a_redis_that_lost_the_pointers_is_told_and_acks_nothing(bench: Bench) -> None:
    one = session()
    ack = bench.ack(one, 1)
    bench.redis.error = OwnerMissing({one.player_id})
    await bench.flush()
    assert bench.pointers_lost == 1 and bench.given == []
    bench.redis.is_back()
    await bench.flush()  # at once: all was written, so the next tick's is not to wait
    assert bench.given == [ack] and bench.pointers_lost == 1


async def test_sql_gets_what_a_write_held_when_redis_has_it_and_not_before(bench: Bench) -> None:
    one = session()
    one.player.x = 1.0
    bench.behind.mark(one, Dirty.PLACE)
    bench.checkpoints.save_soon(one)
    bench.redis.replies.clear()
    await bench.flush()
    assert bench.saved == []
    one.player.x = 2.0  # on the next tick; Redis does not have this
    bench.behind.mark(one, Dirty.PLACE)
    await bench.flush()
    bench.redis.replies.set()
    await turns()
    kept = bench.redis.hashes[one.player_id, one.epoch]
    (save,) = bench.saved
    assert (save.seq, save.x) == (int(kept["seq"]), float(kept["x"])) == (1, 1.0)


async def test_what_a_write_that_failed_held_goes_to_sql_when_a_later_one_has_landed(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    bench.checkpoints.save_soon(one)
    await bench.fail_once()
    assert bench.saved == []
    await bench.retry()
    assert [save.seq for save in bench.saved] == [2] == [one.seq]


async def test_who_waits_for_redis_to_catch_up_waits_for_the_write_that_holds_the_session(bench: Bench) -> None:
    one, other = session(1), session(2)
    assert await bench.behind.caught_up(one, 5), "nothing of it is dirty"
    bench.redis.replies.clear()
    bench.behind.mark(one, Dirty.PLACE)
    await bench.flush()
    bench.behind.mark(other, Dirty.PLACE)
    assert not await bench.behind.caught_up(one, 0.01), "redis has not replied"
    waiting = [asyncio.ensure_future(bench.behind.caught_up(each, 5)) for each in (one, other)]
    await turns()
    bench.redis.replies.set()
    await turns()
    assert [each.done() for each in waiting] == [True, False]
    await bench.flush()
    assert await asyncio.gather(*waiting) == [True, True]


async def test_who_waits_for_redis_to_catch_up_does_not_wait_while_it_is_away(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    await bench.fail_once()
    assert not await asyncio.wait_for(bench.behind.caught_up(one, 60), 1)
    await bench.retry()


async def test_nothing_is_acked_from_a_hash_that_lost_fields_before_it_is_whole_again(bench: Bench) -> None:
    one, other = session(1), session(2)
    one.player.inventory.add("apple", 3)
    bench.redis.torn = {one.player_id}
    acks = [bench.ack(one, 1), bench.ack(other, 1)]
    waiting = asyncio.ensure_future(bench.behind.stored(one, Dirty.STATUS, 5))
    await turns()
    assert bench.given == acks[1:] and not waiting.done() and bench.behind.available
    await bench.flush()
    assert bench.given == [acks[1], acks[0]] and await waiting
    kept = bench.redis.hashes[one.player_id, one.epoch]
    assert kept["item:apple"] == "3" and {"x", "state", "chat", "resume", "kinds"} <= kept.keys()
    assert len(bench.redis.hashes[other.player_id, other.epoch]) == 3, "the other's is left alone"


async def test_a_hash_that_grew_is_looked_at_at_once_and_mended_with_the_next_write(bench: Bench) -> None:
    one = session()
    bench.redis.torn = bench.redis.grown = {one.player_id}
    bench.behind.mark(one, Dirty.PLACE)
    await bench.flush()
    assert bench.redis.pointers_read == [set(), {one.player_id}]
    bench.redis.grown = set()
    await bench.flush()
    assert {"x", "state", "chat", "resume", "kinds"} <= bench.redis.hashes[one.player_id, one.epoch].keys()


async def test_a_hash_that_grew_and_is_whole_is_not_written_again(bench: Bench) -> None:
    one = session()
    bench.redis.grown = {one.player_id}
    bench.behind.mark(one, Dirty.PLACE)
    for _ in range(3):
        await bench.flush()
    assert [len(batch) for batch in bench.redis.batches] == [1, 0]


async def test_an_idle_session_whose_hash_lost_fields_is_found_by_the_watch(bench: Bench) -> None:
    one = session()
    bench.watched.append(one)
    bench.redis.torn = {one.player_id}
    with capture_logs() as lines:
        for _ in range(3):
            bench.clock.now_s += 0.5
            await bench.flush()
    assert {"x", "state", "chat", "resume", "kinds"} <= bench.redis.hashes[one.player_id, one.epoch].keys()
    assert [(line["event"], line["sessions"]) for line in lines] == [("redis_lost_fields", 1)]


async def test_who_is_fenced_is_told_and_never_acked(bench: Bench) -> None:
    one, other = session(1), session(2)
    bench.ack(one, 1)
    ack = bench.ack(other, 9)
    bench.redis.owned_elsewhere.add(one.player_id)
    await bench.flush()
    assert bench.fenced == [one] and bench.given == [ack]


async def test_without_a_lease_nothing_is_acked_until_there_is_one_again(bench: Bench) -> None:
    one = session()
    ack = bench.ack(one, 1)
    bench.may_ack = False
    await bench.flush()
    assert bench.given == [] and not bench.behind.can_store
    bench.may_ack = True
    await bench.flush()
    assert bench.given == [ack] and bench.behind.can_store


async def test_a_session_that_stands_still_finds_out_that_it_is_fenced_too(bench: Bench) -> None:
    one = session()
    bench.watched.append(one)
    bench.redis.owned_elsewhere.add(one.player_id)
    for _ in range(200):
        bench.clock.now_s += 0.05
        await bench.flush()
    assert one in bench.fenced


async def test_only_writes_that_carry_acks_read_the_pointer(bench: Bench) -> None:
    one, other = session(1), session(2)
    bench.ack(one, 1)
    bench.behind.mark(other, Dirty.PLACE)
    await bench.flush()
    assert bench.redis.pointers_read == [{one.player_id}]


async def test_a_session_that_ended_is_not_written_again_after_a_failure(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    bench.redis.replies.clear()
    await bench.flush()
    one.move(SessionEvent.FENCED)
    bench.redis.is_away()
    bench.redis.replies.set()
    await turns()
    bench.redis.is_back()
    await bench.retry()
    assert len(bench.redis.batches) == 1


async def test_acks_of_the_next_client_do_not_ride_on_the_write_of_the_one_before(bench: Bench) -> None:
    one = session()
    bench.ack(one, 1)
    bench.redis.replies.clear()
    await bench.flush()
    one.player._internals.actions.start_lineage("another client")
    one.unstored = ()
    new = bench.ack(one, 1)
    bench.redis.replies.set()
    await turns()
    assert bench.given == []
    await bench.flush()
    assert bench.given == [new]


# --- stored ---


async def test_stored_waits_until_redis_has_it(bench: Bench) -> None:
    one = session()
    bench.redis.replies.clear()
    waiting = asyncio.ensure_future(bench.behind.stored(one, Dirty.STATUS, 5))
    await turns()
    assert not waiting.done()
    bench.redis.replies.set()
    assert await waiting
    assert "resume" in bench.redis.hashes[one.player_id, one.epoch]


async def test_stored_during_a_write_waits_for_the_next_one(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    bench.redis.replies.clear()
    await bench.flush()
    waiting = asyncio.ensure_future(bench.behind.stored(one, Dirty.STATUS, 5))
    await turns()
    bench.redis.replies.set()
    await turns()
    assert not waiting.done()
    await bench.flush()
    assert await waiting


async def test_stored_is_false_when_redis_has_not_answered_by_then(bench: Bench) -> None:
    bench.redis.is_away()
    assert not await bench.behind.stored(session(), Dirty.STATUS, 0.01)


async def test_stored_outlives_a_failure(bench: Bench) -> None:
    one = session()
    bench.redis.is_away()
    waiting = asyncio.ensure_future(bench.behind.stored(one, Dirty.STATUS, 5))
    await turns()
    bench.redis.is_back()
    await bench.retry()
    assert await waiting


async def test_stored_is_false_for_who_is_fenced_or_forgotten(bench: Bench) -> None:
    one, other = session(1), session(2)
    one.unstored += (Ack(1, "stored"),)
    bench.redis.owned_elsewhere.add(one.player_id)
    assert not await bench.behind.stored(one, Dirty.STATUS, 5)
    bench.redis.is_away()
    waiting = asyncio.ensure_future(bench.behind.stored(other, Dirty.STATUS, 5))
    await turns()
    bench.behind.forget(other)
    assert not await waiting


# --- withdraw ---


async def test_withdraw_waits_for_the_write_that_holds_the_session(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    bench.redis.replies.clear()
    await bench.flush()
    withdrawing = asyncio.ensure_future(bench.behind.withdraw(one))
    await turns()
    assert not withdrawing.done()
    bench.redis.replies.set()
    await withdrawing


async def test_withdraw_does_not_wait_for_the_writes_of_others(bench: Bench) -> None:
    bench.behind.mark(session(2), Dirty.PLACE)
    bench.redis.replies.clear()
    await bench.flush()
    await asyncio.wait_for(bench.behind.withdraw(session(1)), 5)


async def test_after_withdraw_a_write_that_failed_is_not_repeated(bench: Bench) -> None:
    one = session()
    bench.behind.mark(one, Dirty.PLACE)
    bench.redis.is_away()
    bench.redis.replies.clear()
    await bench.flush()
    withdrawing = asyncio.ensure_future(bench.behind.withdraw(one))
    await turns()
    bench.redis.replies.set()
    await withdrawing
    bench.redis.is_back()
    await bench.retry()
    assert len(bench.redis.batches) == 1


async def test_after_a_write_that_failed_only_redis_can_tell_that_it_cannot_arrive_any_more(bench: Bench) -> None:
    await bench.behind.await_quiet()
    bench.behind.mark(session(1), Dirty.PLACE)
    await bench.fail_once()
    bench.redis.is_away()
    with pytest.raises(StoreUnavailable):
        await bench.behind.await_quiet()
    bench.redis.error = ServerChanged("redis has restarted")
    await bench.behind.await_quiet()
    bench.redis.is_back()
    await bench.behind.await_quiet()


async def test_a_state_that_cannot_be_written_keeps_nobody_else_s_from_redis(bench: Bench) -> None:
    broken, sound = session(1), session(2)
    break_state(broken)
    bench.behind.mark(broken, Dirty.STATE)
    bench.behind.mark(sound, Dirty.STATE)
    await bench.flush()
    assert set(bench.redis.hashes) == {(sound.player_id, sound.epoch)}
    await bench.flush()
    assert len(bench.redis.batches) == 1


async def test_an_ack_for_what_could_not_be_written_is_not_given_with_the_next_write(bench: Bench) -> None:
    one = session()
    break_state(one)
    bench.behind.mark(one, Dirty.STATE)
    bench.ack(one, 1)
    await bench.flush()
    bench.behind.mark(one, Dirty.PLACE)
    await bench.flush()
    assert bench.given == [] and bench.redis.batches == []
    state_of(one).steps = 3
    bench.behind.mark(one, Dirty.STATE)
    await bench.flush()
    assert [ack.seq for ack in bench.given] == [1]
    assert bench.redis.hashes[one.player_id, one.epoch]["actions"]


async def test_a_changed_server_that_only_a_look_meets_is_given_every_session_whole(bench: Bench) -> None:
    idle, gone = session(1), session(2)
    idle.player.inventory.add("coin", 3)
    bench.behind.mark(gone, Dirty.PLACE)
    await bench.fail_once()
    bench.behind.forget(gone)  # nobody is dirty, and nobody's pointer is due
    bench.watched.append(idle)
    bench.redis.error = ServerChanged("redis has restarted")
    await bench.retry()
    bench.redis.is_back()
    await bench.flush()
    assert bench.redis.hashes[idle.player_id, idle.epoch]["item:coin"] == "3"


async def test_what_was_acked_while_redis_was_away_is_not_acked_again(bench: Bench) -> None:
    one = session()
    bench.ack(one, 1)
    bench.redis.is_away()
    await bench.flush()
    one.unstored = ()  # as ``Ender`` leaves it when SQL has saved the session
    await bench.retry()
    bench.redis.is_back()
    await bench.retry()
    assert bench.given == []


async def test_who_is_leaving_holds_up_nobodys_acks_by_a_lost_pointer(bench: Bench) -> None:
    leaving, other = session(1), session(2)
    bench.ack(leaving, 1)
    ack = bench.ack(other, 1)
    leaving.move(SessionEvent.END)
    await bench.flush()
    assert bench.redis.pointers_read == [{other.player_id}] and bench.given == [ack]


async def test_a_changed_server_is_given_every_session_whole_with_the_next_tick(bench: Bench) -> None:
    active, idle = session(1), session(2)
    idle.player.inventory.add("coin", 3)
    bench.watched += [active, idle]
    ack = bench.ack(active, 1)
    bench.redis.error = ServerChanged("another")
    await bench.flush()
    assert bench.given == [] and bench.behind.available
    bench.redis.is_back()
    await bench.flush()  # without a pause: the server is there
    assert bench.given == [ack]
    for one in (active, idle):
        assert {"x", "state", "actions", "chat", "status"} <= bench.redis.hashes[one.player_id, one.epoch].keys()
    assert bench.redis.hashes[idle.player_id, idle.epoch]["item:coin"] == "3"
    assert bench.redis.pointers_read[-1] == {active.player_id, idle.player_id}


async def test_a_changed_server_also_gets_the_whole_of_who_is_leaving(bench: Bench) -> None:
    one, other = session(1), session(2)
    bench.watched += [one, other]
    one.move(SessionEvent.END)
    bench.behind.mark(other, Dirty.PLACE)
    bench.redis.replies.clear()
    await bench.flush()
    stored = asyncio.ensure_future(bench.behind.stored(one, Dirty.PLACE, 5))
    await turns()
    bench.redis.error = ServerChanged("another")
    bench.redis.replies.set()
    await turns()
    bench.redis.is_back()
    await bench.flush()
    assert await stored
    assert {"x", "state", "actions", "status"} <= bench.redis.hashes[one.player_id, one.epoch].keys()
