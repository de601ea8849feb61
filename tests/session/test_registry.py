"""One session a player, one player a connection, one thing at a time to each player."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.protocol.ids import ConnectionId, PlayerId
from gameserver.protocol.names import name_key
from gameserver.session.registry import Registry
from tests.session.standins import profile, session

ONE, TWO = ConnectionId(1), ConnectionId(2)


def test_a_session_is_found_by_player_by_connection_and_by_name() -> None:
    registry, one = Registry(), session(saved=profile(1, name="Ængus"))
    registry.add(one)
    assert registry.bind(one, ONE) is None
    assert registry.get(PlayerId(1)) is registry.by_connection(ONE) is registry.by_name("ÆNGUS") is one
    assert registry.connections.get(PlayerId(1)) == ONE and len(registry.connections) == 1
    assert list(registry) == [one] and len(registry) == 1


def test_the_newest_connection_has_the_session_and_the_one_before_is_returned() -> None:
    registry, one = Registry(), session()
    registry.add(one)
    registry.bind(one, ONE)
    assert registry.bind(one, TWO) == ONE
    assert registry.by_connection(ONE) is None and registry.by_connection(TWO) is one
    assert registry.connections.get(PlayerId(1)) == TWO and len(registry.connections) == 1


def test_a_session_that_is_removed_leaves_nothing_behind() -> None:
    registry, one = Registry(), session()
    registry.add(one)
    registry.bind(one, ONE)
    registry.remove(one)
    registry.remove(one)
    assert len(registry) == 0 and len(registry.connections) == 0
    assert registry.get(PlayerId(1)) is registry.by_connection(ONE) is registry.by_name("P1") is None


def test_removing_an_old_session_leaves_the_one_that_took_its_place() -> None:
    registry, old, new = Registry(), session(), session()
    registry.add(old)
    registry.bind(old, ONE)
    registry.remove(old)
    old.connection_id = ONE  # as if it had been bound a moment ago
    registry.add(new)
    registry.bind(new, TWO)
    registry.remove(old)
    assert registry.get(PlayerId(1)) is registry.by_name("P1") is registry.by_connection(TWO) is new
    assert registry.connections.get(PlayerId(1)) == TWO and len(registry.connections) == 1


def test_two_sessions_of_one_player_are_a_bug() -> None:
    registry = Registry()
    registry.add(session())
    with pytest.raises(AssertionError):
        registry.add(session())


def test_sessions_may_be_removed_while_one_goes_through_them() -> None:
    registry = Registry()
    for number in range(1, 4):
        registry.add(session(number))
    for one in registry:
        registry.remove(one)
    assert len(registry) == 0


def test_two_spellings_of_a_name_have_one_key() -> None:
    assert name_key("Straße") == name_key("STRASSE") and name_key("\ufb01n") == name_key("FIN")


async def test_only_one_at_a_time_and_in_order_for_each_player() -> None:
    registry = Registry()
    running, most, order = 0, 0, []

    async def work(number: int) -> None:
        nonlocal running, most
        async with registry.lock(PlayerId(1)):
            running += 1
            most = max(most, running)
            order.append(number)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(work(number) for number in range(5)))
    assert most == 1 and order == [0, 1, 2, 3, 4]


async def test_players_do_not_wait_for_one_another() -> None:
    registry = Registry()
    async with registry.lock(PlayerId(1)), asyncio.timeout(5), registry.lock(PlayerId(2)):
        pass


async def test_who_gives_up_waiting_lets_nobody_in_early_and_leaves_nothing_behind() -> None:
    registry, entered = Registry(), asyncio.Event()

    async def work() -> None:
        async with registry.lock(PlayerId(1)):
            entered.set()

    async with registry.lock(PlayerId(1)):
        impatient, patient = asyncio.ensure_future(work()), asyncio.ensure_future(work())
        await asyncio.sleep(0)
        impatient.cancel()
        await asyncio.wait((impatient,))
        assert not entered.is_set()
    await patient
    assert registry._locks._locks == {}
