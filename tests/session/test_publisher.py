"""A tick's results go to their receivers."""

from __future__ import annotations

import msgspec
import pytest

from gameserver.link.local import LocalLink
from gameserver.link.messages import Deliver, ToEdge
from gameserver.protocol.errors import Refusal, RefusalCode
from gameserver.protocol.ids import ConnectionId
from gameserver.protocol.messages import Ack, Refused
from gameserver.protocol.policy import AckLevel
from gameserver.session.answers import Answers
from gameserver.session.game_log import GameLog
from gameserver.session.publisher import Publisher
from gameserver.session.registry import Registry
from gameserver.session.session import Session
from gameserver.simulation.result import TickResult, Verdict
from gameserver.simulation.routes import routes_of
from gameserver.simulation.zones import Zones
from tests.session.standins import StillClock, decode, session
from tests.simulation.tiny import Tiny


class Marks:
    """Redis is never written."""

    def mark(self, session: Session, dirty: int) -> None:
        pass


class Bench:
    def __init__(self) -> None:
        self.told: list[ToEdge] = []
        self.registry, self.zones = Registry(), Zones(Tiny(), routes_of(Tiny()), StillClock(), 1)
        self.link = link = LocalLink()
        link.attach_edge(self.told.append)
        marks: object = Marks()
        self.publisher = Publisher(
            link=link,
            registry=self.registry,
            write_behind=marks,  # type: ignore[arg-type]
            answers=Answers(link),
            carrier=marks,  # type: ignore[arg-type]
            services=(),
            game=Tiny(),
            grace_s=30,
            left=lambda player: None,
            turned_away=lambda session: None,
            waits=lambda session: None,
            game_log=GameLog(StillClock()),
        )
        self.one = session(1)
        self.registry.add(self.one)
        self.connect(1)

    def connect(self, connection: int, *sent: int) -> None:
        """A connection takes the session, and sends these seqs."""
        self.registry.bind(self.one, ConnectionId(connection))
        self.one.unanswered.update(sent)

    def answer(self, seq: int, level: AckLevel = "durable") -> None:
        self.publisher.act(self.zones["tiny"], result_of(Verdict(self.one.player, seq, level=level)))

    @property
    def answers(self) -> list[tuple[int, int | None]]:
        """(connection, seq) of every ack and refusal."""
        delivered = [(told.connection_ids[0], decode(told.text)) for told in self.told if isinstance(told, Deliver)]
        return [(connection, answer.seq) for connection, answer in delivered if isinstance(answer, Ack | Refused)]


@pytest.mark.plain
def test_a_connection_is_not_given_the_answer_to_what_the_one_before_sent() -> None:
    """Else it has two: the client sends the action again, and is answered again."""
    bench = Bench()
    bench.connect(1, 7)
    bench.connect(2)
    bench.answer(7)
    assert bench.told == []
    bench.one.unanswered.add(7)
    bench.answer(7)
    assert bench.answers == [(2, 7)]


@pytest.mark.plain
def test_an_action_that_comes_again_before_its_outcome_does_is_answered_by_that_and_not_again() -> None:
    bench = Bench()
    bench.connect(2, 7)
    bench.answer(7)
    bench.answer(7)
    assert bench.answers == [(2, 7)]


@pytest.mark.plain
def test_an_ack_that_waited_for_redis_over_a_resume_is_given_to_who_asks_again() -> None:
    bench = Bench()
    bench.connect(1, 7, 8)
    bench.answer(7, "stored")
    bench.answer(8, "stored")
    bench.connect(2, 8)
    acks, bench.one.unstored = bench.one.unstored, ()
    answers = Answers(bench.link)
    answers.give_acks(bench.one, acks)
    answers.give_acks(bench.one, acks)
    assert bench.answers == [(2, 8)]


@pytest.mark.plain
def test_an_answer_to_an_older_session_of_a_player_is_not_given_to_the_newer_one() -> None:
    """The newer one's client sends the action again, and has the answer to that."""
    told: list[ToEdge] = []
    link, registry, zones = LocalLink(), Registry(), Zones(Tiny(), routes_of(Tiny()), StillClock(), 1)
    link.attach_edge(told.append)
    unused: object = None
    publisher = Publisher(
        link=link,
        registry=registry,
        write_behind=unused,  # type: ignore[arg-type]
        answers=Answers(link),
        carrier=unused,  # type: ignore[arg-type]
        services=(),
        game=Tiny(),
        grace_s=30,
        left=lambda player: None,
        turned_away=lambda session: None,
        waits=lambda session: None,
        game_log=GameLog(StillClock()),
    )
    older, newer = session(1), session(1)
    registry.add(newer)
    registry.bind(newer, ConnectionId(2))
    newer.unanswered |= {23, 24}
    refusal = Refusal(RefusalCode.TRY_LATER, "the exchange could not be made")
    publisher.act(zones["tiny"], result_of(Verdict(older.player, 23, refusal=refusal)))
    assert told == []
    publisher.act(zones["tiny"], result_of(Verdict(newer.player, 24, refusal=refusal)))
    (delivered,) = told
    assert isinstance(delivered, Deliver)
    assert msgspec.json.decode(delivered.text, type=Refused).seq == 24


def result_of(verdict: Verdict) -> TickResult:
    result = TickResult(1)
    result.verdicts.append(verdict)
    return result
