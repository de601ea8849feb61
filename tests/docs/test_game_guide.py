"""The blocks of docs/game.md run: its games are checked and played, and its client prints what the page shows."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

BLOCKS = dict(
    re.findall(r"```(?:python )?(\w+)\n(.*?)```", Path("docs/game.md").read_text(encoding="utf-8"), re.DOTALL)
)
GAMES = {"walk": "Walk", "orchard": "Apples"}


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    for name in (*GAMES, "play", "upgrade"):
        (tmp_path / f"{name}.py").write_text(BLOCKS[name], encoding="utf-8")
    return tmp_path


def run(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done
    return done.stdout


def test_a_strict_type_checker_finds_nothing_wrong(modules: Path) -> None:
    config = f"--config-file={Path('pyproject.toml').resolve()}"
    run(modules, "-m", "mypy", config, "--no-error-summary", *(f"{name}.py" for name in BLOCKS if name != "text"))


@pytest.mark.parametrize(("module", "game"), GAMES.items())
def test_the_check_command_finds_nothing_wrong(module: str, game: str, modules: Path) -> None:
    assert run(modules, "-c", f"from {module} import {game}; print({game}.__name__)") == f"{game}\n"


async def test_the_client_prints_what_the_page_shows(modules: Path, mariadb_url: str) -> None:
    redis = RunningRedis("redis7").start()
    server = RunningGame(modules, redis.url, mariadb_url, game="orchard:Apples")
    try:
        server.start()
        printed = run(modules, "-c", f"import asyncio, play; asyncio.run(play.play({server.ws_url!r}))")
    finally:
        server.stop()
        redis.remove()
    assert printed == BLOCKS["text"]


def test_the_upgrade_turns_an_older_state_into_a_newer_one(modules: Path) -> None:
    read = "from gameserver.world.state import decode_state\nfrom upgrade import Basket\n"
    read += 'print(decode_state(Basket, b\'{"version": 1, "eaten": 3}\').eaten_by_kind)'
    assert run(modules, "-c", read) == "(('apple', 3),)\n"
