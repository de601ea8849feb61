"""The log of a node that is well: no warning and no error, from its start to its end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb, running
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis

QUIET_S = [pytest.param(12.0, id="a moment"), pytest.param(150.0, id="minutes", marks=pytest.mark.long)]
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GAMESERVER_")}
DURABLE = ("--innodb-flush-log-at-trx-commit=1", "--innodb-doublewrite=1")


@pytest.fixture
def durable_mariadb(mariadb_installed: Path) -> Iterator[MariaDb]:
    """Set as in production."""
    with running(mariadb_installed, *DURABLE) as server:
        yield server


@pytest.mark.parametrize("quiet_s", QUIET_S)
async def test_on_mariadb_and_redis(durable_mariadb: MariaDb, tmp_path: Path, quiet_s: float) -> None:
    redis = RunningRedis("redis7").start()
    database = await asyncio.to_thread(durable_mariadb.migrated_database)
    game = RunningGame(tmp_path, redis.url, durable_mariadb.url(database), checkpoint_s="6")
    try:
        await asyncio.to_thread(game.start)
        await play_and_rest(game.ws_url, quiet_s)
        assert await asyncio.to_thread(game.terminate) == 0
        await asyncio.to_thread(game.start)  # and with sessions' rows there
        await play_and_rest(game.ws_url, 0)
        assert await asyncio.to_thread(game.terminate) == 0
    finally:
        await asyncio.to_thread(game.stop)
        redis.remove()
    assert alarms_in(game.log) == []


@pytest.mark.parametrize("quiet_s", QUIET_S)
async def test_on_the_embedded_stores(tmp_path: Path, quiet_s: float) -> None:
    for rest_s in (quiet_s, 0.0, 0.0):  # ending it is a race with the process that ends
        port = free_port()
        server = await asyncio.to_thread(start_embedded, tmp_path, port)
        try:
            await play_and_rest(f"ws://127.0.0.1:{port}/ws", rest_s)
        finally:
            server.send_signal(signal.SIGTERM)
            assert await asyncio.to_thread(server.wait, 30) == 0
    assert alarms_in((tmp_path / "log").read_text()) == []


async def play_and_rest(url: str, quiet_s: float) -> None:
    """Two come, do what players do, and go; one stays through the quiet time, one leaves in the middle of it."""
    async with Raw(url) as player, Raw(url) as other:
        await player.guest()
        await other.guest()
        await player.fetch("apple")
        assert (await player.act("say", text="hello"))["type"] == "ack"
        await player.send("move", dx=0, dy=0)
        await player.send("logout")
        assert await player.closed() == 1000
        await other.listen(quiet_s)
        other.cut()


def start_embedded(folder: Path, port: int) -> subprocess.Popen[bytes]:
    settings = ["--port", str(port), "--log-format", "json", "--ready-file", "ready", "--folder", "stores"]
    (folder / "ready").unlink(missing_ok=True)
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "gameserver", "run", *settings], cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log
        )
    give_up_at_s = time.monotonic() + 30
    while not (folder / "ready").exists():
        assert server.poll() is None and time.monotonic() < give_up_at_s, (folder / "log").read_text()
        time.sleep(0.05)
    return server


def alarms_in(log: str) -> list[str]:
    """Lines that an operator would look into: warnings, errors, and whatever was not said by the log."""
    lines = [line for line in log.splitlines() if line.strip() and not line.startswith("  Play: ")]
    said = [json.loads(line) if line.startswith("{") else {"event": line, "level": "outside the log"} for line in lines]
    return [f"{line['level']}: {line['event']}" for line in said if line["level"] not in ("debug", "info")]
