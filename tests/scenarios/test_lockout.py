"""Nobody can keep a name from signing in: whoever guesses at it from elsewhere, its owner comes in from home."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect

from tests.servers.game import RunningGame

PASSWORD = "a long enough password"


async def attempt(game: RunningGame, address: str, **message: Any) -> str:
    """Sign in once over a connection of its own: ``welcome``, or the refusal's code."""
    async with connect(game.ws_url, local_addr=(address, 0), compression=None) as socket:
        await socket.send(json.dumps(message))
        async for received in socket:
            if isinstance(received, str):
                answer = json.loads(received)
                return str(answer.get("code") or answer["type"])
    raise AssertionError


@asynccontextmanager
async def guessing(game: RunningGame, name: str, per_s: float, addresses: list[str]) -> AsyncIterator[Counter[str]]:
    """Meanwhile, wrong passwords for ``name`` come from other addresses; the answers are counted."""
    told: Counter[str] = Counter()
    is_over = asyncio.Event()

    async def guess() -> None:
        number = 0
        while not is_over.is_set():
            number += 1
            address = addresses[number % len(addresses)]
            told[await attempt(game, address, type="login", name=name, password=f"wrong {number}")] += 1
            await asyncio.sleep(1 / per_s)

    task = asyncio.create_task(guess())
    try:
        yield told
    finally:
        is_over.set()
        await task


@pytest.mark.parametrize(
    ("per_s", "addresses"),
    [pytest.param(3, 1, marks=pytest.mark.long), pytest.param(10, 1, marks=pytest.mark.long), (30, 20)],
)
async def test_the_owner_comes_in_from_home_whoever_guesses_elsewhere(
    running_server: RunningGame, per_s: float, addresses: int
) -> None:
    name = f"p{uuid4().hex[:12]}"
    assert await attempt(running_server, "127.0.0.1", type="register", name=name, password=PASSWORD) == "welcome"
    elsewhere = [f"127.0.1.{number + 2}" for number in range(addresses)]
    async with guessing(running_server, name, per_s, elsewhere) as told:
        await asyncio.sleep(2)
        for _ in range(15):
            login = attempt(running_server, "127.0.0.1", type="login", name=name, password=PASSWORD)
            assert await login == "welcome"
            await asyncio.sleep(0.2)
    assert told.keys() <= {"wrong_credentials", "too_many"}
    assert told["wrong_credentials"] > 0


async def test_guesses_from_many_addresses_are_bounded_together(running_server: RunningGame) -> None:
    name = f"p{uuid4().hex[:12]}"
    assert await attempt(running_server, "127.0.0.1", type="register", name=name, password=PASSWORD) == "welcome"
    started_s = time.monotonic()
    told: Counter[str] = Counter()
    for tens in range(20):
        addresses = [f"127.0.2.{10 * tens + one + 2}" for one in range(10)]
        logins = [attempt(running_server, each, type="login", name=name, password="wrong") for each in addresses]
        told.update(await asyncio.gather(*logins))
    refilled = (time.monotonic() - started_s) * 100 / 60
    assert 100 <= told["wrong_credentials"] <= 101 + refilled and told["too_many"] > 0, told
    assert await attempt(running_server, "127.0.0.1", type="login", name=name, password=PASSWORD) == "welcome"
