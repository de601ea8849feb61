"""A session is forgotten when it is saved, and also when it never can be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from gameserver.live.sessions import LiveSessions, Removal
from gameserver.profiles.records import Save, SaveOutcome, SessionLogEntry
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.protocol.messages import Ack
from gameserver.session.answers import Answers
from gameserver.session.ending import Ender, Ending
from gameserver.session.lifecycle import SessionEvent, SessionState
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.session.surrender import Surrender
from gameserver.session.write_behind import WriteBehind
from gameserver.sql.backlog import Backlog
from tests.session.standins import StillClock, break_state, session


class Bench:
    """Notes in which order the stores are asked."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        self.acked: list[Ack] = []
        self.session_log: list[SessionLogEntry] = []
        self.outcome = SaveOutcome.SAVED
        self.is_stored = True
        self.removals: list[Removal] = []  # what the next ones find, before one removes
        saver: Saver = self  # type: ignore[assignment]
        live: LiveSessions = self  # type: ignore[assignment]
        write_behind: WriteBehind = self  # type: ignore[assignment]
        answers: Answers = self  # type: ignore[assignment]
        session_log: Backlog[SessionLogEntry] = self  # type: ignore[assignment]
        surrender: Surrender = self  # type: ignore[assignment]
        self.ender = Ender(
            saver=saver,
            session_log=session_log,
            live=live,
            write_behind=write_behind,
            answers=answers,
            surrender=surrender,
            node=NodeId("n"),
            clock=StillClock(),
        )

    async def stored(self, session: Session, dirty: int, timeout_s: float) -> bool:
        self.steps.append("stored")
        return self.is_stored

    def give_acks(self, session: Session, acks: Iterable[Ack]) -> None:
        self.steps.append("acknowledged")
        self.acked += acks

    async def withdraw(self, session: Session) -> None:
        self.steps.append("withdrawn")

    async def await_quiet(self) -> None:
        self.steps.append("settled")

    def save(self, save: Save, *, is_last: bool) -> asyncio.Future[SaveOutcome]:
        assert is_last
        self.steps.append("saved")
        outcome: asyncio.Future[SaveOutcome] = asyncio.get_running_loop().create_future()
        outcome.set_result(self.outcome)
        return outcome

    def forget(self, player_id: PlayerId, epoch: Epoch) -> None:
        self.steps.append("forgotten")

    def mark_whole(self, session: Session) -> None:
        self.steps.append("marked")

    async def remove(self, player: PlayerId, epoch: Epoch, node: NodeId, saved_seq: int) -> Removal:
        self.steps.append("removed")
        return self.removals.pop(0) if self.removals else Removal.REMOVED

    def add(self, stay: SessionLogEntry) -> None:
        self.session_log.append(stay)


def ending(number: int = 1) -> Session:
    one = session(number)
    one.move(SessionEvent.END)
    return one


async def test_live_state_is_removed_after_the_save() -> None:
    bench, one = Bench(), ending()
    assert await bench.ender.finish(one, "logout") is Ending.DONE
    assert bench.steps == ["stored", "withdrawn", "saved", "acknowledged", "settled", "removed", "forgotten"]
    assert one.state is SessionState.ENDED and [stay.reason for stay in bench.session_log] == ["logout"]


async def test_acks_that_wait_for_redis_are_given_when_sql_has_saved_what_they_are_about() -> None:
    bench, one = Bench(), ending()
    bench.is_stored = False
    acks = [Ack(1, "stored"), Ack(2, "stored")]
    one.unstored = tuple(acks)
    assert await bench.ender.finish(one, "logout") is Ending.DONE
    assert bench.acked == acks and len(one.unstored) == 0
    assert bench.steps.index("saved") < bench.steps.index("acknowledged")


async def test_what_redis_lacks_at_the_end_is_still_to_be_written_while_sql_is_asked() -> None:
    bench, one = Bench(), ending()
    bench.is_stored, bench.removals = False, [Removal.NEWER]
    assert await bench.ender.finish(one, "logout") is Ending.DONE
    first = ["stored", "withdrawn", "saved", "marked", "withdrawn", "acknowledged", "settled", "removed"]
    again = ["withdrawn", "saved", "acknowledged", "settled", "removed", "forgotten"]  # Redis had got it meanwhile
    assert bench.steps == first + again


async def test_a_session_that_cannot_be_saved_as_it_is_ends_and_its_live_state_stays() -> None:
    bench, one = Bench(), ending()
    break_state(one)
    assert await bench.ender.finish(one, "logout") is Ending.LEFT
    assert bench.steps == ["stored", "withdrawn", "withdrawn", "forgotten"] and one.state is SessionState.ENDED


async def test_a_session_that_sql_refuses_waits_with_its_live_state_as_if_its_client_had_vanished() -> None:
    bench, one = Bench(), ending()
    bench.outcome = SaveOutcome.REFUSED
    assert await bench.ender.finish(one, "logout") is Ending.REFUSED
    assert bench.steps == ["stored", "withdrawn", "saved"] and one.state is SessionState.ENDING
    bench.ender.keep(one)
    assert bench.steps[-1] == "marked"
    assert (one.state, one.refused_ends, bench.session_log) == (SessionState.DISCONNECTED, 1, [])
