"""Every action has exactly one answer, over real sockets: when it is sent again after a resume, and when its player
logs out, or the server ends, right behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.scenarios.raw import Closed, Raw
from tests.scenarios.stores import Stores
from tests.servers.game import RunningGame, running_game
from tests.servers.mariadb import MariaDb

SHOP = """
from gameserver import Action, Game, Player, Zone, ZoneSpec, handles


class Mint(Action, tag="mint"):
    n: int = 1


class Give(Action, tag="give"):
    to: int


class Put(Action, tag="put"):
    pass


class Shop(Game):
    zones = (ZoneSpec("shop", width=10, height=10, cell_size=10),)

    @handles(Mint)
    def mint(self, zone: Zone, player: Player, message: Mint) -> None:
        player.inventory.add("coin", message.n)

    @handles(Give)
    def give(self, zone: Zone, player: Player, message: Give) -> None:
        zone.exchange(player, zone.reach(player, message.to, 100.0), "coin")

    @handles(Put)
    def put(self, zone: Zone, player: Player, message: Put) -> None:
        zone.exchange(player, None, "coin")
"""


def delays_ms(*every_run: int, long: Iterable[int]) -> list[Any]:
    """Return the delays that each run tries, and between them those of ``-m long``."""
    return [*every_run, *(pytest.param(ms, marks=pytest.mark.long) for ms in long)]


@pytest.fixture(scope="module")
def shop(mariadb: MariaDb, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that the tests of this module share."""
    folder = tmp_path_factory.mktemp("shop")
    (folder / "shop.py").write_text(SHOP)
    with running_game(folder, mariadb.url(mariadb.migrated_database()), game="shop:Shop", grace_s="20") as game:
        yield game


@asynccontextmanager
async def customer(game: RunningGame, coins: int = 1) -> AsyncIterator[Raw]:
    async with Raw(game.ws_url) as player:
        await player.guest()
        assert (await player.act("mint", n=coins))["type"] == "ack"
        yield player


def answers(player: Raw) -> list[tuple[int, str]]:
    """Every answer to an action that the player has not looked at yet."""
    told = [message for message in player.waiting if message["type"] in ("ack", "refused")]
    return [(message["seq"], message.get("level") or message["code"]) for message in told]


async def until_closed(player: Raw) -> int:
    """Read to the end; the close code."""
    try:
        await player.listen(8.0)
    except Closed as closed:
        return closed.code
    raise AssertionError("the server did not close")


async def send_at_once(player: Raw, *messages: dict[str, Any]) -> None:
    """All of them in one write, as far as the client can do that."""
    for message in messages:
        await player.socket.send(json.dumps(message))


@pytest.mark.parametrize("delay_ms", delays_ms(0, 6, 15, 30, long=(3, 9, 12, 18, 21, 24, 27)))
async def test_an_action_sent_again_after_a_resume_is_answered_once(shop: RunningGame, delay_ms: int) -> None:
    async with customer(shop, coins=2) as player:
        await player.send("put", seq=7)
        await asyncio.sleep(delay_ms / 1000)
        token = player.welcome["resume_token"]
        player.cut()
    async with Raw(shop.ws_url) as player:
        welcome = await player.sign_in("resume", token=token)
        assert welcome["resumed"]
        await player.send("put", seq=7)
        await player.listen(0.4)
        assert answers(player) == [(7, "durable")]


@pytest.mark.parametrize("delay_ms", delays_ms(0, 6, 15, 30, long=(3, 9, 12, 18, 21, 24, 27)))
async def test_a_stored_action_sent_again_after_a_resume_is_answered_once(shop: RunningGame, delay_ms: int) -> None:
    async with customer(shop) as player:
        await player.send("mint", seq=7)
        await asyncio.sleep(delay_ms / 1000)
        token = player.welcome["resume_token"]
        player.cut()
    async with Raw(shop.ws_url) as player:
        await player.sign_in("resume", token=token)
        await player.send("mint", seq=7)
        await player.listen(0.4)
        assert answers(player) == [(7, "stored")]


@pytest.mark.parametrize("delay_ms", delays_ms(0, 10, long=(5, 20, 30)))
@pytest.mark.parametrize("action", ["mint", "put", "say"])
async def test_an_action_is_answered_before_the_logout_behind_it(shop: RunningGame, action: str, delay_ms: int) -> None:
    level = {"mint": "stored", "put": "durable", "say": "accepted"}[action]
    fields = {"text": "bye"} if action == "say" else {}
    async with customer(shop) as player:
        await send_at_once(player, {"type": action, "seq": 2, **fields})
        await asyncio.sleep(delay_ms / 1000)
        await player.send("logout")
        assert await until_closed(player) == 1000
        assert answers(player) == [(2, level)]


