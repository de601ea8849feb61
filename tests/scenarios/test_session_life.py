"""A player connects, plays, leaves, and finds everything again: over real sockets, on a real Redis and MariaDB."""

from __future__ import annotations

import asyncio
import time
from uuid import uuid4

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame

PASSWORD = "a long enough password"


def new_name() -> str:
    return f"p{uuid4().hex[:12]}"


async def test_who_registers_plays_and_leaves_finds_everything_again(
    running_server: RunningGame, stores: Stores
) -> None:
    name = new_name()
    async with Raw(running_server.ws_url) as player:
        await player.sign_in("register", name=name, password=PASSWORD)
        await player.fetch("apple")
        await player.walk_to(player.me.x + 3, player.me.y)
        x, y, player_id = player.me.x, player.me.y, player.welcome["player_id"]
        await player.send("logout")
        assert await player.closed() == 1000
    assert stores.inventory(player_id) == {"apple": 1}
    assert stores.session(player_id) == {}
    assert stores.owner(player_id) == {}
    async with Raw(running_server.ws_url) as player:
        welcome = await player.sign_in("login", name=name.upper(), password=PASSWORD)
        assert welcome["player_id"] == player_id
        assert welcome["name"] == name
        assert (welcome["x"], welcome["y"]) == pytest.approx((x, y), abs=0.001)
        assert welcome["inventory"] == {"apple": 1}
        assert not welcome["resumed"]


async def test_a_guest_comes_back_with_its_token(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        first = await player.guest()
        await player.send("logout")
        await player.closed()
    async with Raw(running_server.ws_url) as player:
        again = await player.guest(token=first["guest_token"])
        assert (again["player_id"], again["name"]) == (first["player_id"], first["name"])
        assert again["guest_token"] is None


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ({"type": "login", "name": "nobody-of-that-name", "password": PASSWORD}, "wrong_credentials"),
        ({"type": "guest", "token": "no-such-token"}, "bad_token"),
        ({"type": "resume", "token": "1.no-such-token"}, "bad_token"),
        ({"type": "resume", "token": "nonsense"}, "bad_token"),
        ({"type": "register", "name": "ab", "password": "short"}, "bad_password"),
        ({"type": "register", "name": "<script>", "password": PASSWORD}, "bad_name"),
        ({"type": "say", "seq": 1, "text": "hello"}, "not_signed_in"),
    ],
)
async def test_a_bad_sign_in_is_refused_with_its_reason(
    running_server: RunningGame, message: dict[str, str], code: str
) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.send(message.pop("type"), **message)
        refused = await player.receive("refused")
        assert refused["code"] == code
        assert refused["reason"]


async def test_a_wrong_password_is_refused_like_an_unknown_name(running_server: RunningGame) -> None:
    name = new_name()
    async with Raw(running_server.ws_url) as player:
        await player.sign_in("register", name=name, password=PASSWORD)
    async with Raw(running_server.ws_url) as player:
        await player.send("login", name=name, password="not the password")
        wrong = await player.receive("refused")
        await player.send("login", name=new_name(), password=PASSWORD)
        unknown = await player.receive("refused")
    assert wrong == unknown


