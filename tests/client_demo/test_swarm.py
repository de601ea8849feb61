"""The swarm against the scripted server: it plays, it notices lies, and its command says what it means."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from client_demo.bot import Habits
from client_demo.flock import Flock
from client_demo.verdict import Criteria, judge, passed
from gameserver.protocol.errors import Close
from tests.client.scripted import ScriptedServer

BUSY = Habits(act_every_s=0.3, say_every_s=3.0, gives_up_after_s=1.0)
EASY = Criteria(tick_p99_max_intervals=50.0, ack_p99_max_ms=10_000.0)  # timings are not this test's business


def flock_of(server: ScriptedServer, players: int = 6) -> Flock:
    return Flock(server.url, players, BUSY, ramp_s=0.3, seed=7)


async def test_bots_play_come_back_and_find_every_promise_kept(server: ScriptedServer) -> None:
    server.things |= {2000 + n: (50.0 + n % 7, 50.0 + n % 5, 1 + n % 3) for n in range(200)}
    tally = await flock_of(server).run(3.0)
    assert tally.errors.texts == []
    assert tally.broken_promises.texts == []
    assert (tally.players_connected, tally.checks) == (6, 6)
    assert tally.actions["pick_up"] > 5
    assert len(tally.all_acks) > 5
    assert tally.messages_sent > 6 * 20 * 2  # an input each tick
    assert passed(judge(tally, EASY))
    assert all(session.socket is None for session in server.sessions.values())


async def test_an_item_too_many_or_too_few_is_a_broken_promise(server: ScriptedServer) -> None:
    flock = flock_of(server, 2)
    running = asyncio.create_task(flock.run(0.5))
    while flock.phase != "compare":
        await asyncio.sleep(0.01)
    first, _ = server.sessions.values()
    first.inventory["flower"] = first.inventory.get("flower", 0) + 1
    tally = await running
    assert tally.broken_promises.count == 1
    assert "flower instead of" in tally.broken_promises.texts[0]


async def test_a_player_put_back_too_far_is_a_broken_promise(server: ScriptedServer) -> None:
    flock = flock_of(server, 2)
    running = asyncio.create_task(flock.run(0.5))
    while flock.phase != "compare" or all(session.socket for session in server.sessions.values()):
        await asyncio.sleep(0.005)
    gone = next(session for session in server.sessions.values() if session.socket is None)
    gone.x += 1.0
    tally = await running
    assert tally.broken_promises.count == 1
    assert "1.00 units" in tally.broken_promises.texts[0]


async def test_a_lost_socket_and_a_lost_session_are_counted(server: ScriptedServer) -> None:
    flock = flock_of(server, 3)
    running = asyncio.create_task(flock.run(1.5))
    while flock.phase != "play":
        await asyncio.sleep(0.01)
    first, second, _ = server.sessions
    await server.cut(first)
    await server.close(second, Close.KICKED)
    tally = await running
    assert tally.reconnects == 1
    assert any("the session ended: kicked" in text for text in tally.errors.texts)
    assert not passed(judge(tally, EASY))


async def swarm(*flags: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "client_demo.swarm", *flags,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    async with asyncio.timeout(90):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_command_reports_and_writes_json(server: ScriptedServer, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    status, out, err = await swarm(
        "--url", server.url, "--players", "4", "--seconds", "2", "--ramp", "0.2", "--act-every", "0.3",
        "--tick-p99-max", "50", "--ack-p99-max-ms", "10000", "--json", str(file), "--processes", "2",
    )  # fmt: skip
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[-1] == "PASS"
    assert any("4/4 players" in line for line in lines)
    written = json.loads(file.read_text(encoding="utf-8"))
    assert written["verdict"] == "PASS"
    assert written["figures"]["players_connected"] == 4
    assert written["figures"]["compared"] == 4


async def test_a_run_that_misses_its_criteria_fails(server: ScriptedServer) -> None:
    status, out, _ = await swarm(
        "--url", server.url, "--players", "1", "--seconds", "1", "--ramp", "0.1", "--ack-p99-max-ms", "0", "--quiet"
    )
    assert status == 1
    assert out.splitlines()[-1] == "FAIL"


async def test_without_a_server_it_says_so() -> None:
    status, out, err = await swarm("--url", "ws://127.0.0.1:9/ws")
    assert (status, out) == (2, "")
    assert "No server answers at ws://127.0.0.1:9/ws" in err


async def test_wanderers_stay_until_sigterm_then_log_out_and_are_the_same_next_time(
    server: ScriptedServer, tmp_path: Path
) -> None:
    file = tmp_path / "bots.json"
    for visit in (1, 2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "client_demo.swarm",
            "--forever", "--players", "2", "--url", server.url, "--remember", str(file),
        )  # fmt: skip
        await until(lambda: len([s for s in server.sessions.values() if s.socket]) == 2 and file.exists())
        await asyncio.sleep(1.2)
        os.kill(process.pid, signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0
        assert len(server.of_type("logout")) == 2 * visit
    assert sorted(server.sessions) == ["Fox", "Hare"]


async def until(claim: object) -> None:
    assert callable(claim)
    for _ in range(1000):
        if claim():
            return
        await asyncio.sleep(0.02)
    pytest.fail("it never came true")
