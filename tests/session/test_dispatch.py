"""The host refuses a new action while Redis is away, and never one that was applied before."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import ClassVar

import msgspec
import pytest

from gameserver.link.local import LocalLink
from gameserver.link.messages import Deliver, PlayerInputs, ToEdge
from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import RefusalCode
from gameserver.protocol.ids import ConnectionId
from gameserver.protocol.messages import Ack, Action, ClientMessage, Guest, Logout, Refused
from gameserver.session.departures import Departures
from gameserver.session.dispatch import Dispatcher
from gameserver.session.game_log import GameLog
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.reception import Reception
from gameserver.session.registry import Registry
from gameserver.session.session import Dirty, Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.inbox import Inbox
from gameserver.simulation.routes import routes_of
from gameserver.simulation.zones import Zones
from gameserver.tasks import Tasks
from gameserver.world.entity import Player
from tests.services.kudos import Clap, Kudos, Ranking
from tests.session.standins import StillClock, profile, session
from tests.simulation.tiny import Take, Tiny, Wave

pytestmark = pytest.mark.plain  # stand-ins in the place of what a host is given


class Bench:
    """One player who plays while Redis is away, or only slow."""

    def __init__(self, can_store: bool = False, sql_is_away: bool = False) -> None:
        self.can_store = can_store
        self.registry, self.clock = Registry(), StillClock()
        routes = routes_of(Tiny(), [Kudos()])
        self.zones = Zones(Tiny(), routes, self.clock, 1)
        self.told: list[ToEdge] = []
        self.link = LocalLink()
        self.link.attach_edge(self.told.append)
        write_behind: WriteBehind = self  # type: ignore[assignment]
        reception: Reception = self  # type: ignore[assignment]
        departures: Departures = self  # type: ignore[assignment]
        tasks: Tasks = self  # type: ignore[assignment]
        self.logouts = 0
        dispatcher = Dispatcher(
            link=self.link,
            routes=routes,
            registry=self.registry,
            zones=self.zones,
            reception=reception,
            departures=departures,
            write_behind=write_behind,
            sql_is_away=lambda: sql_is_away,
            tasks=tasks,
            clock=self.clock,
            game_log=GameLog(self.clock),
        )
        self.link.attach_host(dispatcher.receive)
        self.one = session(1, saved=profile(1, zone="tiny"))
        self.registry.add(self.one)
        self.registry.bind(self.one, ConnectionId(1))
        self.one.move(SessionEvent.JOINED)

    def mark(self, session: Session, dirty: Dirty) -> None:
        pass

    def log_out(self, session: Session) -> Coroutine[None, None, None]:
        self.logouts += 1
        return asyncio.sleep(0)

    def start(self, work: Coroutine[None, None, None], name: str) -> None:
        work.close()

    def waiting(self) -> list[int]:
        """The seqs that wait for the next tick."""
        inputs = self.zones["tiny"].inbox.inputs_of(self.one.player)
        return [message.seq for message in inputs if isinstance(message, Action)]

    def send(self, *seqs: int) -> list[Refused]:
        return self.say(*[Take(seq=seq) for seq in seqs])

    def say(self, *messages: ClientMessage) -> list[Refused]:
        self.told.clear()
        texts = [msgspec.json.encode(message) for message in messages]
        self.link.to_host(PlayerInputs([ConnectionId(1)] * len(messages), texts))
        delivered = [msgspec.json.decode(message.text) for message in self.told if isinstance(message, Deliver)]
        return [msgspec.convert(message, Refused) for message in delivered if message["type"] == "refused"]


class BrokenOnce(Inbox):
    """Has a bug that one input meets."""

    is_broken: ClassVar[bool] = True

    def add_input(self, player: Player, message: ClientMessage) -> bool:
        if self.is_broken:
            BrokenOnce.is_broken = False
            raise RuntimeError("secret detail")
        return super().add_input(player, message)


def test_a_new_action_is_refused_while_redis_is_away() -> None:
    assert [refused.seq for refused in Bench().send(1)] == [1]


def test_our_own_errors_are_told_without_detail_and_cost_one_input() -> None:
    bench = Bench(can_store=True)
    bench.zones["tiny"].inbox = BrokenOnce()
    (refused,) = bench.send(1, 2)
    assert refused == Refused(RefusalCode.INTERNAL, "", 1)
    assert [message.seq for message in bench.zones["tiny"].inbox.inputs_of(bench.one.player)] == [2]  # type: ignore[attr-defined]


def test_an_action_that_was_applied_before_is_not_refused_when_it_comes_again() -> None:
    """A refusal says that nothing was changed; its answer waits until Redis is back."""
    bench = Bench()
    bench.one.player._internals.actions.finish(1, "stored")
    bench.one.player._internals.actions.begin(2)
    assert bench.send(1) == [] and bench.send(2) == []
    assert [message.seq for message in bench.zones["tiny"].inbox.inputs_of(bench.one.player)] == [1, 2]  # type: ignore[attr-defined]


def test_an_action_that_comes_again_before_its_answer_is_not_taken_twice() -> None:
    """Nor refused: the answer to the first is the answer to both."""
    bench = Bench(can_store=True)
    assert bench.send(1, 1, 2) == []
    assert bench.waiting() == [1, 2] and bench.one.unanswered == {1, 2}
    bench.can_store = False
    assert bench.send(1) == []


def test_an_action_that_is_refused_at_once_has_no_other_answer_to_wait_for() -> None:
    bench = Bench()
    assert [refused.seq for refused in bench.send(1)] == [1]
    assert bench.one.unanswered == set()


def test_an_action_behind_a_logout_is_refused_and_one_before_it_is_not() -> None:
    bench = Bench(can_store=True)
    assert bench.say(Take(seq=1), Logout(), Take(seq=2), Logout()) == [
        Refused(RefusalCode.NOT_SIGNED_IN, "this session is ending", 2, retry_after_ms=1000)
    ]
    assert bench.waiting() == [1] and bench.logouts == 1


def test_an_action_that_comes_when_the_session_is_being_saved_is_refused() -> None:
    bench = Bench(can_store=True)
    bench.one.player._internals.actions.finish(1, "stored")
    bench.one.move(SessionEvent.END)
    assert [(refused.seq, refused.code) for refused in bench.send(1, 2)] == [(2, RefusalCode.NOT_SIGNED_IN)]
    assert bench.waiting() == []


def test_so_many_actions_wait_for_a_slow_redis_and_no_more() -> None:
    bench = Bench(can_store=True)
    for seq in range(1, ANSWERS_MAX // 2 + 1):
        assert bench.send(seq) == []
    bench.zones["tiny"].inbox.inputs.clear()  # a tick applied them; their acks wait
    bench.one.unstored += tuple(Ack(seq, "stored") for seq in range(1, ANSWERS_MAX // 2 + 1))
    for seq in range(ANSWERS_MAX // 2 + 1, ANSWERS_MAX + 1):
        assert bench.send(seq) == []
    (refused,) = bench.send(ANSWERS_MAX + 1)
    assert (refused.seq, refused.code) == (ANSWERS_MAX + 1, RefusalCode.TRY_LATER)
    bench.one.unstored = ()
    assert bench.send(ANSWERS_MAX + 2) == []


def test_an_action_that_needs_no_redis_is_taken_while_redis_is_away() -> None:
    bench = Bench()
    assert bench.say(Wave(seq=1), Clap(seq=2)) == [] and bench.waiting() == [1, 2]


@pytest.mark.parametrize(("can_store", "sql_is_away", "refused"), [(False, False, []), (True, True, [1])])
def test_an_action_that_needs_sql_alone_is_refused_while_sql_is_away(
    can_store: bool, sql_is_away: bool, refused: list[int]
) -> None:
    bench = Bench(can_store, sql_is_away)
    assert [(it.seq, it.code) for it in bench.say(Ranking(seq=1))] == [(seq, RefusalCode.TRY_LATER) for seq in refused]
    bench.one.player._internals.actions.finish(2, "accepted")
    assert bench.say(Ranking(seq=2)) == [], "it was applied before, and is answered again"


def test_a_sign_in_on_a_connection_that_plays_is_refused_and_reaches_no_tick() -> None:
    bench = Bench(can_store=True)
    assert [refused.code for refused in bench.say(Guest())] == [RefusalCode.ALREADY_SIGNED_IN]
    assert bench.zones["tiny"].inbox.inputs == {}
