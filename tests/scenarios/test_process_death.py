"""The server is killed or ended, and nobody loses what they were promised."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from uuid import uuid4

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame


async def test_after_kill_9_the_player_resumes_where_it_was_last_seen(own_server: RunningGame) -> None:
    async with Raw(own_server.ws_url) as player:
        welcome = await player.guest()
        await player.fetch("apple")
        await player.send("move", dx=1, dy=0)
        await player.listen(0.5)
        seq = player.seq
        own_server.kill()
        await player.closed()
        x, y = player.me.x, player.me.y
    own_server.start()
    async with Raw(own_server.ws_url) as player:
        again = await player.sign_in("resume", token=welcome["resume_token"])
        assert again["resumed"]
        assert again["player_id"] == welcome["player_id"]
        assert again["inventory"] == {"apple": 1}
        assert again["last_seq"] == seq
        one_tick = 6.0 / again["tick_hz"]
        assert (again["x"], again["y"]) == pytest.approx((x, y), abs=2 * one_tick + 0.01)


async def test_after_kill_9_an_action_sent_again_is_applied_once(own_server: RunningGame, own_stores: Stores) -> None:
    async with Raw(own_server.ws_url) as giver, Raw(own_server.ws_url) as receiver:
        token = (await giver.guest())["resume_token"]
        await receiver.guest()
        await giver.fetch("apple")
        await giver.fetch("apple")
        await giver.walk_to(receiver.me.x, receiver.me.y)
        give = {"to": receiver.welcome["entity_id"], "item": "apple", "quantity": 2}
        assert (await giver.act("give", **give))["level"] == "durable"
        seq, giver_id, receiver_id = giver.seq, giver.welcome["player_id"], receiver.welcome["player_id"]
        own_server.kill()
    own_server.start()
    async with Raw(own_server.ws_url) as giver:
        await giver.sign_in("resume", token=token)
        await giver.send("give", seq=seq, **give)
        assert await giver.answer_to(seq) == {"type": "ack", "seq": seq, "level": "durable"}
    assert own_stores.inventory(giver_id) == {}
    assert own_stores.inventory(receiver_id) == {"apple": 2}


async def test_who_dies_again_once_the_recovered_session_is_saved_costs_its_player_no_resume(
    own_server: RunningGame,
) -> None:
    async with Raw(own_server.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.fetch("apple")
        seq = player.seq
        own_server.kill()
    with suppress(AssertionError):  # it may die before it is healthy
        own_server.start(GAMESERVER_FAILPOINT="save.after_sql:1")
    await asyncio.to_thread(own_server.wait)
    own_server.start()
    async with Raw(own_server.ws_url) as player:
        again = await player.sign_in("resume", token=token)
        assert (again["resumed"], again["last_seq"], again["inventory"]) == (True, seq, {"apple": 1})


async def test_after_kill_9_who_does_not_come_back_is_saved_when_the_grace_is_over(
    own_server: RunningGame, own_stores: Stores
) -> None:
    async with Raw(own_server.ws_url) as player:
        await player.guest()
        await player.fetch("flower")
        player_id, x = player.welcome["player_id"], player.me.x
        own_server.kill()
    own_server.start()
    await asyncio.to_thread(eventually, lambda: own_stores.owner(player_id) == {}, 15)
    assert own_stores.inventory(player_id) == {"flower": 1}
    assert own_stores.profile(player_id)["x"] == pytest.approx(x, abs=0.7)
    assert own_stores.redis.smembers(f"node:test-{own_server.port}:sessions") == set()


async def test_sigterm_saves_every_session_and_exits_0(own_server: RunningGame, own_stores: Stores) -> None:
    async with Raw(own_server.ws_url) as one, Raw(own_server.ws_url) as other:
        await one.guest()
        token = (await other.guest())["guest_token"]
        await other.fetch("coin")
        await other.send("move", dx=0, dy=1)
        await other.listen(0.3)
        ended = asyncio.create_task(asyncio.to_thread(own_server.terminate))
        closing = await other.receive("closing")
        assert (closing["reason"], closing["may_return"]) == ("draining", True)
        assert await other.closed() == 1012
        assert await ended == 0
        player_id, y = other.welcome["player_id"], other.me.y
    assert own_stores.redis.keys("session:*") == []
    assert own_stores.inventory(player_id) == {"coin": 1}
    assert own_stores.profile(player_id)["y"] == pytest.approx(y, abs=0.7)
    own_server.start()
    async with Raw(own_server.ws_url) as player:
        welcome = await player.guest(token=token)
        assert welcome["inventory"] == {"coin": 1}


async def test_chat_of_before_is_shown_after_a_restart(own_server: RunningGame) -> None:
    text = f"remember {uuid4()}"
    async with Raw(own_server.ws_url) as player:
        await player.guest()
        await player.act("say", text=text)
    assert own_server.terminate() == 0
    own_server.start()
    async with Raw(own_server.ws_url) as player:
        assert text in [line["text"] for line in (await player.guest())["chat"]]
