"""The operator's view of a running server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from functools import partial
from pathlib import Path

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores
from tests.servers.game import RunningGame, running_game

METRICS = (
    "gameserver_tick_step_seconds_count{step=",
    "gameserver_tick_overruns_total",
    'gameserver_sessions{state="active"}',
    'gameserver_store_seconds_count{operation="tick_write",store="redis"}',
    'gameserver_store_seconds_count{operation="claim",store="sql"}',
    "gameserver_save_backlog_sessions",
    "gameserver_closes_total{reason=",
    "gameserver_connections",
)


async def test_health_and_readiness_are_told_on_both_ports(running_server: RunningGame) -> None:
    for ops in (False, True):
        assert (await asyncio.to_thread(running_server.get, "/healthz", ops=ops))[0] == 200
        status, body = await asyncio.to_thread(running_server.get, "/readyz", ops=ops)
        assert status == 200
        assert json.loads(body)["ready"] is True


async def test_metrics_are_on_the_operators_port_only(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        await player.send("move", dx=1, dy=0)
        await player.listen(0.3)
        await player.fetch("apple")
        async with Raw(running_server.ws_url) as other:
            await other.guest()
            await other.send("logout")
            await other.closed()
        status, body = await asyncio.to_thread(running_server.get, "/metrics", ops=True)
    assert status == 200
    assert [name for name in METRICS if name not in body] == []
    assert (await asyncio.to_thread(running_server.get, "/metrics"))[0] == 404


async def test_the_page_is_served_and_nothing_beside_it(running_server: RunningGame) -> None:
    status, body = await asyncio.to_thread(running_server.get, "/")
    assert status == 200
    assert "<html" in body
    assert (await asyncio.to_thread(running_server.get, "/../app.py"))[0] in (400, 404)


async def test_the_log_has_no_secrets(running_server: RunningGame) -> None:
    password = "very secret indeed"
    async with Raw(running_server.ws_url) as player:
        welcome = await player.sign_in("register", name=f"log{id(player)}", password=password)
        await player.send("logout")
        await player.closed()
    assert password not in running_server.log
    assert welcome["resume_token"] not in running_server.log


def test_a_second_start_by_mistake_fails_and_takes_nothing_from_the_process_that_runs(
    own_server: RunningGame, own_stores: Stores
) -> None:
    lease = f"node:test-{own_server.port}"
    holder = own_stores.redis.get(lease)
    assert holder is not None and own_server.start_again() == 2
    assert own_stores.redis.get(lease) == holder


ISLANDS = """
from gameserver import Game, Input, Player, Zone, ZoneSpec, handles

class East(Input, tag="east", frozen=True):
    pass

class Islands(Game):
    zones = tuple(ZoneSpec(name) for name in ("north", "south", "east", "west"))

    def choose_zone(self, player: Player) -> str:
        return self.zones[player.player_id % 4].name

    @handles(East)
    def east(self, zone: Zone, player: Player, message: East) -> None:
        zone.move_to(player, player.x + 1.0, player.y)
"""


async def test_zones_tick_in_as_many_phases_as_the_operator_asks_for(mariadb_url: str, tmp_path: Path) -> None:
    (tmp_path / "islands.py").write_text(ISLANDS)
    with running_game(tmp_path, mariadb_url, game="islands:Islands", tick_phases="4") as game:
        for _ in range(4):  # one on each island
            async with Raw(game.ws_url) as player:
                await player.guest()
                began_x = player.me.x
                await player.send("east")
                await player.until(partial(is_east_of, player, began_x))
        before, began_s = await asyncio.to_thread(phases_played, game), time.monotonic()
        await asyncio.sleep(2.0)
        played = await asyncio.to_thread(phases_played, game) - before
        assert 50 <= played / (time.monotonic() - began_s) <= 90  # four times twenty


def is_east_of(player: Raw, x: float) -> bool:
    return player.me.x > x


def phases_played(game: RunningGame) -> int:
    """Count the phases in which zones were ticked, one or several at once."""
    _, body = game.get("/metrics", ops=True)
    found = re.search(r'gameserver_tick_step_seconds_count\{step="apply"\} (\d+)', body)
    assert found
    return int(found[1])
