"""A session that Redis lost is opened there again from memory, unless it has ended or is another's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from gameserver.live.sessions import LiveSessions, Owner
from gameserver.profiles.records import Profile
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.session.lifecycle import SessionEvent
from gameserver.session.registry import Registry
from gameserver.session.restoring import Restorer
from gameserver.session.session import Session
from gameserver.tasks import Tasks
from tests.session.standins import profile, session, turns


class Bench:
    """An empty Redis, and SQL that knows an epoch."""

    def __init__(self) -> None:
        self.tasks, self.registry = Tasks(), Registry()
        self.restored: list[tuple[PlayerId, Epoch]] = []
        self.pointer: Owner | None = None
        self.fenced: list[Session] = []
        self.epoch = Epoch(1)
        live: LiveSessions = self  # type: ignore[assignment]
        profiles: Profiles = self  # type: ignore[assignment]
        self.marked: list[Session] = []
        self.restorer = Restorer(
            profiles=profiles,
            live=live,
            registry=self.registry,
            node=NodeId("n"),
            tasks=self.tasks,
            fenced=self.fenced.append,
            mark_whole=self.marked.append,
        )
        self.session = session()
        self.registry.add(self.session)

    async def owner(self, player: PlayerId) -> Owner | None:
        return self.pointer

    async def current(self, player: PlayerId) -> Profile:
        return profile(player, epoch=self.epoch)

    async def restore(
        self, player: PlayerId, epoch: Epoch, node: NodeId, zone: str, fields: Mapping[str, str], before: Owner | None
    ) -> None:
        assert before is self.pointer and {"seq", "state", "resume"} <= fields.keys()
        assert self.marked == [self.session], "until Redis has it, it does not count as written, and SQL waits"
        self.restored.append((player, epoch))


async def test_what_redis_lost_is_put_back() -> None:
    bench = Bench()
    bench.restorer.restore_all()
    assert await bench.tasks.drain(5)
    assert bench.restored == [(1, 1)] and bench.fenced == []
    assert bench.marked == [bench.session], "the next write brings all of it, whichever comes first"


async def test_an_older_pointer_counts_as_lost_and_ours_is_left_alone() -> None:
    bench = Bench()
    for epoch in (bench.epoch, Epoch(0)):
        bench.pointer = Owner(epoch, NodeId("n"), "meadow")
        bench.restorer.restore_all()
        assert await bench.tasks.drain(5)
        assert bench.restored == ([] if epoch == 1 else [(1, 1)]) and bench.fenced == []


async def test_who_has_a_newer_epoch_in_sql_is_fenced() -> None:
    bench = Bench()
    bench.epoch = Epoch(2)
    bench.restorer.restore_all()
    assert await bench.tasks.drain(5)
    assert bench.restored == [] and bench.fenced == [bench.session]


async def test_a_session_that_is_being_ended_does_not_come_back() -> None:
    bench = Bench()
    async with bench.registry.lock(bench.session.player_id):
        bench.restorer.restore_all()
        await turns()
        bench.session.move(SessionEvent.END)
        await asyncio.sleep(0)
    assert await bench.tasks.drain(5)
    assert bench.restored == []
