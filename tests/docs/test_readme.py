"""The README's examples run."""

from __future__ import annotations

import importlib.util
import re
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


@pytest.mark.parametrize("page", sorted(Path().glob("*.md")) + sorted(Path("docs").glob("**/*.md")), ids=str)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page}: {target}"
