"""Redis loses single keys or fields, as by an eviction: their owner puts them back, and after a kill -9 what is missing
is taken from SQL and never made up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from gameserver.session.live_hash import NAMES
from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame, running_game
from tests.servers.mariadb import MariaDb


@pytest.fixture(scope="module")
def own_server(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGame]:
    """A server of this module's own, to kill and restart. Its grace period is long: no session ends meanwhile."""
    settings = {"grace_s": "60", "checkpoint_s": "2", "sql_timeout_s": "1"}
    url = mariadb.url(mariadb.migrated_database())
    with running_game(tmp_path_factory.mktemp("lost_keys"), url, **settings) as game:
        yield game


@pytest.fixture
async def player(own_server: RunningGame, own_stores: Stores) -> AsyncIterator[Raw]:
    """A player with an apple and a coin in SQL, who plays."""
    async with Raw(own_server.ws_url) as raw:
        await raw.guest()
        await raw.fetch("apple")
        await raw.fetch("coin")
        player_id = raw.welcome["player_id"]
        both = {"apple": 1, "coin": 1}
        await asyncio.to_thread(eventually, lambda: own_stores.inventory(player_id) == both)  # a checkpoint
        yield raw


def key_of(stores: Stores, player: Raw) -> str:
    player_id = player.welcome["player_id"]
    return f"session:{{{player_id}}}:{stores.owner(player_id)['epoch']}"


async def is_whole(stores: Stores, player: Raw) -> bool:
    return stores.session(player.welcome["player_id"]).keys() >= NAMES | {"item:apple", "item:coin"}


async def whole_again(stores: Stores, player: Raw) -> None:
    async with asyncio.timeout(5):
        while not await is_whole(stores, player):
            await player.listen(0.05)


async def test_what_is_acked_after_a_hash_vanished_is_not_all_that_is_kept(
    own_server: RunningGame, own_stores: Stores, player: Raw
) -> None:
    own_stores.redis.delete(key_of(own_stores, player))
    await player.fetch("flower")
    token, seq = player.welcome["resume_token"], player.seq
    own_server.kill()
    own_server.start()
    async with Raw(own_server.ws_url) as again:
        welcome = await again.sign_in("resume", token=token)
        assert welcome["inventory"] == {"apple": 1, "coin": 1, "flower": 1}
        assert (welcome["resumed"], welcome["last_seq"]) == (True, seq)


@pytest.mark.parametrize("field", ["state", "item:apple", "resume", "x"])
async def test_a_field_that_vanished_is_put_back_while_its_player_stands_still(
    own_stores: Stores, player: Raw, field: str
) -> None:
    own_stores.redis.hdel(key_of(own_stores, player), field)
    await whole_again(own_stores, player)


async def test_a_hash_that_vanished_is_put_back_while_its_player_stands_still(own_stores: Stores, player: Raw) -> None:
    own_stores.redis.delete(key_of(own_stores, player))
    await whole_again(own_stores, player)


async def test_a_pointer_that_vanished_is_put_back(own_stores: Stores, player: Raw) -> None:
    player_id = player.welcome["player_id"]
    before = own_stores.owner(player_id)
    own_stores.redis.delete(f"owner:{{{player_id}}}")
    await asyncio.to_thread(eventually, lambda: own_stores.owner(player_id) == before)
    assert await is_whole(own_stores, player)


async def test_a_pointer_that_lost_its_epoch_is_put_back(own_stores: Stores, player: Raw) -> None:
    player_id = player.welcome["player_id"]
    before = own_stores.owner(player_id)
    own_stores.redis.hdel(f"owner:{{{player_id}}}", "epoch")
    await asyncio.to_thread(eventually, lambda: own_stores.owner(player_id) == before)
    await player.fetch("flower")


@pytest.mark.parametrize("epoch", ["abc", "1.5", "-3", "", "1" * 30])
async def test_a_pointer_whose_epoch_is_no_epoch_is_put_back_and_harms_nobody_else(
    own_server: RunningGame, own_stores: Stores, player: Raw, epoch: str
) -> None:
    player_id = player.welcome["player_id"]
    before = own_stores.owner(player_id)
    async with Raw(own_server.ws_url) as other:
        await other.guest()
        own_stores.redis.hset(f"owner:{{{player_id}}}", "epoch", epoch)
        await asyncio.to_thread(eventually, lambda: own_stores.owner(player_id) == before)
        await other.fetch("flower")
        await player.fetch("flower")


