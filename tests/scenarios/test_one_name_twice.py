"""Two processes with one node_id: the second one refuses to start while the first one lives, and a process that lost
its name while it slept hands its players over and ends."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.scenarios.raw import Closed, Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

NAME = "twice"
LEASE = f"node:{NAME}"
LEASE_S = 3.0


class Place:
    """Stores, and processes on them that all have the same name."""

    def __init__(self, folder: Path, sql_url: str):
        self._folder = folder
        self._sql_url = sql_url
        self.redis = RunningRedis("redis7").start()
        self.games: list[RunningGame] = []

    def game(self, node_id: str = NAME) -> RunningGame:
        """A process that is not started yet."""
        folder = self._folder / str(len(self.games))
        folder.mkdir()
        settings = {"node_id": node_id, "lease_s": str(LEASE_S), "grace_s": "30"}
        self.games.append(RunningGame(folder, self.redis.url, self._sql_url, **settings))
        return self.games[-1]

    def close(self) -> None:
        for game in self.games:
            with suppress(ProcessLookupError, AssertionError):
                os.kill(game.pid, signal.SIGCONT)
            game.stop()
        self.redis.remove()


@pytest.fixture
def place(mariadb_url: str, tmp_path: Path) -> Iterator[Place]:
    place = Place(tmp_path, mariadb_url)
    yield place
    place.close()


@pytest.fixture
def stores(place: Place, mariadb_url: str) -> Iterator[Stores]:
    stores = Stores(place.redis.url, mariadb_url)
    yield stores
    stores.close()


async def test_a_second_process_with_the_name_of_a_living_one_does_not_start(place: Place, stores: Stores) -> None:
    first, second = place.game(), place.game()
    await asyncio.to_thread(first.start)
    async with Raw(first.ws_url) as player:
        await player.guest()
        await player.fetch("apple")
        holder = stores.redis.get(LEASE)
        with pytest.raises(AssertionError, match="the server ended"):
            await asyncio.to_thread(second.start)
        assert second.wait() == 2
        told = second.log
        assert "node_id" in told and "GAMESERVER_NODE_ID" in told and NAME in told, told
        assert "Traceback" not in told
        await player.listen(2.0)
        assert stores.redis.get(LEASE) == holder
        assert (await player.act("use", item="apple"))["level"] == "stored"
        assert (await asyncio.to_thread(first.get, "/readyz"))[0] == 200


async def test_who_starts_after_a_kill_takes_the_lease_at_once(place: Place, stores: Stores) -> None:
    game = place.game()
    await asyncio.to_thread(game.start)
    normal_s = await asyncio.to_thread(seconds_to_start_after, game.terminate, game)
    async with Raw(game.ws_url) as player:
        token = (await player.guest())["resume_token"]
        await player.fetch("apple")
        game_was = stores.redis.get(LEASE)
        took_s = await asyncio.to_thread(seconds_to_start_after, game.kill, game)
    assert stores.redis.get(LEASE) != game_was
    assert took_s < normal_s + 0.7, "a lease of a dead process was waited for"
    async with Raw(game.ws_url) as player:
        assert (await player.sign_in("resume", token=token))["inventory"] == {"apple": 1}


async def test_who_slept_while_another_process_took_its_name_hands_its_players_over_and_ends(
    place: Place, stores: Stores
) -> None:
    first, second = place.game(), place.game()
    await asyncio.to_thread(first.start)
    async with Raw(first.ws_url) as player, Raw(first.ws_url) as other:
        token = (await player.guest())["resume_token"]
        await player.fetch("apple")
        await other.guest()
        os.kill(first.pid, signal.SIGSTOP)
        await asyncio.to_thread(second.start)
        async with Raw(second.ws_url) as newer:
            await newer.guest()
            await newer.fetch("coin")
            os.kill(first.pid, signal.SIGCONT)
            assert await player.closed() == 4009
            assert await other.closed() == 4009
            assert await asyncio.to_thread(first.wait) == 1
            lines = [line for line in first.log.splitlines() if "node_name_lost" in line]
            assert len(lines) == 1 and NAME in lines[0], first.log
            assert "background_task_ended" not in first.log
            assert first.log.splitlines()[-1].startswith("gameserver: another process runs as node twice")
            async with Raw(second.ws_url) as back:
                assert (await back.sign_in("resume", token=token))["inventory"] == {"apple": 1}
            await newer.listen(4.5)  # raises Closed: a reaper that takes it for an orphan closes it within two rounds
            assert (await newer.act("say", text="here I am"))["type"] == "ack"
    assert "node_name_lost" not in second.log


async def test_who_lost_its_name_leaves_its_sessions_to_whoever_claims_them(place: Place, stores: Stores) -> None:
    """The other process has not claimed them: it does not even have SQL, say."""
    game = place.game()
    await asyncio.to_thread(game.start)
    async with Raw(game.ws_url) as player:
        token = (await player.guest())["resume_token"]
        player_id = player.welcome["player_id"]
        await player.fetch("apple")
        with a_living_rival(stores):
            assert await player.closed() == 4009
            assert await asyncio.to_thread(game.wait) == 1
    assert stores.session(player_id), "the session is to be found where it was"
    elsewhere = place.game("another-name")
    await asyncio.to_thread(elsewhere.start)
    async with Raw(elsewhere.ws_url) as player:
        assert (await player.sign_in("resume", token=token))["inventory"] == {"apple": 1}


async def test_a_dead_processes_last_renewal_disturbs_nobody(place: Place, stores: Stores) -> None:
    """It was on its way when Redis lost the lease, and came before our own."""
    game = place.game()
    await asyncio.to_thread(game.start)
    holder = stores.redis.get(LEASE)
    async with Raw(game.ws_url) as player:
        await player.guest()
        stores.redis.set(LEASE, "of a process that is dead", px=int(LEASE_S * 1000))
        with suppress(TimeoutError, Closed):
            await player.listen(LEASE_S + 2)
        await asyncio.to_thread(eventually, lambda: stores.redis.get(LEASE) == holder)
        assert (await player.act("say", text="here I am"))["type"] == "ack"
    assert game.is_running and "node_name_lost" not in game.log


async def test_a_node_that_waits_for_its_name_is_not_ready(place: Place, stores: Stores) -> None:
    stores.redis.set(LEASE, "of a process on another machine", px=60_000)
    game = place.game()
    starting = asyncio.create_task(asyncio.to_thread(game.start))
    first = await asyncio.to_thread(first_readiness, game)
    assert first[0] == 503 and json.loads(first[1])["starting"] is True
    await starting
    assert stores.redis.get(LEASE) != "of a process on another machine"
    status, body = await asyncio.to_thread(game.get, "/readyz", ops=True)
    assert status == 200 and json.loads(body)["starting"] is False


def first_readiness(game: RunningGame) -> tuple[int, str]:
    until_s = time.monotonic() + 20
    while True:
        try:
            return game.get("/readyz", ops=True)
        except OSError:
            assert time.monotonic() < until_s
            time.sleep(0.02)


def seconds_to_start_after(end: object, game: RunningGame) -> float:
    assert callable(end)
    end()
    began_s = time.monotonic()
    game.start()
    return time.monotonic() - began_s


@contextmanager
def a_living_rival(stores: Stores) -> Iterator[None]:
    """Something takes the lease and renews it, as another process of this name would."""
    ended = threading.Event()

    def renew() -> None:
        while not ended.wait(0.2):
            stores.redis.set(LEASE, "of another process", px=int(LEASE_S * 1000))

    renewing = threading.Thread(target=renew, name="a living rival")
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        stores.redis.delete(LEASE)
