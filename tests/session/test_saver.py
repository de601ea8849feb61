"""A save is never forgotten: it is tried until SQL has answered, and whoever waits gets the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from structlog.testing import capture_logs

from gameserver.observability import metrics
from gameserver.profiles.records import Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.retrying import Pauses
from gameserver.session import refusals
from gameserver.session import saver as module
from gameserver.session.record import to_save
from gameserver.session.saver import BATCH_MAX, Saver
from gameserver.sql.database import HistoryLost, OutcomeUnknown
from tests.session.standins import Sql, session, turns


def save(number: int = 1, seq: int = 1, epoch: int = 1) -> Save:
    return msgspec.structs.replace(to_save(session(number)), seq=seq, epoch=Epoch(epoch))


class Bench:
    def __init__(self) -> None:
        self.sql = Sql()
        profiles: Profiles = self.sql  # type: ignore[assignment]
        self.saver = Saver(profiles)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "GROWING", Pauses(0.001, 5.0))
    monkeypatch.setattr(refusals, "PAUSES", Pauses(0.02, 60.0))
    metrics.UNSAVED_SESSIONS.set(0)
    made = Bench()
    running = asyncio.ensure_future(made.saver.run())
    yield made
    assert not running.done(), "the saver's task died"
    running.cancel()
    await asyncio.wait((running,))


async def test_who_saves_gets_the_outcome(bench: Bench) -> None:
    assert await bench.saver.save(save(seq=2)) is SaveOutcome.SAVED
    assert await bench.saver.save(save(seq=1)) is SaveOutcome.ALREADY
    bench.sql.epochs[PlayerId(1)] = Epoch(2)
    assert await bench.saver.save(save(seq=3)) is SaveOutcome.FENCED
    assert len(bench.saver) == 0


async def test_saves_that_wait_go_out_together_and_not_too_many_at_once(bench: Bench) -> None:
    outcomes = [bench.saver.save(save(number)) for number in range(1, BATCH_MAX + 6)]
    assert set(await asyncio.gather(*outcomes)) == {SaveOutcome.SAVED}
    assert [len(batch) for batch in bench.sql.batches] == [BATCH_MAX, 5]


async def test_a_newer_save_replaces_an_older_one_and_answers_for_it(bench: Bench) -> None:
    older, newer = bench.saver.save(save(seq=1)), bench.saver.save(save(seq=2))
    assert await older is await newer is SaveOutcome.SAVED
    assert [[one.seq for one in batch] for batch in bench.sql.batches] == [[2]]


async def test_an_older_save_does_not_replace_a_newer_one(bench: Bench) -> None:
    await asyncio.gather(bench.saver.save(save(seq=2)), bench.saver.save(save(seq=1)))
    assert bench.sql.rows[PlayerId(1)].seq == 2


async def test_a_newer_save_that_comes_while_the_older_is_out_is_saved_too(bench: Bench) -> None:
    bench.sql.replies.clear()
    older = bench.saver.save(save(seq=1))
    await turns()
    newer = bench.saver.save(save(seq=2))
    bench.sql.replies.set()
    await asyncio.gather(older, newer)
    assert bench.sql.rows[PlayerId(1)].seq == 2


async def test_a_save_is_tried_until_sql_answers(bench: Bench) -> None:
    bench.sql.is_away()
    outcome = bench.saver.save(save())
    while len(bench.sql.batches) < 3:
        await asyncio.sleep(0.001)
    assert not outcome.done() and not bench.saver.available
    bench.sql.is_back()
    assert await outcome is SaveOutcome.SAVED and bench.saver.available


async def test_a_bug_in_a_save_does_not_end_saving(bench: Bench) -> None:
    bench.sql.error = AssertionError("our bug")
    outcome = bench.saver.save(save())
    async with asyncio.timeout(5):
        while len(bench.sql.batches) < 2:
            await asyncio.sleep(0.001)
    bench.sql.is_back()
    assert await outcome is SaveOutcome.SAVED


async def test_a_save_that_sql_refuses_keeps_nobody_else_s_from_sql(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(2))
    saves = [bench.saver.save(save(number)) for number in (1, 2, 3, 4)]
    outcomes = await asyncio.wait_for(asyncio.gather(*saves), 5)
    assert outcomes == [SaveOutcome.SAVED, SaveOutcome.REFUSED, SaveOutcome.SAVED, SaveOutcome.SAVED]
    assert len(bench.saver) == 0 and bench.saver.available


@pytest.mark.parametrize("error", [UnicodeEncodeError("utf-8", "x", 0, 1, "no"), AssertionError("our bug")])
async def test_what_the_driver_or_a_bug_of_ours_raises_is_one_saves_alone(bench: Bench, error: Exception) -> None:
    bench.sql.refuses.add(PlayerId(2))
    bench.sql.refusal = error
    saves = [bench.saver.save(save(number)) for number in (1, 2, 3)]
    outcomes = await asyncio.wait_for(asyncio.gather(*saves), 5)
    assert outcomes == [SaveOutcome.SAVED, SaveOutcome.REFUSED, SaveOutcome.SAVED]


async def test_a_save_that_sql_is_slow_to_refuse_does_not_hold_up_those_beside_it(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(1))
    bench.sql.slow_refusal_s = 0.3
    refused, *others = [bench.saver.save(save(number)) for number in range(1, 30)]
    await asyncio.wait_for(asyncio.gather(*others), 0.55)  # the batch, and then all of them beside the one
    assert not refused.done()
    assert await asyncio.wait_for(bench.saver.save(save(50)), 0.25) is SaveOutcome.SAVED
    assert await asyncio.wait_for(refused, 5) is SaveOutcome.REFUSED


async def test_a_save_that_goes_alone_while_sql_goes_away_is_tried_again(bench: Bench) -> None:
    bench.sql.error = OutcomeUnknown("cut")
    bench.sql.replies.clear()
    outcome = bench.saver.save(save())
    await turns()
    bench.sql.replies.set()
    bench.sql.replies.clear()
    await turns()
    assert len(bench.sql.batches) == 2, "it goes alone now"
    bench.sql.is_away()
    bench.sql.replies.set()
    await turns()
    bench.sql.is_back()
    async with asyncio.timeout(2.0):
        assert await outcome is SaveOutcome.SAVED


async def test_a_save_is_refused_only_after_it_failed_twice_alone(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(1))
    first = bench.saver.save(save(1))
    await turns()
    assert [len(batch) for batch in bench.sql.batches] == [1, 1] and not first.done()
    bench.sql.refuses.clear()
    assert await asyncio.wait_for(first, 5) is SaveOutcome.SAVED


async def test_a_refused_session_is_tried_with_pauses_at_its_end_at_once_and_told_of_once(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(1))
    with capture_logs() as logged:
        assert await asyncio.wait_for(bench.saver.save(save(seq=1)), 5) is SaveOutcome.REFUSED
        tried = len(bench.sql.batches)
        assert await bench.saver.save(save(seq=2)) is SaveOutcome.REFUSED
        assert len(bench.sql.batches) == tried, "too soon"
        assert await asyncio.wait_for(bench.saver.save(save(seq=3), is_last=True), 5) is SaveOutcome.REFUSED
        assert len(bench.sql.batches) == tried + 1
        await asyncio.sleep(0.05)
        assert await asyncio.wait_for(bench.saver.save(save(seq=4)), 5) is SaveOutcome.REFUSED
        assert len(bench.sql.batches) == tried + 2
        assert metrics.UNSAVED_SESSIONS._value.get() == 1
        bench.sql.refuses.clear()
        assert await asyncio.wait_for(bench.saver.save(save(seq=5), is_last=True), 5) is SaveOutcome.SAVED
    assert metrics.UNSAVED_SESSIONS._value.get() == 0
    (told,) = (line for line in logged if line["log_level"] == "error")
    assert (told["event"], told["player_id"], told["error"]) == ("save_refused", 1, "StatementRefused: does not fit")


async def test_a_refused_session_that_left_is_not_counted_any_more(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(1))
    assert await asyncio.wait_for(bench.saver.save(save(1)), 5) is SaveOutcome.REFUSED
    bench.saver.forget(PlayerId(1), Epoch(1))
    assert metrics.UNSAVED_SESSIONS._value.get() == 0


async def test_two_epochs_of_one_player_go_out_one_after_the_other(bench: Bench) -> None:
    bench.sql.epochs[PlayerId(1)] = Epoch(2)
    both = [bench.saver.save(save(epoch=epoch)) for epoch in (1, 2)]
    outcomes = await asyncio.wait_for(asyncio.gather(*both), 5)
    assert outcomes == [SaveOutcome.FENCED, SaveOutcome.SAVED]
    assert [len(batch) for batch in bench.sql.batches] == [1, 1]


async def test_who_gives_up_waiting_does_not_take_the_next_one_along(bench: Bench) -> None:
    bench.sql.is_away()
    bench.saver.save(save(seq=1)).cancel()
    outcome = bench.saver.save(save(seq=2))
    bench.sql.is_back()
    assert await outcome is SaveOutcome.SAVED


async def test_nothing_is_saved_any_more_when_sql_has_another_history(bench: Bench) -> None:
    bench.sql.error = HistoryLost("set back")
    waiting = [bench.saver.save(save(number)) for number in (1, 2)]
    assert await asyncio.wait_for(asyncio.gather(*waiting), 5) == [SaveOutcome.FENCED] * 2
    assert (len(bench.saver), bench.saver.available, bench.sql.rows) == (0, True, {})