async def test_who_signs_in_where_the_pointer_has_no_epoch_finds_what_sql_has(
    own_server: RunningGame, own_stores: Stores, player: Raw
) -> None:
    player_id, guest_token = player.welcome["player_id"], player.welcome["guest_token"]
    own_server.kill()
    own_stores.redis.hset(f"owner:{{{player_id}}}", "epoch", "1" * 30)
    own_server.start()
    async with Raw(own_server.ws_url) as again:
        held = (await again.guest(token=guest_token))["inventory"]
        assert held.items() >= {"apple": 1, "coin": 1}.items()
        await again.send("logout")
        assert await again.closed() == 1000
    await asyncio.to_thread(eventually, lambda: not own_stores.owner(player_id))


@pytest.mark.parametrize("key", ["nodes", "node:{node}", "node:{node}:sessions", "history:{history}"])
async def test_a_key_of_the_node_that_is_of_another_type_is_replaced(
    own_server: RunningGame, own_stores: Stores, player: Raw, key: str
) -> None:
    history = own_stores.owner(player.welcome["player_id"])["history"]
    name = key.format(node=f"test-{own_server.port}", history=history)
    before = own_stores.redis.type(name)
    own_server.forget_log()
    with own_stores.redis.pipeline() as both:  # the node may write the key between two commands
        both.delete(name)
        both.zadd(name, {"not ours": 1.0})
        both.execute()
    await asyncio.to_thread(eventually, lambda: own_stores.redis.type(name) == before)
    assert f'"key":"{name}"' in own_server.log.replace('": "', '":"')
    async with Raw(own_server.ws_url) as other:
        await other.guest()
    await player.fetch("flower")


async def test_what_is_no_session_on_the_node_s_list_is_left_out_and_taken_off(
    own_server: RunningGame, own_stores: Stores, player: Raw
) -> None:
    key = f"node:test-{own_server.port}:sessions"
    before = own_stores.redis.smembers(key)
    own_stores.redis.sadd(key, "garbage", "", "1:2:3", "1:x", "{}")
    await asyncio.to_thread(eventually, lambda: own_stores.redis.smembers(key) == before)
    await player.fetch("flower")


async def test_keys_of_another_type_are_replaced(own_stores: Stores, player: Raw) -> None:
    player_id, key = player.welcome["player_id"], key_of(own_stores, player)
    before = own_stores.owner(player_id)
    names = (key, f"owner:{{{player_id}}}")
    for name in names:
        own_stores.redis.set(name, "no hash")  # whatever is there
    is_mended = lambda: all(own_stores.redis.type(name) == "hash" for name in names)  # noqa: E731
    await asyncio.to_thread(eventually, is_mended)
    assert own_stores.owner(player_id) == before
    await whole_again(own_stores, player)


async def test_an_entry_of_the_node_s_list_that_vanished_is_put_back(
    own_server: RunningGame, own_stores: Stores, player: Raw
) -> None:
    key = f"node:test-{own_server.port}:sessions"
    before = own_stores.redis.smembers(key)
    own_stores.redis.delete(key)
    await asyncio.to_thread(eventually, lambda: own_stores.redis.smembers(key) == before)


async def test_what_is_missing_when_a_dead_node_s_session_is_claimed_is_sql_s(
    own_server: RunningGame, own_stores: Stores, player: Raw
) -> None:
    await player.fetch("flower")
    token, guest_token = player.welcome["resume_token"], player.welcome["guest_token"]
    own_server.kill()
    own_stores.redis.hdel(key_of(own_stores, player), "item:apple")
    own_server.start()
    async with Raw(own_server.ws_url) as again:
        with pytest.raises(AssertionError, match="bad_token"):
            await again.sign_in("resume", token=token)
    async with Raw(own_server.ws_url) as again:
        held = (await again.guest(token=guest_token))["inventory"]
    assert held.items() >= {"apple": 1, "coin": 1}.items(), "the last checkpoint's, with or without the flower"
