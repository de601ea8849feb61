"""Redis loses all it had while the server lives: nobody loses anything, and Redis has it again."""

from __future__ import annotations

import asyncio

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
