"""Whatever no process has is found and owned; what cannot be read is left alone and stops nobody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest
from structlog.testing import capture_logs

from gameserver.live.nodes import NodeLeases
from gameserver.live.sessions import LiveSessions, Owner
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.session import reaper as module
from gameserver.session.reaper import Reaper
from gameserver.session.reception import Reception
from gameserver.store.connection import StoreUnavailable

LOOKS_A_ROUND = 2  # at who is here
US, DEAD, ALIVE = NodeId("us"), NodeId("dead"), NodeId("alive")


class Bench:
    """Three nodes and their sessions; recovering one moves it here."""

    def __init__(self) -> None:
        self.lists: dict[NodeId, set[PlayerId]] = {US: set(), DEAD: set(), ALIVE: set()}
        self.here: set[PlayerId] = set()
        self.removed: set[PlayerId] = set()  # their pointers are gone
        self.nobody_s: set[PlayerId] = set()  # their pointers have lost the node
        self.foreign: set[PlayerId] = set()  # of another history of SQL
        self.errors: dict[PlayerId, Exception] = {}
        self.tried: list[PlayerId] = []
        self.stopped_zones: set[str] = set()
        self.forgotten: list[NodeId] = []
        live: LiveSessions = self  # type: ignore[assignment]
        leases: NodeLeases = self  # type: ignore[assignment]
        reception: Reception = self  # type: ignore[assignment]
        self.running: asyncio.Future[None] | None = None
        self.looks = 0
        self.has_name = True
        self.reaper = Reaper(live, leases, reception, US, self.who_is_here, self.ask_for_name)

    def who_is_here(self) -> dict[PlayerId, Epoch]:
        self.looks += 1
        return dict.fromkeys(self.here, Epoch(1))

    async def ask_for_name(self) -> bool:
        return self.has_name

    async def sessions_of(self, node: NodeId) -> set[PlayerId]:
        return set(self.lists[node])

    async def enlist(self, sessions: Mapping[PlayerId, Epoch], node: NodeId) -> None:
        self.lists[node].update(sessions)

    async def owner(self, player: PlayerId) -> Owner | None:
        if player in self.removed:
            return None
        if player in self.nobody_s:
            return Owner(Epoch(1), NodeId(""), "meadow")
        node = next((node for node, players in self.lists.items() if player in players), US)
        return Owner(Epoch(1), node, "meadow", is_foreign=player in self.foreign)

    async def ignore(self, player: PlayerId, node: NodeId) -> None:
        self.lists[node].discard(player)

    async def all_nodes(self) -> set[NodeId]:
        return set(self.lists) - set(self.forgotten)

    async def alive(self, node: NodeId) -> bool:
        return node != DEAD

    async def forget(self, node: NodeId) -> None:
        self.forgotten.append(node)

    def zone_has_stopped(self, zone: str) -> bool:
        return zone in self.stopped_zones

    async def recover(self, player: PlayerId) -> None:
        self.tried.append(player)
        if error := self.errors.get(player):
            raise error
        for players in self.lists.values():
            players.discard(player)
        self.lists[US].add(player)
        self.here.add(player)

    async def rounds(self) -> None:
        """Three whole ones."""
        self.running = self.running or asyncio.ensure_future(self.reaper.run())
        until = self.looks + 4 * LOOKS_A_ROUND
        while self.looks < until and not self.running.done():
            await asyncio.sleep(0.001)


@pytest.fixture
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    monkeypatch.setattr(module, "PERIOD_S", 0.005)
    made = Bench()
    yield made
    assert made.running is not None and not made.running.done(), "the reaper's task died"
    made.running.cancel()
    await asyncio.wait((made.running,))


async def test_what_our_last_process_and_dead_nodes_left_is_owned(bench: Bench) -> None:
    bench.lists = {US: {PlayerId(1)}, DEAD: {PlayerId(2)}, ALIVE: {PlayerId(3)}}
    await bench.rounds()
    assert sorted(bench.tried) == [1, 2] and bench.forgotten == [DEAD]


async def test_a_node_that_has_no_lease_for_a_moment_is_not_dead(bench: Bench) -> None:
    """The lease is gone after Redis was emptied, until the node renews it."""
    bench.lists = {US: set(), ALIVE: {PlayerId(3)}}
    looks = 0

    async def alive(node: NodeId) -> bool:
        nonlocal looks
        looks += node == ALIVE
        return node == US or looks % 2 == 0

    bench.alive = alive  # type: ignore[method-assign]
    await bench.rounds()
    assert looks > 2 and bench.tried == []


async def test_a_session_whose_pointer_has_lost_the_node_is_owned(bench: Bench) -> None:
    bench.lists[DEAD] = bench.nobody_s = {PlayerId(2)}
    await bench.rounds()
    assert bench.tried == [2]


async def test_a_session_that_later_is_in_redis_only_is_owned_too(bench: Bench) -> None:
    await bench.rounds()
    bench.lists[US].add(PlayerId(1))
    await bench.rounds()
    assert bench.tried == [1]


async def test_sessions_of_this_process_are_left_alone(bench: Bench) -> None:
    bench.here.add(PlayerId(1))
    bench.lists[US].add(PlayerId(1))
    await bench.rounds()
    assert bench.tried == []


async def test_a_list_that_redis_lost_is_made_whole(bench: Bench) -> None:
    bench.here |= {PlayerId(1), PlayerId(2)}
    bench.lists[US].add(PlayerId(2))
    await bench.rounds()
    assert bench.lists[US] == {PlayerId(1), PlayerId(2)} and bench.tried == []


async def test_who_comes_or_goes_while_the_list_is_read_is_not_put_on_it(bench: Bench) -> None:
    """A node that starts is on the list already, and a node that ends is off it for good."""
    bench.here.add(PlayerId(1))

    async def sessions_of(node: NodeId) -> set[PlayerId]:
        listed = set(bench.lists[node])
        bench.here ^= {PlayerId(1), PlayerId(2)}
        return listed

    bench.sessions_of = sessions_of  # type: ignore[method-assign]
    await bench.rounds()
    assert bench.lists[US] == set()


async def test_a_session_that_was_removed_and_is_still_here_is_not_put_on_the_list(bench: Bench) -> None:
    """Its end has taken it off the list, and is about to forget it."""
    bench.here.add(PlayerId(1))
    bench.removed.add(PlayerId(1))
    with capture_logs() as lines:
        await bench.rounds()
    assert bench.lists[US] == set() and lines == []


async def test_a_session_that_another_node_owns_and_is_still_here_is_not_put_on_our_list(bench: Bench) -> None:
    bench.here.add(PlayerId(1))
    bench.lists[ALIVE].add(PlayerId(1))
    with capture_logs() as lines:
        await bench.rounds()
    assert bench.lists[US] == set() and lines == []


async def test_a_session_that_cannot_be_read_keeps_no_other_from_being_reaped(bench: Bench) -> None:
    bench.errors[PlayerId(1)] = ValueError("no such field")
    bench.lists = {US: {PlayerId(1)}, DEAD: {PlayerId(2)}, ALIVE: set()}
    await bench.rounds()
    bench.lists[US].add(PlayerId(3))
    await bench.rounds()
    assert sorted(bench.tried) == [1, 2, 3]


async def test_what_a_store_refuses_is_tried_again(bench: Bench) -> None:
    bench.errors[PlayerId(1)] = StoreUnavailable("away")
    bench.lists[DEAD].add(PlayerId(1))
    await bench.rounds()
    assert len(bench.tried) > 1 and bench.forgotten == []
    bench.errors.clear()
    await bench.rounds()
    assert bench.forgotten == [DEAD]


async def test_who_has_lost_its_name_to_another_process_reaps_nobody(bench: Bench) -> None:
    """Not its own list, which is the other's now, and not what a third node left."""
    bench.has_name = False
    bench.lists = {US: {PlayerId(1)}, DEAD: {PlayerId(2)}, ALIVE: set()}
    await bench.rounds()
    assert bench.tried == []
    bench.has_name = True
    await bench.rounds()
    assert sorted(bench.tried) == [1, 2]


async def test_a_session_of_another_history_is_taken_off_the_list_and_not_owned(bench: Bench) -> None:
    bench.lists = {US: {PlayerId(1), PlayerId(2)}, DEAD: {PlayerId(3)}, ALIVE: set()}
    bench.foreign = {PlayerId(1), PlayerId(3)}
    await bench.rounds()
    assert bench.tried == [2] and bench.lists[US] == {PlayerId(2)} and bench.forgotten == [DEAD]


async def test_a_session_of_a_zone_that_has_stopped_is_left_alone_until_the_zone_is_back(bench: Bench) -> None:
    bench.lists = {US: {PlayerId(1)}, DEAD: {PlayerId(2)}, ALIVE: set()}
    bench.stopped_zones = {"meadow"}
    with capture_logs() as lines:
        await bench.rounds()
    assert bench.tried == [] and bench.forgotten == [] and lines == []
    bench.stopped_zones.clear()
    await bench.rounds()
    assert sorted(bench.tried) == [1, 2] and bench.forgotten == [DEAD]
