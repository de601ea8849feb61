"""A real server under tens of thousands of hostile frames: it refuses, closes, and serves everybody else as before.

``FUZZ_SEED`` chooses the frames, ``FUZZ_FRAMES`` their number; each run prints both. ``-m long`` sends a million.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import msgspec
import pytest

from gameserver.protocol.messages import Say, Whisper
from tests.fuzz.messages import MARK, VICTIM, Talk
from tests.fuzz.witness import Witness
from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame
from tests.servers.mariadb import MariaDb
from tests.servers.redis import RunningRedis

SEED = int(os.environ.get("FUZZ_SEED", "20260728"))
FRAMES = int(os.environ.get("FUZZ_FRAMES", "20000"))
FRAMES_LONG = 1_000_000
ROUNDS = 3  # each a calm window, then a part of the frames; both are slowed alike by whatever else the machine does
CALM_S = 1.5
SETTLE_S = 0.5  # before a calm window: what the frames before began has ended
GRACE_S = "1"  # hostile guests that left are forgotten soon
INTERVAL_RATIO_MAX = 3.0  # of the 99th percentiles of the honest player's tick intervals, beside the attack and before
GROWTH_BYTES_MAX = 32 * 1024 * 1024  # after the first round, which fills what is kept ready
LINES_PER_CONNECTION = 2
LINES_BESIDE = 200
LINE_BYTES_MAX = 2000


@pytest.fixture
def game(mariadb: MariaDb, tmp_path: Path) -> Iterator[RunningGame]:
    redis = RunningRedis("redis7").start()
    sql_url = mariadb.url(mariadb.migrated_database())
    settings = {"sign_ups_per_minute": "100000", "grace_s": GRACE_S, "password_workers": "1"}  # each hash takes 19 MiB
    server = RunningGame(tmp_path, redis.url, sql_url, game="tests.fuzz.larder:Larder", **settings)
    try:
        yield server.start()
    finally:
        server.stop()
        redis.remove()


@pytest.mark.slow
async def test_hostile_frames_cost_nobody_else_anything(game: RunningGame) -> None:
    await endure(game, SEED, FRAMES)


@pytest.mark.long
async def test_a_million_hostile_frames_cost_nobody_else_anything(game: RunningGame) -> None:
    await endure(game, SEED, FRAMES_LONG)


async def endure(game: RunningGame, seed: int, frames: int) -> None:
    print(f"FUZZ_SEED={seed} FUZZ_FRAMES={frames}")
    reports: list[dict[str, Any]] = []
    calm_s: list[float] = []
    attacked_s: list[float] = []
    held_bytes: list[int] = []
    async with Raw(game.ws_url) as raw:
        await raw.guest(name=VICTIM)
        witness = Witness(raw)
        playing = asyncio.create_task(witness.play())
        for number in range(ROUNDS):
            await asyncio.sleep(SETTLE_S)
            calm = witness.begin()
            await asyncio.sleep(CALM_S)
            calm_s += calm
            attacked = witness.begin()
            reports.append(await attack(game.port, seed + number, frames // ROUNDS))
            attacked_s += attacked
            held_bytes.append(resident_bytes(game.pid))
        await witness.all_answered()
        assert not playing.done(), "the honest player was closed"
        playing.cancel()
    print(f"99 of 100 ticks within {p99(calm_s):.3f} s before, {p99(attacked_s):.3f} s beside; resident: {held_bytes}")
    judge(reports, frames)
    judge_witness(witness, calm_s, attacked_s)
    assert max(held_bytes) - held_bytes[0] < GROWTH_BYTES_MAX, held_bytes
    judge_log(game.log, sum(connections(report) for report in reports))
    for path in ("/healthz", "/readyz"):
        assert game.get(path)[0] == 200


async def attack(port: int, seed: int, frames: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.fuzz.attacker", str(port), str(seed), str(frames), stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60 + frames / 400):
            out, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 0
    report: dict[str, Any] = json.loads(out)
    return report


def judge(reports: list[dict[str, Any]], frames: int) -> None:
    """Nothing was answered wrongly, and every kind was there."""
    assert [wrong for report in reports for wrong in report["wrong"]] == []
    sent: Counter[str] = sum((Counter(report["sent"]) for report in reports), Counter())
    assert sent.total() >= frames
    assert sent["message"] > frames / 2


def judge_witness(witness: Witness, calm_s: list[float], attacked_s: list[float]) -> None:
    assert witness.wrong == []
    assert witness.heard, "others are heard when they are entitled to be"
    assert p99(attacked_s) <= INTERVAL_RATIO_MAX * p99(calm_s), (p99(calm_s), p99(attacked_s))


def judge_log(log: str, connections: int) -> None:
    lines = [line for line in log.splitlines() if line and "Play: http" not in line]
    bad = [line for line in lines if "Traceback" in line or json.loads(line)["level"] in ("error", "critical")]
    assert bad == []
    assert len(lines) <= connections * LINES_PER_CONNECTION + LINES_BESIDE
    assert max(map(len, lines)) <= LINE_BYTES_MAX


def connections(report: dict[str, Any]) -> int:
    return int(report["connections"])


def p99(intervals_s: list[float]) -> float:
    return quantiles(intervals_s, n=100)[98]


def resident_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


@pytest.mark.parametrize("stalls", [1, 3, 10])
def test_a_server_that_stalls_is_noticed(stalls: int) -> None:
    """A negative control: of a thousand ticks, ten and more are late by four ticks."""
    calm_s = [0.05 + number % 7 / 1000 for number in range(120)]
    attacked_s = calm_s * 8 + [0.25] * stalls
    ratio = p99(attacked_s) / p99(calm_s)
    assert (ratio > INTERVAL_RATIO_MAX) == (stalls >= 10)


@pytest.mark.parametrize("is_playing", [False, True])
def test_after_what_could_sign_in_no_line_is_sent_that_others_would_hear(is_playing: bool) -> None:
    """A guest is signed in within milliseconds or after the connection has ended: nothing may depend on which."""
    for seed in range(300):
        talk = Talk(Random(seed), is_playing=is_playing)
        for _ in range(60):
            may_be_heard = talk.may_be_heard
            line = said_by(talk.text())
            assert not (may_be_heard and line == MARK), seed


def test_whatever_is_said_before_a_sign_in_is_marked() -> None:
    """The other way round: enough of what only the missing sign-in forbids is sent, and others never hear of it."""
    talks = [Talk(Random(seed), is_playing=False) for seed in range(300)]
    lines = [said_by(talk.text()) for talk in talks for _ in range(60) if not talk.may_be_heard]
    assert lines.count(MARK) > 100


def said_by(text: bytes) -> str | None:
    """Return the line if the message is a whole ``say`` or ``whisper`` that a player may send."""
    try:
        message = msgspec.json.decode(text, type=Say | Whisper)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return message.text
