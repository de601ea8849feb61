"""Scripts run whether or not the server knows them, and declare every key they touch."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

import gameserver.store
from gameserver.live.sessions import LiveSessions, Removal
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.store.connection import Store
from tests.servers.redis import RunningRedis

SCRIPTS = sorted((Path(gameserver.store.__file__).parent / "scripts").glob("*.lua"))


async def test_scripts_run_after_a_restart_has_emptied_the_script_cache(own_redis: RunningRedis) -> None:
    store = Store(own_redis.url, timeout_s=5.0)
    live = LiveSessions(store)
    await live.open(PlayerId(5), Epoch(7), NodeId("here"), "meadow", {"seq": "1"})
    own_redis.wait_until_written()
    own_redis.restart()
    await asyncio.sleep(0.05)  # until the loop has seen that the connections are closed
    assert await live.open(PlayerId(5), Epoch(8), NodeId("here"), "meadow", {}) == {"seq": "1"}
    assert await live.remove(PlayerId(5), Epoch(8), NodeId("here"), 1) is Removal.REMOVED
    await store.close()


async def test_a_script_is_sent_in_full_only_once(live: LiveSessions, store: Store) -> None:
    await store.command("test", "CONFIG RESETSTAT")
    for player in range(1, 6):
        await live.open(PlayerId(player), Epoch(1), NodeId("here"), "meadow", {"seq": "1"})
    calls = await store.command("test", "INFO", "commandstats")
    assert (calls["cmdstat_eval"]["calls"], calls["cmdstat_evalsha"]["calls"]) == (1, 5)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_documents_its_keys_and_arguments_and_names_keys_only_through_them(path: Path) -> None:
    header, body = _header_and_body(path)
    used = set(re.findall(r"(?:KEYS|ARGV)\[\d\]", body))
    assert used <= set(re.findall(r"(?:KEYS|ARGV)\[\d\]", header)), "an argument without its line on top"
    assert "Returns" in header
    first_arguments = re.findall(r"redis\.call\('\w+', ([^,)]+)", body)
    assert all(argument.startswith("KEYS[") for argument in first_arguments), "a key that is not declared"


def _header_and_body(path: Path) -> tuple[str, str]:
    lines = path.read_text().splitlines()
    code = next(number for number, line in enumerate(lines) if line and not line.startswith("--"))
    return "\n".join(lines[:code]), "\n".join(lines[code:])
