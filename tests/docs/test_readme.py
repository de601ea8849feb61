"""The README's examples run."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

README = Path("README.md").read_text()


def block(language: str) -> str:
    [text] = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return str(text)


async def test_the_game_of_the_readme_is_played_by_the_client_of_the_readme(mariadb_url: str, tmp_path: Path) -> None:
    (tmp_path / "tag.py").write_text(block("python game"))
    (tmp_path / "play_tag.py").write_text(block("python client"))
    spec = importlib.util.spec_from_file_location("play_tag", tmp_path / "play_tag.py")
    assert spec is not None
    assert spec.loader is not None
    play_tag = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(play_tag)
    redis = RunningRedis("redis7").start()
    server = RunningGame(tmp_path, redis.url, mariadb_url, game="tag:Tag")
    try:
        server.start()
        assert await play_tag.play(server.ws_url) == 1
    finally:
        server.stop()
        redis.remove()


def reported(folder: Path, source: str) -> list[tuple[int, str]]:
    """Return what a strict mypy reports about a game: (line, code of the error)."""
    (folder / "typed_game.py").write_text(source)
    arguments = ["--config-file=pyproject.toml", "--no-error-summary", str(folder / "typed_game.py")]
    done = subprocess.run([sys.executable, "-m", "mypy", *arguments], capture_output=True, text=True, timeout=300)
    lines = re.findall(r"typed_game\.py:(\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert done.stderr == "" and len(lines) == done.stdout.count(": error:"), done
    return [(int(line), code) for line, code in dict.fromkeys(lines)]


def test_a_type_checker_finds_nothing_wrong_in_the_game_of_the_readme(tmp_path: Path) -> None:
    assert reported(tmp_path, block("python game")) == []


WRONG = """
from gameserver import Exchange, RefusalCode  # error: attr-defined


class Other(PlayerState):
    lives: int = 3


class Ground(Scratch):
    rounds: int = 0


class Wrong(Game[Tally, Steering, Ground]):
    state_type = Ground  # error: assignment

    def on_start(self, zone: Zone[Tally, Steering, Ground]) -> None:
        zone.scratch.rounds += 1
        zone.scratch.round += 1  # error: attr-defined
        zone.scratch = Ground()  # error: misc
        zone.players.clear()  # error: attr-defined
        zone.players = {}  # error: misc
        zone.journal.clear()  # error: attr-defined

    def on_join(self, zone: Zone[Tally, Steering, Ground], player: Player[Other]) -> None:  # error: override
        player.state.lives -= 1

    def on_leave(self, zone: Zone, player: Player[Tally], reason: str) -> None:
        player.state.taped = 1  # error: attr-defined
        player.state.tapped = "many"  # error: assignment
        player.scratch.dx = 1.0  # error: attr-defined
        player.volatile = 1.0  # error: attr-defined
        player.connected = True  # error: misc
        player.session = None  # error: attr-defined
        player.state.encode()  # error: attr-defined

    def on_exchange(self, zone: Zone, exchange: Exchange[Tally, Steering]) -> None:
        exchange.giver.state.tapped += 1
        exchange.giver.scratch.dz = 1.0  # error: attr-defined

    @handles(Tap)  # error: arg-type
    def steer(self, zone: Yard, player: Child, message: Steer) -> None:
        player.scratch.dx = message.dz  # error: attr-defined

    @handles(Tap)
    def tap(self, zone: Yard, player: Child, message: Tap) -> None:
        if message.player == 0:
            refuse("no", code="tired")  # error: arg-type
            player.state.tapped = 0  # error: unreachable
        if message.player == 1:
            refuse("no", code="too_far", field="player")
        zone.exchange(player, message.player, "coin")  # error: arg-type

    @handles(Tally)  # error: type-var
    def tally(self, zone: Yard, player: Child, message: Tally) -> None: ...


class WrongTypes(Game[int, Steering]): ...  # error: type-var


Misplaced = Player[Steering, Tally]  # error: type-var
"""


def test_a_type_checker_finds_every_wrong_use_of_the_game_api(tmp_path: Path) -> None:
    source = block("python game") + WRONG
    marked = [(line, text) for line, text in enumerate(source.splitlines(), 1) if "# error: " in text]
    assert reported(tmp_path, source) == [(line, text.partition("# error: ")[2]) for line, text in marked]


@pytest.mark.parametrize("page", sorted(Path().glob("*.md")) + sorted(Path("docs").glob("**/*.md")), ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page}: {target}"
