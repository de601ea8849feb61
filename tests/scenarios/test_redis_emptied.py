"""Redis loses all it had while the server lives: nobody loses anything, and Redis has it again."""

from __future__ import annotations

import asyncio

import pytest

from gameserver.protocol.errors import CLOSES, Close
from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame


async def test_a_session_that_redis_lost_is_whole_again_and_survives_the_server(
    own_server: RunningGame, own_stores: Stores
) -> None:
    async with Raw(own_server.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.fetch("apple")
        await player.fetch("coin")
        player_id = player.welcome["player_id"]
        own_stores.redis.flushall()
        answer = await player.act("use", item="apple")
        assert answer == {"type": "ack", "seq": player.seq, "level": "stored"}
        live = await asyncio.to_thread(eventually, lambda: own_stores.session(player_id))
        assert (live["item:apple"], live["item:coin"]) == ("0", "1")
        await player.send("move", dx=1, dy=0)
        await player.listen(0.3)
        own_server.kill()
        await player.closed()
        x = player.me.x
    own_server.start()
    async with Raw(own_server.ws_url) as player:
        again = await player.sign_in("resume", token=token)
        assert again["inventory"] == {"coin": 1}
        assert abs(again["x"] - x) < 0.7


async def test_who_only_walks_is_whole_again_once_anybody_acts(own_server: RunningGame, own_stores: Stores) -> None:
    async with Raw(own_server.ws_url) as walker, Raw(own_server.ws_url) as other:
        await walker.guest()
        await other.guest()
        await walker.fetch("flower")
        player_id = walker.welcome["player_id"]
        own_stores.redis.flushall()
        await walker.send("move", dx=0, dy=1)
        assert (await other.act("use", item="apple"))["code"] == "not_enough"
        await other.fetch("apple")
        live = await asyncio.to_thread(eventually, lambda: own_stores.session(player_id))
        assert live["item:flower"] == "1"


async def _begin_a_sign_in_that_is_not_finished(stores: Stores, player_id: int) -> None:
    """Raise the epoch, like a node that dies, or loses Redis, just after its claim."""
    stores.rows("UPDATE profile SET epoch = epoch + 1 WHERE player_id = %s", player_id)


@pytest.mark.parametrize("is_emptied", [True, False])
async def test_a_sign_in_that_was_not_finished_costs_the_one_who_plays_nothing(
    own_server: RunningGame, own_stores: Stores, is_emptied: bool
) -> None:
    async with Raw(own_server.ws_url) as player:
        await player.guest()
        await player.fetch("flower")
        player_id = player.welcome["player_id"]
        await _begin_a_sign_in_that_is_not_finished(own_stores, player_id)
        if is_emptied:
            own_stores.redis.flushall()
        assert await player.closed() == CLOSES[Close.MOVED].code  # by the next checkpoint if not before
        token = player.welcome["resume_token"]
    async with Raw(own_server.ws_url) as player:
        again = await player.sign_in("resume", token=token)
        assert again["inventory"] == {"flower": 1} and again["resumed"]


async def test_what_is_put_back_without_a_client_is_held_and_then_saved(
    own_server: RunningGame, own_stores: Stores
) -> None:
    async with Raw(own_server.ws_url) as player:
        await player.guest()
        await player.fetch("flower")
        player_id = player.welcome["player_id"]
    await _begin_a_sign_in_that_is_not_finished(own_stores, player_id)
    own_stores.redis.flushall()
    await asyncio.to_thread(eventually, lambda: own_stores.inventory(player_id) == {"flower": 1})
    assert own_stores.session(player_id)["item:flower"] == "1"
