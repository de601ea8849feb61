"""A save is never forgotten: it is tried until SQL has answered, and whoever waits gets the outcome."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest

from gameserver.profiles.records import Save, SaveOutcome
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.session import saver as module
from gameserver.session.record import save_of
from gameserver.session.saver import BATCH_MAX, Saver
from tests.session.standins import Sql, session, turns


def save(number: int = 1, seq: int = 1, epoch: int = 1) -> Save:
    return msgspec.structs.replace(save_of(session(number)), seq=seq, epoch=Epoch(epoch))


class Bench:
    def __init__(self) -> None:
        self.sql = Sql()
        profiles: Profiles = self.sql  # type: ignore[assignment]
        self.saver = Saver(profiles)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "RETRY_MIN_S", 0.001)
    monkeypatch.setattr(module, "REFUSED_RETRY_S", 0.01)
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
    refused = bench.saver.save(save(2))
    others = [bench.saver.save(save(number)) for number in (1, 3, 4)]
    assert set(await asyncio.wait_for(asyncio.gather(*others), 5)) == {SaveOutcome.SAVED}
    assert not refused.done() and len(bench.saver) == 1 and bench.saver.available


async def test_who_comes_after_a_refused_save_goes_out_at_once(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(1))
    refused = bench.saver.save(save(1))
    await turns()
    assert await asyncio.wait_for(bench.saver.save(save(2)), 5) is SaveOutcome.SAVED
    assert not refused.done()


async def test_a_refused_save_is_tried_again_now_and_then(bench: Bench) -> None:
    bench.sql.refuses.add(PlayerId(1))
    refused = bench.saver.save(save())
    await turns()
    tried = len(bench.sql.batches)
    await turns()
    assert len(bench.sql.batches) == tried, "not at once"
    bench.sql.refuses.clear()
    assert await asyncio.wait_for(refused, 5) is SaveOutcome.SAVED


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
