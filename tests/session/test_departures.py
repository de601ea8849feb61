"""A session always comes to its end: also of a player whom the game turned away, and of a zone that has stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from gameserver.link.local import LocalLink
from gameserver.link.messages import CloseConnection, Deliver, ToEdge
from gameserver.protocol.errors import Close
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.messages import Refused
from gameserver.session.answers import Answers
from gameserver.session.departures import Departures
from gameserver.session.ending import Ender
from gameserver.session.exchanges import ExchangeCarrier
from gameserver.session.game_log import GameLog
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.publisher import Publisher
from gameserver.session.registry import Registry
from gameserver.session.session import Session
from gameserver.session.surrender import Surrender
from gameserver.simulation.result import TickResult
from gameserver.simulation.routes import routes_of
from gameserver.simulation.stopwatch import Stopwatch
from gameserver.simulation.zones import Zones
from gameserver.tasks import Tasks
from gameserver.world.entity import Player
from gameserver.world.exchange import Exchange, ExchangeResult
from tests.session.standins import StillClock, decode, profile, session
from tests.simulation.tiny import Hand, Tiny


class Bench:
    """One zone stepped by hand; ends are noted instead of saved, exchanges are held back."""

    def __init__(self) -> None:
        self.tasks, self.registry, self.clock = Tasks(), Registry(), StillClock()
        self.game = Tiny()
        self.zones = Zones(self.game, routes_of(self.game), self.clock, 1)
        self.ended: list[tuple[int, str]] = []
        self.closed: list[Close] = []
        self.refused: list[int | None] = []
        self.waits = False
        link = LocalLink()
        link.attach_edge(self.hear)
        ender: Ender = self  # type: ignore[assignment]
        surrender: Surrender = self  # type: ignore[assignment]
        self.departures = Departures(
            link=link,
            answers=Answers(link),
            registry=self.registry,
            zones=self.zones,
            ender=ender,
            surrender=surrender,
            tasks=self.tasks,
            clock=self.clock,
            grace_s=30,
            idle_timeout_s=900,
        )

    def hear(self, message: ToEdge) -> None:
        if isinstance(message, CloseConnection):
            self.closed.append(message.reason)
        elif isinstance(message, Deliver) and isinstance(answer := decode(message.text), Refused):
            self.refused.append(answer.seq)

    async def finish(self, session: Session, reason: str) -> bool:
        session.move(SessionEvent.SAVED)
        self.ended.append((session.player_id, reason))
        return True

    def note_end(self, session: Session, reason: str) -> None:
        self.ended.append((session.player_id, reason))

    async def discard(self, session: Session) -> None:
        pass

    async def give_up(self, session: Session, fields: Mapping[str, str] | None, keeps: asyncio.Future[bool]) -> None:
        keeps.set_result(self.waits)

    def arrive(self, number: int, coins: int = 0) -> Session:
        one = session(number, saved=profile(number, zone="tiny"))
        one.player._internals.connected = True
        if coins:
            one.player.inventory.add("coin", coins)
        self.registry.add(one)
        self.registry.bind(one, ConnectionId(number))
        self.zones["tiny"].inbox.arrivals.append(one.player)
        return one

    def tick(self) -> TickResult:
        result = self.zones["tiny"].run_tick(Stopwatch(StillClock()))
        for player in result.left:
            self.departures.left(player)
        return result

    def begin_end(self, one: Session) -> asyncio.Task[None]:
        return self.tasks.start(self.departures.end(one, "test", Close.KICKED), "end")


async def ended(ending: asyncio.Task[None]) -> bool:
    await asyncio.wait((ending,), timeout=5)
    return ending.done()


async def test_a_session_is_saved_after_its_player_left_the_zone() -> None:
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    ending = bench.begin_end(one)
    await asyncio.sleep(0.01)
    assert bench.ended == [] and bench.closed == [Close.KICKED]
    bench.tick()
    assert await ended(ending)
    assert bench.ended == [(1, "test")] and len(bench.registry) == 0


async def test_a_player_who_was_turned_away_is_not_waited_for_in_a_zone_it_never_entered() -> None:
    bench = Bench()
    bench.game.closed_to.add(1)
    one = bench.arrive(1)
    assert bench.tick().declined
    assert await ended(bench.begin_end(one))
    assert len(bench.registry) == 0


@pytest.mark.plain
async def test_who_is_to_leave_and_is_turned_away_on_the_same_tick_is_not_waited_for() -> None:
    bench = Bench()
    bench.game.closed_to.add(1)
    one = bench.arrive(1)
    ending = bench.begin_end(one)
    await asyncio.sleep(0.01)
    result = bench.zones["tiny"].run_tick(Stopwatch(StillClock()))
    publisher(Carrier(), left=bench.departures.left).act(bench.zones["tiny"], result)
    assert await ended(ending)


async def test_a_zone_that_stops_lets_go_of_who_was_about_to_leave() -> None:
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    ending = bench.begin_end(one)
    await asyncio.sleep(0.01)
    bench.zones["tiny"].stopped = True
    assert await ended(ending)


async def test_nobody_leaves_while_an_exchange_is_under_way() -> None:
    bench = Bench()
    one, other = bench.arrive(1, coins=1), bench.arrive(2)
    bench.tick()
    bench.zones["tiny"].inbox.add_input(one.player, Hand(seq=1, to=other.player_id))
    (exchange,) = bench.tick().exchanges
    ending = bench.begin_end(one)
    await asyncio.sleep(0.05)
    assert bench.zones["tiny"].inbox.departures == []
    bench.zones["tiny"].inbox.outcomes.append((exchange, "done"))
    bench.tick()
    await asyncio.sleep(0.1)
    bench.tick()
    assert await ended(ending)


@pytest.mark.plain
async def test_an_exchange_that_ends_after_its_zone_stopped_still_thaws_its_players() -> None:
    bench = Bench()
    one, other = bench.arrive(1, coins=1), bench.arrive(2)
    bench.tick()
    bench.zones["tiny"].inbox.add_input(one.player, Hand(seq=1, to=other.player_id))
    result = bench.tick()
    carrier = Carrier()
    bench.zones["tiny"].stopped = True
    publisher(carrier).act(bench.zones["tiny"], result_with(result.exchanges))
    ending = bench.begin_end(one)
    await asyncio.sleep(0.05)
    assert not ending.done()
    carrier.settle("done")
    assert await ended(ending)
    assert other.player.inventory.held() == {"coin": 1} and not other.player.inventory._frozen


class Carrier:
    """Holds the outcome back."""

    def carry(self, exchange: Exchange, settle: object) -> None:
        self.exchange, self.then = exchange, settle

    def settle(self, outcome: ExchangeResult) -> None:
        assert callable(self.then)
        self.then(self.exchange, outcome)


def publisher(carrier: Carrier, left: Callable[[Player], None] = lambda player: None) -> Publisher:
    held_back: ExchangeCarrier = carrier  # type: ignore[assignment]
    unused: object = None
    link = LocalLink()
    return Publisher(
        link=link,
        registry=Registry(),
        write_behind=unused,  # type: ignore[arg-type]
        answers=Answers(link),
        carrier=held_back,
        services=(),
        game=Tiny(),
        grace_s=30,
        left=left,
        turned_away=lambda session: None,
        waits=lambda session: None,
        game_log=GameLog(StillClock()),
    )


async def test_a_connection_is_closed_when_its_actions_are_answered() -> None:
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    one.unanswered.add(1)
    ending = bench.begin_end(one)
    await asyncio.sleep(0.05)
    assert one.is_open and one.is_leaving and bench.closed == []
    one.unanswered.clear()
    await asyncio.sleep(0.05)
    assert bench.closed == [Close.KICKED]
    bench.tick()
    assert await ended(ending)


async def test_who_is_still_not_answered_is_closed_when_the_session_is_saved() -> None:
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    one.player._internals.actions.begin(1)
    one.unanswered.add(1)
    ending = bench.begin_end(one)
    await asyncio.sleep(0.05)
    bench.clock.now_s += 1.1
    await asyncio.sleep(0.05)
    assert not one.is_open and one.connection_id is not None and bench.closed == []
    bench.tick()
    assert await ended(ending)
    assert bench.closed == [Close.KICKED] and bench.refused == []


async def test_what_no_tick_took_before_the_zone_stopped_is_refused() -> None:
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    one.player._internals.actions.finish(1, "stored")
    one.unanswered |= {1, 2, 3}
    bench.zones["tiny"].stopped = True
    ending = bench.begin_end(one)
    await asyncio.sleep(0.05)
    bench.clock.now_s += 1.1
    assert await ended(ending)
    assert bench.refused == [2, 3] and bench.closed == [Close.KICKED]


async def test_a_logout_ends_only_the_session_of_the_connection_that_asked() -> None:
    """Another one took the session while the logout waited for its turn: the newest wins."""
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    async with bench.registry.lock(one.player_id):
        leaving = asyncio.create_task(bench.departures.log_out(one))
        await asyncio.sleep(0.01)
        bench.registry.bind(one, ConnectionId(9))
    await leaving
    assert one.is_open and bench.closed == [] and bench.ended == []


async def test_a_logout_whose_socket_is_lost_ends_the_session_all_the_same() -> None:
    bench = Bench()
    one = bench.arrive(1)
    bench.tick()
    leaving = asyncio.create_task(bench.departures.log_out(one))
    bench.registry.unbind(one)
    await asyncio.sleep(0.05)
    bench.tick()
    await leaving
    assert bench.ended == [(1, "logout")]


async def swept(bench: Bench) -> None:
    """Let the sweep look once, and the zone tick what it asks for."""
    sweeping = asyncio.create_task(bench.departures.sweep())
    for _ in range(40):
        await asyncio.sleep(0.02)
        for player in bench.tick().left:
            bench.departures.left(player)
    sweeping.cancel()


async def test_who_does_nothing_for_too_long_ends_as_idle_and_who_does_something_stays() -> None:
    bench = Bench()
    idle, busy = bench.arrive(1), bench.arrive(2)
    bench.tick()
    for one in (idle, busy):
        one.move(SessionEvent.JOINED)
    bench.clock.now_s += 901
    busy.last_input_s = bench.clock.now_s
    await swept(bench)
    assert bench.ended == [(1, "idle")]
    assert bench.closed == [Close.IDLE]
    assert bench.registry.get(busy.player_id) is busy


@pytest.mark.parametrize(("waits", "reason"), [(False, Close.TAKEN_OVER), (True, Close.MOVED)])
async def test_who_is_fenced_is_told_whether_to_come_back(waits: bool, reason: Close) -> None:
    bench = Bench()
    bench.waits = waits
    one = bench.arrive(1)
    bench.tick()
    bench.departures.fence(one)
    assert bench.registry.get(one.player_id) is None
    await bench.tasks.drain(1)
    assert bench.closed == [reason]
    assert bench.ended == [(1, str(reason))]


async def test_a_drain_also_ends_who_was_let_in_a_moment_before() -> None:
    bench = Bench()
    arrived = asyncio.Event()

    async def open_slowly() -> None:
        async with bench.registry.lock(PlayerId(1)):
            await arrived.wait()
            bench.arrive(1)

    opening = asyncio.create_task(open_slowly())
    await asyncio.sleep(0)
    draining = asyncio.create_task(bench.departures.drain(5.0))
    await asyncio.sleep(0.05)
    assert not draining.done()
    arrived.set()
    while not draining.done():
        await asyncio.sleep(0.02)
        bench.tick()
    assert draining.result() and bench.ended == [(1, "drain")]
    await opening


async def test_a_drain_ends_in_time_when_somebody_cannot_be_saved() -> None:
    bench = Bench()
    bench.arrive(1)  # and no tick lets it leave
    draining = asyncio.create_task(bench.departures.drain(5.0))
    await asyncio.sleep(0.05)
    bench.clock.now_s += 5.1
    assert not await draining
    bench.tick()
    bench.tick()
    await bench.tasks.drain(1)


def result_with(exchanges: list[Exchange]) -> TickResult:
    result = TickResult(9)
    result.exchanges += exchanges
    return result
