"""A whole game is played while every message between edge and host goes through bytes: no object is shared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import get_args

from gameserver.built_in import built_in_services
from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.demo import Meadow
from gameserver.link.codec import decode_to_edge, decode_to_host, encode
from gameserver.link.local import LocalLink
from gameserver.link.messages import Resync, TickFrames, ToEdge, ToHost
from gameserver.node import Node, Stores
from gameserver.sql.database import Database
from gameserver.store.connection import Store
from tests.scenarios.raw import Raw


class ByteLink:
    """A link that sends bytes, and notes the types of its messages."""

    def __init__(self) -> None:
        self.types: set[type] = set()
        self.numbered_frames = 0  # with a number in the place of a list
        self._local = LocalLink()

    def attach_host(self, receive: Callable[[ToHost], None]) -> None:
        self._local.attach_host(receive)

    def attach_edge(self, receive: Callable[[ToEdge], None]) -> None:
        self._local.attach_edge(receive)

    def to_host(self, message: ToHost) -> None:
        self.types.add(type(message))
        self._local.to_host(decode_to_host(encode(message)))

    def to_edge(self, message: ToEdge) -> None:
        self.types.add(type(message))
        if isinstance(message, TickFrames):
            self.numbered_frames += sum(frame.audience > 0 and not frame.connection_ids for frame in message.frames)
        self._local.to_edge(decode_to_edge(encode(message)))


@asynccontextmanager
async def playing_over(link: ByteLink, redis_url: str, sql_url: str) -> AsyncIterator[str]:
    """A node that uses the link. Yields the address for players."""
    settings = Settings(node_id="bytes", port=0, ops_port=0, sign_ups_per_minute=1000)
    redis, database = Store(redis_url, timeout_s=5.0), Database(sql_url, pool_size=4, timeout_s=5.0)
    await redis.open()
    await database.open()
    services = built_in_services(settings, database)
    node = Node(settings, Meadow(), Stores(redis, database), SystemClock(), services=services, link=link)
    await node.start()
    try:
        yield f"ws://127.0.0.1:{node.port}/ws"
        await node.drain(5.0)
    finally:
        await node.stop()
        await redis.close(1.0)
        await database.close(1.0)


def middle_of_cell(player: Raw) -> tuple[float, float]:
    size = player.welcome["zone"]["cell_size"]
    return (player.me.x // size + 0.5) * size, (player.me.y // size + 0.5) * size


async def test_players_sign_in_see_act_trade_talk_resume_and_leave(one_redis_url: str, mariadb_url: str) -> None:
    link = ByteLink()
    async with playing_over(link, one_redis_url, mariadb_url) as url:  # noqa: SIM117
        async with Raw(url) as ada, Raw(url) as bob, Raw(url) as cyd, Raw(url) as dan:
            everybody = (ada, bob, cyd, dan)
            for player in everybody:
                await player.guest()
            async with asyncio.timeout(30):
                await asyncio.gather(ada.fetch("flower"), *(player.listen(0.1) for player in everybody[1:]))
                middle = middle_of_cell(bob)
                await asyncio.gather(*(player.walk_to(*middle) for player in everybody))
            await ada.until(lambda: {player.me.id for player in everybody} <= ada.entities.keys())
            for step in range(20):  # everybody sees the same player move, again and again
                await ada.send("move", dx=(-1.0) ** step, dy=0.0)
                await ada.listen(0.1)
            await ada.send("move", dx=0.0, dy=0.0)
            assert link.numbered_frames > 0
            cyd.cut()
            dan.cut()
            gift = await ada.act("give", to=bob.welcome["entity_id"], item="flower", quantity=1)
            assert gift["level"] == "durable"
            assert (await bob.receive("inventory"))["items"] == {"flower": 1}
            assert (await bob.act("say", text="thank you"))["level"] == "accepted"
            assert (await ada.receive("said"))["line"]["text"] == "thank you"
            assert (await ada.act("drop", item="flower", quantity=1))["code"] == "not_enough"
            for wrong, code in (("fly", "unknown_type"), ("guest", "already_signed_in")):
                await ada.send(wrong)
                assert (await ada.receive("refused"))["code"] == code
            bob.cut()
            async with Raw(url) as again:
                await again.send("resume", token="never issued")
                assert (await again.receive("refused"))["code"] == "bad_token"
                welcome = await again.sign_in("resume", token=bob.welcome["resume_token"])
                assert welcome["resumed"] and welcome["inventory"] == {"flower": 1}
            await ada.send("logout")
            assert await ada.closed() == 1000
    never_sent = {*get_args(ToHost), *get_args(ToEdge)} - link.types
    assert never_sent == {Resync}, "only a slow client makes the edge ask for a resync"
