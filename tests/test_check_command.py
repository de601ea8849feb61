"""`gameserver check` and what `run` makes of the same findings: one line each, exit code 2 on errors."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.game import RunningGame
from tests.servers.ports import free_port
from tests.servers.redis import RunningRedis

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GAMESERVER_")}
GAME = "from gameserver import Game\nclass Mine(Game): pass\n"


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def settings() -> list[str]:
    return ["--port", str(free_port()), "--ops-port", str(free_port())]


@pytest.fixture
def redis() -> Iterator[RunningRedis]:
    server = RunningRedis("redis7")
    yield server.start()
    server.remove()


def gameserver(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gameserver", *arguments]
    environ = {**ENVIRONMENT, **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=60, env=environ, check=False)


def test_where_all_is_well_it_says_so_and_makes_nothing(settings: list[str], tmp_path: Path) -> None:
    ended = gameserver("check", *settings)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "settings, stores and game are well: nothing found\n"
    assert list(tmp_path.iterdir()) == []


def test_every_finding_is_told_at_once_in_one_line_and_errors_come_first(settings: list[str]) -> None:
    nobody = f"redis://:geheim@127.0.0.1:{free_port()}/0"
    ended = gameserver(
        "check", *settings, "--redis-url", nobody, "--sql-url", "sqlite:///nothing.db", GAMESERVER_GRACE="3"
    )
    assert ended.returncode == 2
    lines = ended.stdout.splitlines()
    assert [line.split(":")[:2] for line in lines] == [
        ["error", " redis_url"],
        ["error", " sql_url"],
        ["warning", " GAMESERVER_GRACE"],
    ]
    assert "write GAMESERVER_GRACE_S" in lines[2]
    assert "geheim" not in ended.stdout + ended.stderr


def test_warnings_alone_are_no_failure(settings: list[str]) -> None:
    ended = gameserver("check", *settings, GAMESERVER_PROT="1")
    assert ended.returncode == 0
    assert ended.stdout.startswith("warning: GAMESERVER_PROT: ") and "GAMESERVER_PORT" in ended.stdout


def test_it_looks_at_the_game_that_is_named(settings: list[str], tmp_path: Path) -> None:
    (tmp_path / "checked_game.py").write_text(GAME)
    assert gameserver("check", "checked_game:Mine", *settings).returncode == 0
    for command in ("check", "check-config"):
        ended = gameserver(command, "checked_game:Other", *settings)
        assert ended.returncode == 2
        assert "checked_game has no class Other" in ended.stdout + ended.stderr


def test_a_game_that_cannot_be_loaded_does_not_hide_the_rest(settings: list[str]) -> None:
    ended = gameserver("check", "nowhere_to_be_found:Game", *settings, "--sql-url", "sqlite:///nothing.db")
    assert ended.returncode == 2
    assert "sql_url" in ended.stdout and "nowhere_to_be_found" in ended.stdout


def test_the_node_that_runs_is_found_by_its_name(mariadb_url: str, tmp_path: Path, redis: RunningRedis) -> None:
    game = RunningGame(tmp_path, redis.url, mariadb_url, node_id="here", lease_s="3").start()
    try:
        stores = ["--redis-url", redis.url, "--sql-url", mariadb_url]
        ended = gameserver("check", "--port", str(free_port()), "--ops-port", "0", "--node-id", "here", *stores)
        assert ended.returncode == 2
        assert "error: node_id: another process that calls itself here is running" in ended.stdout
        assert "GAMESERVER_NODE_ID" in ended.stdout
        game.kill()
        ended = gameserver("check", "--port", str(free_port()), "--ops-port", "0", "--node-id", "here", *stores)
        assert "node_id" not in ended.stdout
    finally:
        game.stop()


def test_the_start_says_each_warning_once_in_the_log(redis: RunningRedis, settings: list[str]) -> None:
    redis.command("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    command = [sys.executable, "-m", "gameserver", "run", "--ready-file", "ready", "--log-format", "json", *settings]
    environ = {**ENVIRONMENT, "GAMESERVER_PROT": "1", "GAMESERVER_REDIS_URL": redis.url}
    with Path("log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=environ)
    give_up_at_s = time.monotonic() + 30
    while not Path("ready").exists():
        assert server.poll() is None and time.monotonic() < give_up_at_s, Path("log").read_text()
        time.sleep(0.05)
    server.send_signal(signal.SIGTERM)
    assert server.wait(30) == 0
    lines = [json.loads(line) for line in Path("log").read_text().splitlines() if line.startswith("{")]
    warned = [line for line in lines if line["level"] != "info"]
    assert [(line["event"], line["where"]) for line in warned] == [
        ("check_warning", "GAMESERVER_PROT"),
        ("check_warning", "redis_url"),
    ]
    assert all(line["level"] == "warning" and line["problem"] and line["remedy"] for line in warned)


def test_the_start_does_not_go_on_with_an_error(redis: RunningRedis, settings: list[str]) -> None:
    rules = ["~*", "+@all", "-@scripting"]
    assert redis.command("ACL", "SETUSER", "player", "on", ">geheim", *rules) == b"+OK\r\n"
    ended = gameserver("run", *settings, "--redis-url", f"redis://player:geheim@127.0.0.1:{redis.port}/0")
    assert ended.returncode == 2 and "Play:" not in ended.stdout
    (line,) = ended.stderr.splitlines()
    assert line.startswith("gameserver: redis_url: its user may not use eval, evalsha; ")


@pytest.mark.parametrize("place", ["a file", "/proc/gameserver"])
def test_a_folder_that_cannot_be_written_to(settings: list[str], tmp_path: Path, place: str) -> None:
    (tmp_path / "a file").touch()
    for command in ("check", "run", "check-config"):
        ended = gameserver(command, *settings, "--folder", place)
        assert ended.returncode == 2, ended
        told = ended.stdout + ended.stderr
        assert "folder: " in told and "GAMESERVER_FOLDER" in told and "Traceback" not in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_that_is_full(settings: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("root may not mount here")
    try:
        ended = gameserver("check", *settings, "--folder", str(folder))
        assert ended.returncode == 2 and "MB are free" in ended.stdout, ended
        (folder / "everything").write_bytes(b"\0" * 1_048_576)
        ended = gameserver("run", *settings, "--folder", str(folder))
        assert ended.returncode == 2 and "folder: " in ended.stderr and "Traceback" not in ended.stderr, ended
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_more_connections_than_the_system_allows_files(settings: list[str]) -> None:
    limited = ["sh", "-c", 'ulimit -n 1000; exec "$@"', "sh", sys.executable, "-m", "gameserver", "check", *settings]
    ended = subprocess.run(limited, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)
    assert ended.returncode == 2
    assert "error: connections_max: " in ended.stdout and "ulimit -n" in ended.stdout


def test_two_servers_on_one_sqlite_file(tmp_path: Path, redis: RunningRedis) -> None:
    """SQLite is for one node: two would wait for each other at every save."""
    url = f"sqlite:///{tmp_path}/shared.db"
    first = RunningGame(tmp_path, redis.url, url, migrate_on_start="true", node_id="first").start()
    try:
        assert first.get("/readyz")[0] == 200
        arguments = ["--port", str(free_port()), "--ops-port", "0", "--sql-url", url, "--redis-url", redis.url]
        ended = gameserver("run", *arguments, "--node-id", "second")
        (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
        assert ended.returncode == 2 and line.startswith("gameserver: sql_url: ") and "MariaDB" in line
        first.kill()
        first.start()  # the lock of a process that was killed is free at once
    finally:
        first.stop()


def test_two_servers_in_one_folder(settings: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gameserver", "run", "--ready-file", "ready", *settings]
    with Path("log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=ENVIRONMENT)
    try:
        give_up_at_s = time.monotonic() + 30
        while not Path("ready").exists():
            assert server.poll() is None and time.monotonic() < give_up_at_s, Path("log").read_text()
            time.sleep(0.05)
        ended = gameserver("run", "--port", "0")
        (line,) = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
        assert ended.returncode == 2 and "folder" in line and "GAMESERVER_FOLDER" in line
    finally:
        server.terminate()
        server.wait(30)


def test_a_stored_state_that_the_game_cannot_read(settings: list[str], sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "stateful.py").write_text(
        "from gameserver import Game, PlayerState\nclass Tally(PlayerState):\n    score: int = 0\n"
        "class Mine(Game[Tally]): ...\n"
    )
    with sqlite3.connect(sqlite_url.removeprefix("sqlite:///")) as file:
        for player_id, state in ((1, b'{"score":3}'), (2, b'{"score":"many"}')):
            file.execute(
                "INSERT INTO account (player_id, name, name_key, created_ms) VALUES (?, ?, ?, 0)",
                (player_id, f"p{player_id}", f"p{player_id}".encode()),
            )
            file.execute(
                "INSERT INTO profile (player_id, epoch, saved_seq, inventory_seq, x, y, facing, state)"
                " VALUES (?, 1, 1, 1, 0, 0, 0, ?)",
                (player_id, state),
            )
    file.close()
    ended = gameserver("check", "stateful:Mine", *settings, "--sql-url", sqlite_url)
    assert ended.returncode == 0, ended
    (line,) = ended.stdout.splitlines()
    assert line.startswith("warning: ") and "player 2" in line
