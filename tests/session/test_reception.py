"""A session that is given a connection is in its zone once, whoever else comes at the same moment."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.link.local import LocalLink
from gameserver.link.messages import CloseConnection, Declined, Join, ResumeSession, ToEdge
from gameserver.protocol.errors import Close, RefusalCode
from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.session import reception as module
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.opening import Opener
from gameserver.session.reception import Reception
from gameserver.session.registry import Registry
from gameserver.session.session import Session
from gameserver.session.write_behind import WriteBehind
from gameserver.simulation.routes import routes_of
from gameserver.simulation.stopwatch import Stopwatch
from gameserver.simulation.zones import Zones
from tests.session.standins import StillClock, profile, session, turns
from tests.simulation.tiny import Take, Tiny


class Bench:
    """Opens sessions from nothing, and lets Redis answer when told to."""

    def __init__(self) -> None:
        self.registry, self.zones = Registry(), Zones(Tiny(), routes_of(Tiny()), StillClock(), 1)
        self.told: list[ToEdge] = []
        self.redis_replies = asyncio.Event()
        self.redis_replies.set()
        link = LocalLink()
        link.attach_edge(self.told.append)
        opener: Opener = self  # type: ignore[assignment]
        write_behind: WriteBehind = self  # type: ignore[assignment]
        self.reception = Reception(
            link=link,
            registry=self.registry,
            zones=self.zones,
            opener=opener,
            write_behind=write_behind,
            clock=StillClock(),
            opened=lambda session: None,
            fenced=lambda session: None,
            until_gone=self.until_gone,
        )

    async def open(self, player_id: PlayerId) -> Session:
        return session(player_id, saved=profile(player_id, zone="tiny"))

    async def until_gone(self, player_id: PlayerId) -> None:
        pass

    async def token_is_good(self, player_id: PlayerId, token: str) -> bool:
        return True

    async def is_taken_over(self, session: Session) -> bool:
        return False

    async def stored(self, session: Session, dirty: int, timeout_s: float) -> bool:
        await self.redis_replies.wait()
        return True

    def join(self, number: int, connection: int) -> asyncio.Task[None]:
        message = Join(ConnectionId(connection), PlayerId(number), f"P{number}")
        self.reception.expect(message.connection_id)
        return asyncio.ensure_future(self.reception.join(message))


async def test_who_signs_in_twice_within_a_tick_arrives_once() -> None:
    bench = Bench()
    await asyncio.gather(bench.join(1, 1), bench.join(1, 2))
    result = bench.zones["tiny"].run_tick(Stopwatch(StillClock()))
    assert len(result.admitted) == 1 and len(bench.zones["tiny"].zone.entities) == 1
    assert bench.registry.connections.get(PlayerId(1)) == 2 and len(bench.registry.connections) == 1
    assert bench.told == [CloseConnection(ConnectionId(1), Close.TAKEN_OVER)]


async def test_a_new_session_arrives_while_the_player_of_an_older_one_is_about_to_leave() -> None:
    bench = Bench()
    await bench.join(1, 1)
    runner = bench.zones["tiny"]
    (older,) = runner.run_tick(Stopwatch(StillClock())).admitted
    before = bench.registry.get(PlayerId(1))
    assert before is not None
    bench.registry.remove(before)
    runner.inbox.departures.append((before.player, "fenced"))
    await bench.join(1, 2)
    result = runner.run_tick(Stopwatch(StillClock()))
    assert result.left == [older] and len(result.admitted) == 1
    assert runner.zone.players[PlayerId(1)] is not older


async def test_what_the_connection_before_had_sent_is_not_applied_on_a_tick_before_its_successor_is_welcome() -> None:
    """Else the seqs of the client before would count as those of the new one, which numbers from 1."""
    bench = Bench()
    await bench.join(1, 1)
    runner = bench.zones["tiny"]
    (player,) = runner.run_tick(Stopwatch(StillClock())).admitted
    runner.inbox.add_input(player, Take(seq=9))
    bench.redis_replies.clear()
    joining = bench.join(1, 2)
    await turns()
    runner.run_tick(Stopwatch(StillClock()))
    assert player._internals.actions.last_seq == 0 and player.inventory.held() == {}
    bench.redis_replies.set()
    await joining


async def test_a_session_fenced_while_its_pointer_is_read_is_not_given_to_anybody() -> None:
    bench = Bench()
    await bench.join(1, 1)
    before = bench.registry.get(PlayerId(1))
    assert before is not None

    async def fence_meanwhile(session: Session) -> bool:
        session.move(SessionEvent.FENCED)
        bench.registry.remove(session)
        return False

    bench.is_taken_over = fence_meanwhile  # type: ignore[method-assign]
    await bench.join(1, 2)
    again = bench.registry.get(PlayerId(1))
    assert again is not before and again is not None and again.connection_id == 2


async def test_a_session_fenced_before_its_token_is_stored_does_not_arrive() -> None:
    bench = Bench()
    bench.redis_replies.clear()
    joining = bench.join(1, 1)
    await turns()
    fenced = bench.registry.get(PlayerId(1))
    assert fenced is not None
    fenced.move(SessionEvent.FENCED)
    bench.registry.remove(fenced)
    bench.redis_replies.set()
    await joining
    assert bench.zones["tiny"].inbox.arrivals == []


async def test_a_deadline_that_passes_late_does_not_leave_a_session_outside_its_zone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "OPEN_DEADLINE_S", 0.01)
    bench = Bench()
    bench.redis_replies.clear()
    joining = bench.join(1, 1)
    await asyncio.sleep(0.05)
    bench.redis_replies.set()
    await joining
    assert bench.told == [] and len(bench.zones["tiny"].inbox.arrivals) == 1


async def test_a_session_that_redis_lost_after_the_look_at_its_token_is_not_resumed() -> None:
    bench = Bench()
    message = ResumeSession(ConnectionId(1), "1.a token of before")
    bench.reception.expect(message.connection_id)
    await bench.reception.resume(message)
    (told,) = bench.told
    assert isinstance(told, Declined) and told.code is RefusalCode.BAD_TOKEN
    await bench.join(1, 2)
    assert bench.zones["tiny"].run_tick(Stopwatch(StillClock())).admitted