async def test_the_live_session_is_a_hash_a_person_can_read(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        await player.fetch("flower")
        await player.act("say", text="good evening")
        await player.walk_to(player.me.x, player.me.y + 2)
        live = stores.session(player.welcome["player_id"])
        assert live["zone"] == "meadow"
        assert (float(live["x"]), float(live["y"])) == pytest.approx((player.me.x, player.me.y), abs=0.001)
        assert (live["item:flower"], live["minted:flower"], live["burned:flower"]) == ("1", "1", "0")
        assert "good evening" in live["chat"]
        assert live["status"] == "active"
        assert (
            stores.redis.ttl(
                f"session:{{{player.welcome['player_id']}}}:{stores.owner(player.welcome['player_id'])['epoch']}"
            )
            == -1
        )


async def test_a_position_is_in_redis_within_two_ticks_of_being_shown(
    running_server: RunningGame, stores: Stores
) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        await player.send("move", dx=1, dy=0)
        await player.listen(0.5)
        for _ in range(5):
            await player.listen(0.1)
            shown = player.me.x
            await asyncio.sleep(0.1)
            assert float(stores.session(player.welcome["player_id"])["x"]) >= shown - 0.001


async def test_the_second_sign_in_takes_over_within_a_second(running_server: RunningGame) -> None:
    name = new_name()
    async with Raw(running_server.ws_url) as first, Raw(running_server.ws_url) as second:
        await first.sign_in("register", name=name, password=PASSWORD)
        await second.sign_in("login", name=name, password=PASSWORD)
        started = time.monotonic()
        assert (await first.receive("closing"))["reason"] == "taken_over"
        assert await first.closed() == 4001
        assert time.monotonic() - started < 1.0
        assert second.welcome["player_id"] == first.welcome["player_id"]
        assert (await second.act("say", text="it is me now"))["type"] == "ack"


async def test_a_lost_socket_is_resumed_with_the_session_as_it_was(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        await player.fetch("coin")
        welcome, x, y, seq = player.welcome, player.me.x, player.me.y, player.seq
        player.cut()
    async with Raw(running_server.ws_url) as player:
        again = await player.sign_in("resume", token=welcome["resume_token"])
        assert again["resumed"]
        assert again["player_id"] == welcome["player_id"]
        assert again["entity_id"] == welcome["entity_id"]
        assert again["inventory"] == {"coin": 1}
        assert again["last_seq"] == seq
        assert (again["x"], again["y"]) == pytest.approx((x, y), abs=0.5)
        assert again["resume_token"] != welcome["resume_token"]


async def test_a_resume_token_is_good_until_the_next_one_has_arrived(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        token = (await player.guest())["resume_token"]
        player.cut()
    async with Raw(running_server.ws_url) as player:  # the welcome is on its way when this socket dies, too
        await player.sign_in("resume", token=token)
        player.cut()
    async with Raw(running_server.ws_url) as player:
        await player.sign_in("resume", token=token)
        await player.send("move", dx=0, dy=0)  # by this the server knows that the new token has arrived
        await player.listen(0.3)
        player.cut()
    async with Raw(running_server.ws_url) as player:
        await player.send("resume", token=token)
        assert (await player.receive("refused"))["code"] == "bad_token"


async def test_a_resume_wins_over_a_socket_not_known_to_be_dead(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as first, Raw(running_server.ws_url) as second:
        await first.guest()
        await second.sign_in("resume", token=first.welcome["resume_token"])
        assert await first.closed() == 4001


async def test_an_action_sent_again_after_a_resume_is_applied_once(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        thing = await player.fetch("apple")
        seq, welcome = player.seq, player.welcome
        player.cut()
    async with Raw(running_server.ws_url) as player:
        await player.sign_in("resume", token=welcome["resume_token"])
        await player.send("pick_up", seq=seq, entity=thing)
        assert await player.answer_to(seq) == {"type": "ack", "seq": seq, "level": "stored"}
        await player.listen(0.2)
        assert stores.session(welcome["player_id"])["item:apple"] == "1"


async def test_after_the_grace_the_session_is_saved_and_gone(own_server: RunningGame, own_stores: Stores) -> None:
    async with Raw(own_server.ws_url) as player:
        await player.guest()
        await player.fetch("apple")
        player_id = player.welcome["player_id"]
        player.cut()
    await asyncio.sleep(1)
    assert own_stores.session(player_id)["status"] == "disconnected"
    await asyncio.to_thread(eventually, lambda: own_stores.owner(player_id) == {})
    assert own_stores.inventory(player_id) == {"apple": 1}
    assert own_stores.redis.keys(f"session:{{{player_id}}}:*") == []
    query = "SELECT reason FROM session_log WHERE player_id = %s AND reason = 'grace_over'"
    await asyncio.to_thread(eventually, lambda: own_stores.rows(query, player_id))


async def test_a_live_session_is_checkpointed_without_leaving(own_server: RunningGame, own_stores: Stores) -> None:
    async with Raw(own_server.ws_url) as player:
        await player.guest()
        await player.fetch("apple")
        player_id = player.welcome["player_id"]
        await asyncio.to_thread(eventually, lambda: own_stores.inventory(player_id) == {"apple": 1})
        assert own_stores.session(player_id)["status"] == "active"


async def test_epochs_only_rise(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as player:
        token = (await player.guest())["guest_token"]
        player_id = player.welcome["player_id"]
        first = stores.profile(player_id)["epoch"]
        await player.send("logout")
        await player.closed()
    async with Raw(running_server.ws_url) as player:
        await player.guest(token=token)
        assert stores.profile(player_id)["epoch"] > first
        assert stores.owner(player_id)["epoch"] == str(stores.profile(player_id)["epoch"])
