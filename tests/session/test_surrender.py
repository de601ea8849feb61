"""The only copy of a session stays somewhere, and what somebody else has is left alone."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from gameserver.live.sessions import LiveSessions, Owner, StaleEpoch
from gameserver.profiles.records import Profile
from gameserver.profiles.repository import Profiles
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.retrying import Pauses
from gameserver.session import surrender as module
from gameserver.session.saver import Saver
from gameserver.session.session import Session
from gameserver.session.surrender import Surrender, whole
from gameserver.session.write_behind import WriteBehind
from gameserver.store.connection import StoreUnavailable
from tests.session.standins import break_state, profile, session

OURS, NEWER = Epoch(1), Epoch(2)


class Bench:
    """A session of epoch 1 whose player SQL has given to epoch 2."""

    def __init__(self) -> None:
        self.owners: list[Owner | None] = [None]  # what Redis names at one look after the other; then the last one
        self.saved_epoch = OURS
        self.steps: list[str] = []
        self.is_away = 0  # for so many looks
        self.is_stale = False
        saver: Saver = self  # type: ignore[assignment]
        profiles: Profiles = self  # type: ignore[assignment]
        live: LiveSessions = self  # type: ignore[assignment]
        write_behind: WriteBehind = self  # type: ignore[assignment]
        self.surrender = Surrender(
            saver=saver, profiles=profiles, live=live, write_behind=write_behind, node=NodeId("n")
        )
        self.session = session()

    def forget(self, player_id: PlayerId, epoch: Epoch) -> None:
        pass

    async def owner(self, player: PlayerId) -> Owner | None:
        if self.is_away:
            self.is_away -= 1
            raise StoreUnavailable("away")
        return self.owners.pop(0) if len(self.owners) > 1 else self.owners[0]

    async def read(self, player: PlayerId, epoch: Epoch) -> dict[str, str]:
        return {"status": "active", "resume": "another"}

    async def current(self, player: PlayerId) -> Profile:
        return profile(player, epoch=NEWER, saved_epoch=self.saved_epoch)

    async def withdraw(self, session: Session) -> None:
        pass

    async def await_quiet(self) -> None:
        pass

    async def restore(
        self, player: PlayerId, epoch: Epoch, node: NodeId, zone: str, fields: Mapping[str, str], before: Owner | None
    ) -> None:
        if self.is_stale:
            raise StaleEpoch("opened just now")
        assert {"seq", "state", "resume"} <= fields.keys()
        self.steps.append("put back")

    async def discard(self, player: PlayerId, epoch: Epoch, node: NodeId) -> None:
        self.steps.append("deleted")

    async def give_up(self, fields: Mapping[str, str] | None) -> bool:
        keeps: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        await asyncio.wait_for(self.surrender.give_up(self.session, fields, keeps), 5)
        return keeps.result()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setattr(module, "OPENING_S", 0.01)
    monkeypatch.setattr(module, "STEADY", Pauses(0.01, 0.01))
    return Bench()


def owner(epoch: Epoch) -> Owner:
    return Owner(epoch, NodeId("other"), "meadow")


@pytest.mark.parametrize("found", [None, owner(Epoch(0))])
async def test_what_redis_has_lost_is_put_back_for_its_client(bench: Bench, found: Owner | None) -> None:
    bench.owners = [found]
    assert await bench.give_up(whole(bench.session))
    assert bench.steps == ["put back"]


async def test_what_redis_still_has_under_our_epoch_is_left_there_for_its_client(bench: Bench) -> None:
    bench.owners = [owner(OURS)]
    assert await bench.give_up(whole(bench.session))
    assert bench.steps == []


@pytest.mark.parametrize("found", [[owner(NEWER)], [None, owner(NEWER)], [owner(OURS), owner(NEWER)]])
async def test_what_another_node_has_opened_is_its_own(bench: Bench, found: list[Owner | None]) -> None:
    bench.owners = found
    assert not await bench.give_up(whole(bench.session))
    assert bench.steps == ["deleted"]


async def test_what_is_opened_while_it_is_put_back_is_its_own(bench: Bench) -> None:
    bench.is_stale = True
    assert not await bench.give_up(whole(bench.session))
    assert bench.steps == ["deleted"]


async def test_what_sql_has_a_newer_save_of_is_not_put_back(bench: Bench) -> None:
    bench.saved_epoch = NEWER
    assert not await bench.give_up(whole(bench.session))
    assert bench.steps == ["deleted"]


async def test_the_only_copy_is_held_while_redis_is_away(bench: Bench) -> None:
    bench.is_away = 3
    assert not await bench.give_up(whole(bench.session)), "its client is not kept waiting"
    assert bench.steps == ["put back"]


async def test_a_state_that_cannot_be_written_is_not_put_back(bench: Bench) -> None:
    break_state(bench.session)
    assert not await bench.give_up(whole(bench.session))
    assert bench.steps == ["deleted"]
