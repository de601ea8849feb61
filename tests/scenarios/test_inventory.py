"""Picking up, using, dropping and giving: acked with a level, or refused with a reason."""

from __future__ import annotations

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores
from tests.servers.game import RunningGame


async def test_an_apple_is_picked_up_and_eaten(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        thing = await player.fetch("apple")
        assert (await player.receive("inventory"))["items"] == {"apple": 1}
        await player.until(lambda: thing not in player.entities)
        assert (await player.act("use", item="apple"))["level"] == "stored"
        assert (await player.receive("inventory"))["items"] == {}
        assert (await player.receive("state"))["state"]["apples_eaten"] == 1
        live = stores.session(player.welcome["player_id"])
        assert (live["item:apple"], live["minted:apple"], live["burned:apple"]) == ("0", "1", "1")


async def test_what_is_dropped_lies_about_and_another_can_have_it(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as one, Raw(running_server.ws_url) as other:
        await one.guest()
        await other.guest()
        await one.fetch("coin")
        await one.walk_to(other.me.x, other.me.y)
        await other.listen(0.3)  # also of the coin that grew for the one that was fetched
        before = set(other.entities)
        assert (await one.act("drop", item="coin", quantity=1))["level"] == "durable"
        coin = one.welcome["kinds"].index("coin")
        await other.until(lambda: any(e.kind == coin for i, e in other.entities.items() if i not in before))
        dropped = next(i for i, e in other.entities.items() if i not in before and e.kind == coin)
        assert (await other.act("pick_up", entity=dropped))["level"] == "stored"
        refused = await one.act("pick_up", entity=dropped)
        assert refused["code"] == "no_such_thing"
        assert stores.inventory(one.welcome["player_id"]) == {}


async def test_a_gift_is_durable_and_both_see_it(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as giver, Raw(running_server.ws_url) as receiver:
        await giver.guest()
        await receiver.guest()
        await giver.fetch("flower")
        await giver.walk_to(receiver.me.x, receiver.me.y)
        to = receiver.welcome["entity_id"]
        assert (await giver.act("give", to=to, item="flower", quantity=1))["level"] == "durable"
        assert stores.inventory(giver.welcome["player_id"]) == {}
        assert stores.inventory(receiver.welcome["player_id"]) == {"flower": 1}
        assert (await receiver.receive("inventory"))["items"] == {"flower": 1}
        event = await receiver.receive("event")
        assert (event["name"], event["fields"]["item"]) == ("received", "flower")
        made = stores.rows(
            "SELECT SUM(quantity), SUM(minted), SUM(burned) FROM inventory WHERE player_id IN (%s, %s)",
            giver.welcome["player_id"], receiver.welcome["player_id"],
        )  # fmt: skip
        quantity, minted, burned = made[0]
        assert quantity == minted - burned


@pytest.mark.parametrize(
    ("action", "fields", "code"),
    [
        ("use", {"item": "apple"}, "not_enough"),
        ("use", {"item": "coin"}, "not_usable"),
        ("drop", {"item": "apple", "quantity": 1}, "not_enough"),
        ("drop", {"item": "apple", "quantity": 0}, "bad_message"),
        ("drop", {"item": "apple", "quantity": 10**30}, "bad_message"),
        ("drop", {"item": "apple", "quantity": 1.5}, "bad_message"),
        ("drop", {"item": "apple", "quantity": "1"}, "bad_message"),
        ("give", {"to": 4_000_000_000, "item": "apple", "quantity": 1}, "no_such_thing"),
        ("pick_up", {"entity": 4_000_000_000}, "no_such_thing"),
        ("pick_up", {}, "bad_message"),
    ],
)
async def test_what_cannot_be_is_refused(
    running_server: RunningGame, action: str, fields: dict[str, object], code: str
) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        refused = await player.act(action, **fields)
        assert (refused["type"], refused["code"], refused["seq"]) == ("refused", code, 1)
        assert refused["reason"]
        assert (await player.act("say", text="still here"))["type"] == "ack"


async def test_giving_more_than_one_has_or_to_oneself_is_refused(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player, Raw(running_server.ws_url) as other:
        await player.guest()
        await other.guest()
        await player.fetch("apple")
        await player.walk_to(other.me.x, other.me.y)
        to, me = other.welcome["entity_id"], player.welcome["entity_id"]
        assert (await player.act("give", to=to, item="apple", quantity=2))["code"] == "not_enough"
        assert (await player.act("give", to=me, item="apple", quantity=1))["code"] == "yourself"
        assert (await player.act("give", to=to, item="apple", quantity=1))["level"] == "durable"


async def test_picking_up_what_is_far_away_is_refused(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        apple = player.welcome["kinds"].index("apple")
        far = [
            e.id for e in player.entities.values()
            if e.kind == apple and abs(e.x - player.me.x) + abs(e.y - player.me.y) > 8
        ]  # fmt: skip
        assert (await player.act("pick_up", entity=far[0]))["code"] == "too_far"
