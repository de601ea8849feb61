"""The proxies as docs/operations.md sets them up, before a real server: each player has its own address there."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from tests.servers.game import RunningGame, running_game
from tests.servers.ports import free_port

PROXY = "127.0.0.9"
DOC = Path(__file__).parents[2] / "docs" / "operations.md"


def sample(language: str) -> str:
    """The example of the page."""
    found = re.search(rf"```{language}\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    assert found, language
    return found[1]


def nginx(folder: Path, port: int, server_port: int) -> list[str]:
    text = sample("nginx").replace("listen 443 ssl;", f"listen 127.0.0.1:{port};").replace(":8765", f":{server_port}")
    text = re.sub(r" *ssl_certificate.*\n", "", text)
    paths = "".join(f"{name}_temp_path {folder};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = text.replace("http {", f"http {{\naccess_log off;\nproxy_bind {PROXY};\n{paths}", 1)
    (folder / "nginx.conf").write_text(f"daemon off;\npid {folder}/pid;\nevents {{}}\n{text}")
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def haproxy(folder: Path, port: int, server_port: int) -> list[str]:
    text = re.sub(r"bind :443.*", f"bind 127.0.0.1:{port}", sample("haproxy"))
    text = text.replace(
        "send-proxy-v2", f"send-proxy-v2 source {PROXY}"
    )  # the tests' own look at /healthz is no proxy's
    (folder / "haproxy.cfg").write_text(text.replace(":8765", f":{server_port}"))
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        until_s = time.monotonic() + 10
        while True:
            assert process.poll() is None and time.monotonic() < until_s, f"{command[0]} does not listen"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


async def sign_up(port: int, address: str, **headers: str) -> str:
    """Be a new guest who comes from ``address``: ``welcome``, or the refusal's code."""
    url = f"ws://127.0.0.1:{port}/ws"
    async with connect(url, local_addr=(address, 0), additional_headers=headers, compression=None) as player:
        await player.send('{"type": "guest"}')
        async for received in player:
            if isinstance(received, str):
                answer = json.loads(received)
                return str(answer.get("code") or answer["type"])
    raise AssertionError


@pytest.fixture(params=["nginx", "haproxy"])
def proxied_port(request: pytest.FixtureRequest, tmp_path: Path, mariadb_url: str) -> Iterator[int]:
    """The port of a proxy before a server that takes one sign-up a minute and address."""
    configure: Callable[[Path, int, int], list[str]] = {"nginx": nginx, "haproxy": haproxy}[request.param]
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    settings = {"trusted_proxies": PROXY, "sign_ups_per_minute": "1"}
    if request.param == "haproxy":
        settings["proxy_protocol"] = "true"
    with running_game(tmp_path, mariadb_url, **settings) as game:
        port = free_port()
        with running(configure(tmp_path, port, game.port), port):
            yield port


async def test_each_player_has_its_own_address_behind_a_proxy(proxied_port: int) -> None:
    assert await sign_up(proxied_port, "127.0.0.11") == "welcome"
    assert await sign_up(proxied_port, "127.0.0.11") == "too_many"
    assert await sign_up(proxied_port, "127.0.0.12") == "welcome"
    for number in range(3):  # whatever it says of itself
        told = await sign_up(proxied_port, "127.0.0.11", **{"X-Forwarded-For": f"203.0.113.{number}"})
        assert told == "too_many"


async def test_without_the_setting_the_header_is_ignored(tmp_path: Path, mariadb_url: str) -> None:
    with running_game(tmp_path, mariadb_url, sign_ups_per_minute="1") as game:
        assert await _sign_up_at(game, "203.0.113.1") == "welcome"
        assert await _sign_up_at(game, "203.0.113.2") == "too_many"


async def _sign_up_at(game: RunningGame, said: str) -> str:
    return await sign_up(game.port, "127.0.0.1", **{"X-Forwarded-For": said})
