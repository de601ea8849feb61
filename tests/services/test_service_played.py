"""A service that the server knows nothing of is played on the real stores: its messages, acks, refusals and bugs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from gameserver.built_in import built_in_services
from gameserver.clock import SystemClock
from gameserver.config import Settings
from gameserver.demo import Meadow
from gameserver.node import Node, Stores
from gameserver.sql.database import Database
from gameserver.store.connection import Store
from tests.scenarios.raw import Raw
from tests.servers.redis import RunningRedis
from tests.services.kudos import Kudos


@asynccontextmanager
async def playing(kudos: Kudos, redis_url: str, sql_url: str) -> AsyncIterator[str]:
    """A node with chat and kudos. Yields the address for players."""
    settings = Settings(node_id="kudos", port=0, ops_port=0, sign_ups_per_minute=1000)
    redis, database = Store(redis_url, timeout_s=2.0), Database(sql_url, pool_size=4, timeout_s=5.0)
    await redis.open()
    await database.open()
    services = [*built_in_services(settings, database), kudos]
    node = Node(settings, Meadow(), Stores(redis, database), SystemClock(), services=services)
    await node.start()
    try:
        yield f"ws://127.0.0.1:{node.port}/ws"
        await node.drain(5.0)
    finally:
        await node.stop()
        await redis.close(1.0)
        await database.close(1.0)


async def test_its_messages_are_acked_as_declared_and_its_refusals_change_nothing(
    one_redis_url: str, mariadb_url: str
) -> None:
    kudos = Kudos()
    async with playing(kudos, one_redis_url, mariadb_url) as url, Raw(url) as ann, Raw(url) as bob:
        await ann.guest()
        await bob.guest()
        assert kudos.zones == ["meadow"]
        name = bob.welcome["name"]
        assert (await ann.act("praise", to=name))["level"] == "stored"
        assert (await bob.receive("praised")) == {"type": "praised", "by": ann.welcome["name"], "count": 1}
        assert (await ann.act("clap"))["level"] == "accepted"
        assert (await ann.act("ranking"))["level"] == "accepted"
        assert (await ann.act("praise", to="nobody at all"))["code"] == "not_online"
        assert (await ann.act("praise", to=ann.welcome["name"]))["code"] == "yourself"
        assert (await ann.act("praise"))["code"] == "bad_message"
        assert kudos.counts == {name: 1} and kudos.calls == ["clap", "ranking"]
        assert "praised" not in [message["type"] for message in ann.waiting]
    assert kudos.calls[-1] == "flush"


async def test_its_action_that_comes_again_after_a_resume_is_applied_once(one_redis_url: str, mariadb_url: str) -> None:
    kudos = Kudos()
    async with playing(kudos, one_redis_url, mariadb_url) as url, Raw(url) as ann, Raw(url) as bob:
        await ann.guest()
        await bob.guest()
        seq = await ann.act_only("praise", to=bob.welcome["name"])
        await bob.receive("praised")
        ann.cut()
        async with Raw(url) as again:
            await again.sign_in("resume", token=ann.welcome["resume_token"])
            await again.send("praise", seq=seq, to=bob.welcome["name"])
            assert (await again.answer_to(seq))["level"] == "stored"
        assert kudos.counts == {bob.welcome["name"]: 1}


async def test_only_what_needs_redis_is_refused_while_redis_is_away(own_redis: RunningRedis, mariadb_url: str) -> None:
    kudos = Kudos()
    async with playing(kudos, own_redis.url, mariadb_url) as url, Raw(url) as ann, Raw(url) as bob:
        await ann.guest()
        await bob.guest()
        own_redis.kill()
        await asyncio.sleep(1.0)  # the node writes to Redis twice a second, even if nothing happens
        assert (await ann.act("praise", to=bob.welcome["name"]))["code"] == "try_later"
        assert (await ann.act("clap"))["level"] == "accepted"
        assert kudos.counts == {} and kudos.calls == ["clap"]
        own_redis.start()
        async with asyncio.timeout(10):
            while (await ann.act("praise", to=bob.welcome["name"])).get("level") != "stored":
                await asyncio.sleep(0.1)
        assert kudos.counts == {bob.welcome["name"]: 1}


@pytest.mark.parametrize(("fault", "welcome_fields"), [("handler", None), ("act", {"no_such_field": 1})])
async def test_a_bug_of_a_service_costs_one_call(
    one_redis_url: str, mariadb_url: str, fault: str, welcome_fields: dict[str, int] | None
) -> None:
    kudos = Kudos()
    async with playing(kudos, one_redis_url, mariadb_url) as url, Raw(url) as ann, Raw(url) as bob:
        await ann.guest()
        kudos.welcome_fields = welcome_fields
        with capture_logs() as logs:
            await bob.guest()
            answer = await ann.act("praise", to=bob.welcome["name"], fault=fault)
        assert answer.get("code", answer.get("level")) == {"handler": "internal", "act": "stored"}[fault]
        failed = [line["call"] for line in logs if line["event"] in ("service_failed", "handler_raised")]
        assert failed == ["Kudos.welcome", {"handler": "Praise", "act": "Kudos.act"}[fault]]
        assert (await ann.act("praise", to=bob.welcome["name"]))["level"] == "stored"
        assert kudos.counts == {bob.welcome["name"]: 1}
        await bob.listen(0.2)
        praised = [message["count"] for message in bob.waiting if message["type"] == "praised"]
        assert praised == ([1] if fault == "handler" else [1, 1])
