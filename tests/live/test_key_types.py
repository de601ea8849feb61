"""A key of ours that holds another type is replaced, on Redis 7.0 and on the embedded Valkey."""

from __future__ import annotations

import pytest

from gameserver.live import keys
from gameserver.live.history_marks import HistoryMarks
from gameserver.live.key_types import command_on
from gameserver.live.nodes import NodeLeases
from gameserver.protocol.ids import NodeId
from gameserver.store.connection import Store, StoreUnavailable

HERE = NodeId("here")


async def test_a_command_meets_an_empty_key_in_the_place_of_one_of_another_type(store: Store) -> None:
    await store.command("test", "SET", "bag", "not ours")
    assert await command_on(store, "test", "SADD", "bag", "coin") == 1
    assert set(await store.command("test", "SMEMBERS", "bag")) == {"coin"}


async def test_a_command_that_fails_otherwise_deletes_nothing(store: Store) -> None:
    await store.command("test", "SET", "bag", "ours")
    with pytest.raises(StoreUnavailable):
        await command_on(store, "test", "GETRANGE", "bag", "no number", "1")
    assert await store.command("test", "GET", "bag") == "ours"


async def test_a_lease_of_another_type_is_taken(store: Store) -> None:
    for key in (keys.NODES, keys.node(HERE)):
        await store.command("test", "LPUSH", key, "not ours")
    leases = NodeLeases(store)
    assert await leases.look(HERE) is None
    assert await leases.renew(HERE, "process 1", 60_000)
    assert await leases.all_nodes() == {HERE}


async def test_marks_that_are_no_numbers_count_as_none(store: Store) -> None:
    marks = HistoryMarks(store)
    await marks.tell("h", HERE, 3, 4)
    await store.command("test", "HSET", keys.history("h"), f"{HERE}:commits", "many", "there:beats", "-1")
    assert await marks.read("h") == {HERE: (0, 4), NodeId("there"): (0, 0)}