async def test_actions_behind_an_exchange_are_answered_before_the_logout_too(shop: RunningGame) -> None:
    async with customer(shop, coins=5) as giver, customer(shop) as receiver:
        to = receiver.welcome["entity_id"]
        gives: list[dict[str, Any]] = [{"type": "give", "seq": seq, "to": to} for seq in (2, 3, 4)]
        await send_at_once(giver, *gives, {"type": "mint", "seq": 5}, {"type": "logout"})
        assert await until_closed(giver) == 1000
        assert sorted(answers(giver)) == [(2, "durable"), (3, "durable"), (4, "durable"), (5, "stored")]
        stores = Stores(shop.redis_url, shop.sql_url)
        assert stores.inventory(giver.welcome["player_id"]) == {"coin": 3}
        stores.close()


async def test_an_action_behind_a_logout_is_refused(shop: RunningGame) -> None:
    async with customer(shop) as player:
        messages: list[dict[str, Any]] = [
            {"type": "mint", "seq": 2},
            {"type": "logout"},
            {"type": "mint", "seq": 3, "n": 5},
        ]
        await send_at_once(player, *messages)
        assert await until_closed(player) == 1000
        assert sorted(answers(player)) == [(2, "stored"), (3, "not_signed_in")]
        stores = Stores(shop.redis_url, shop.sql_url)
        assert stores.inventory(player.welcome["player_id"]) == {"coin": 2}
        stores.close()


async def test_an_action_that_comes_twice_on_one_connection_is_answered_once(shop: RunningGame) -> None:
    async with customer(shop, coins=3) as player:
        await send_at_once(player, *[{"type": "put", "seq": 2}] * 3)
        await player.listen(0.4)
        assert answers(player) == [(2, "durable")]


async def test_actions_are_answered_before_a_drain_closes(tmp_path: Path, mariadb_url: str) -> None:
    """Some are answered, the others were not read any more: nothing is applied without an answer."""
    (tmp_path / "shop.py").write_text(SHOP)
    with running_game(tmp_path, mariadb_url, game="shop:Shop") as game:
        async with customer(game, coins=20) as player:
            sent, ending = await act_until_drained(game, player)
            assert await until_closed(player) == 1012
            assert await ending == 0
            told = dict(answers(player))
            assert len(told) == len(answers(player)) >= 40
            assert sorted(told) == sent[: len(told)]
            assert player.waiting[-1]["type"] == "closing"
        held = 20 + sum({"stored": 1, "durable": -1}.get(answer, 0) for answer in told.values())
        stores = Stores(game.redis_url, game.sql_url)
        assert stores.inventory(player.welcome["player_id"]) == {"coin": held}
        stores.close()


async def act_until_drained(game: RunningGame, player: Raw) -> tuple[list[int], asyncio.Task[int]]:
    """Send an action every 5 ms, with a SIGTERM behind the 60th, until the socket closes; which were sent."""
    sent: list[int] = []
    ending: asyncio.Task[int] | None = None
    with suppress(ConnectionClosed):
        for seq in range(2, 200):
            await player.send("put" if seq % 7 == 0 else "mint", seq=seq)
            sent.append(seq)
            if seq == 60:
                ending = asyncio.create_task(asyncio.to_thread(game.terminate))
            await asyncio.sleep(0.005)
    assert ending is not None
    return sent, ending


async def test_a_logout_while_redis_is_away_still_answers_what_was_applied(tmp_path: Path, mariadb_url: str) -> None:
    """Answers that SQL has saved need no Redis."""
    (tmp_path / "shop.py").write_text(SHOP)
    with running_game(tmp_path, mariadb_url, game="shop:Shop", store_timeout_s="0.5") as game:
        stores = Stores(game.redis_url, game.sql_url)
        async with customer(game) as player:
            stores.redis.client_pause(2500, all=False)
            await player.send("mint", seq=2)
            await asyncio.sleep(0.08)
            await player.send("logout")
            assert await until_closed(player) == 1000
            assert answers(player) in ([(2, "stored")], [(2, "try_later")])
            held = 2 if answers(player) == [(2, "stored")] else 1
        assert stores.inventory(player.welcome["player_id"]) == {"coin": held}
        stores.close()
