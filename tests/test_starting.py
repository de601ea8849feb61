"""A start that cannot succeed ends in one line that names the setting and says what to write; a start that can listens
where it was told to, and every signal that ends the process drains it first."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.servers.mariadb import migrate_now
from tests.servers.ports import free_port

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("GAMESERVER_")}
COMMAND = [sys.executable, "-m", "gameserver"]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def gameserver(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    environ = {**ENVIRONMENT, **environment}
    return subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, env=environ, check=False)


def refused(*arguments: str, **environment: str) -> str:
    """Return the one line that ``gameserver run`` prints when it does not start."""
    ended = gameserver("run", "--log-format", "json", *arguments, **environment)
    assert ended.returncode == 2, ended
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, ended.stderr
    return lines[0].removeprefix("gameserver: ")


@contextmanager
def serving(*arguments: str, command: tuple[str, ...] = ()) -> Iterator[subprocess.Popen[str]]:
    """A server that is ready, with its log in the file ``log``."""
    Path("ready").unlink(missing_ok=True)
    whole = [*command, *COMMAND, "run", "--ready-file", "ready", "--log-format", "json", *arguments]
    with Path("log").open("w") as log:
        server = subprocess.Popen(whole, stdout=log, stderr=log, text=True, env=ENVIRONMENT)
    try:
        give_up_at_s = time.monotonic() + 30
        while not Path("ready").exists():
            assert server.poll() is None and time.monotonic() < give_up_at_s, Path("log").read_text()
            time.sleep(0.05)
        yield server
    finally:
        if server.poll() is None:
            server.terminate()
        server.wait(30)


def test_a_port_that_is_taken_is_named_with_its_setting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = refused("--port", str(port), "--ops-port", "0")
    assert told.startswith("port: ")
    assert str(port) in told and "127.0.0.1" in told and "--port or GAMESERVER_PORT" in told


def test_the_operators_port_that_is_taken_is_named_as_the_one_after_the_players() -> None:
    port = free_port()
    with socket.create_server(("127.0.0.1", port + 1)):
        told = refused("--port", str(port))
    assert told.startswith("ops_port: ")
    assert str(port + 1) in told and "--ops-port or GAMESERVER_OPS_PORT" in told and "the one after port" in told


def test_a_second_game_on_the_next_port_is_told_that_a_server_takes_two() -> None:
    port = free_port()
    with serving("--port", str(port)):
        told = refused("--port", str(port + 1), "--folder", "other")
    assert told.startswith("port: ") and str(port + 1) in told and "operator" in told


@pytest.mark.parametrize("setting", ["host", "ops_host"])
def test_a_name_that_does_not_resolve_is_named_with_its_setting(setting: str) -> None:
    told = refused(f"--{setting.replace('_', '-')}", "nowhere.invalid", "--port", "0", "--ops-token", "x" * 16)
    assert told.startswith(f"{setting}: ") and "nowhere.invalid" in told and f"GAMESERVER_{setting.upper()}" in told


def test_what_can_be_no_host_name_is_named_with_its_setting() -> None:
    told = refused("--host", "a..b", "--port", "0")
    assert told.startswith("host: ") and "a..b" in told and "GAMESERVER_HOST" in told


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--log-level", "loud"], "--log-level: "),
        (["--config", "."], ".: cannot be read"),
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
    ],
)
def test_a_setting_that_cannot_be_read_is_named(arguments: list[str], named: str) -> None:
    assert refused(*arguments).startswith(named)


def test_an_address_of_another_machine_is_named_with_its_setting() -> None:
    told = refused("--host", "192.0.2.1", "--port", "0")
    assert told.startswith("host: ") and "192.0.2.1" in told and "GAMESERVER_HOST" in told


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody without rights")
def test_a_port_that_only_the_administrator_may_take() -> None:
    floor = int(Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").read_text())
    if floor < 2:
        pytest.skip("every port is free for everybody here")
    drop = "import os, sys; os.setgid(65534); os.setuid(65534); from gameserver.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", drop, "check", "--host", "127.0.0.1", "--port", str(floor - 1)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, check=False)
    assert ended.returncode == 2
    assert f"error: port: {floor - 1} on 127.0.0.1 is only for the administrator" in ended.stdout, ended


@pytest.mark.parametrize("host", ["::", "127.0.0.1,::1", "0.0.0.0, ::"])
def test_players_reach_one_server_over_ipv4_and_over_ipv6(host: str) -> None:
    port = free_port()
    with serving("--host", host, "--port", str(port)):
        for place in ("127.0.0.1", "[::1]"):
            with urllib.request.urlopen(f"http://{place}:{port}/healthz", timeout=5) as answer:
                assert answer.status == 200


def test_operators_reach_their_port_over_both_too() -> None:
    port = free_port()
    with serving("--ops-host", "127.0.0.1,::1", "--port", str(port)):
        for place in ("127.0.0.1", "[::1]"):
            with urllib.request.urlopen(f"http://{place}:{port + 1}/healthz", timeout=5) as answer:
                assert answer.status == 200


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_ends_the_server_drains_it(number: signal.Signals) -> None:
    with serving("--port", "0") as server:
        server.send_signal(number)
        assert server.wait(30) == 0
    assert '"draining"' in Path("log").read_text()


def test_a_server_that_is_told_to_ignore_hangups_goes_on() -> None:
    with serving("--port", "0", command=("nohup",)) as server:
        server.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(1)


@pytest.mark.parametrize("arguments", [("run",), ("run", "--migrate"), ("migrate",)])
def test_a_database_that_is_newer_than_the_program(tmp_path: Path, arguments: tuple[str, ...], sql_url: str) -> None:
    make_newer(sql_url)
    ended = gameserver(*arguments, "--sql-url", sql_url, *(("--port", "0") if "run" in arguments else ()))
    assert ended.returncode != 0
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("{")]
    assert len(lines) == 1, ended.stderr
    assert "7777" in lines[0] and "newer" in lines[0]


def test_an_embedded_database_that_is_newer_than_the_program() -> None:
    folder = Path(".gameserver")
    folder.mkdir()
    migrate_now(f"sqlite:///{folder.absolute()}/profiles.db")
    make_newer(f"sqlite:///{folder.absolute()}/profiles.db")
    told = refused("--port", "0")
    assert "7777" in told and "newer" in told


def make_newer(url: str) -> None:
    import sqlite3

    import pymysql
    from sqlalchemy import make_url

    statement = "UPDATE alembic_version SET version_num = '7777'"
    place = make_url(url)
    if place.get_backend_name() == "sqlite":
        with sqlite3.connect(str(place.database)) as file:
            file.execute(statement)
        file.close()
        return
    connection = pymysql.connect(
        host=place.host, port=place.port or 3306, user=place.username, database=place.database, autocommit=True
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
    connection.close()
