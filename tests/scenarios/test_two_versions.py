"""Two versions of a game take turns on the same stores, over logouts and kills, and neither erases what only the other
knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

MODULE = "tests.scenarios.versions"
STORED = {"type": "ack", "level": "stored"}


@pytest.fixture
def versions(mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[RunningGame, ...]]:
    """A node of each version, none running."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    redis = RunningRedis("redis7").start()
    nodes = []
    for name in ("First", "Second"):
        (tmp_path / name).mkdir()
        nodes.append(RunningGame(tmp_path / name, redis.url, mariadb_url, game=f"{MODULE}:{name}", grace_s="3"))
    try:
        yield tuple(nodes)
    finally:
        for node in nodes:
            node.stop()
        redis.remove()


async def _act(player: Raw, type_: str, **fields: int) -> None:
    answer = await player.act(type_, **fields)
    assert answer == {**STORED, "seq": player.seq}


@pytest.mark.parametrize("leaves_by", ["logout", "kill"])
async def test_what_only_one_version_knows_survives_turns_of_both(
    versions: tuple[RunningGame, ...], leaves_by: str
) -> None:
    first, second = versions
    token: str | None = None
    fields: dict[str, int] = {}
    for round_ in range(2):
        for node, type_, field, n in ((second, "earn", "gold", 500 + round_), (first, "score", "score", 7 + round_)):
            node.start()
            async with Raw(node.ws_url) as player:
                welcome = await player.guest(**({"token": token} if token else {}))
                token = token or welcome["guest_token"]
                known = {"score"} if node is first else {"score", "gold"}
                expected = {"score": 0, "gold": 10} | fields
                assert welcome["state"] == {name: expected[name] for name in known}
                assert welcome["inventory"] == ({"medal": round_ + (node is first)} if fields else {})
                await _act(player, type_, n=n)
                fields[field] = n
                if leaves_by == "logout":
                    await player.send("logout")
                    assert await player.closed() == 1000
                else:
                    node.kill()
            node.stop()


async def test_two_versions_run_at_once_and_a_player_goes_to_and_fro(versions: tuple[RunningGame, ...]) -> None:
    first, second = (node.start() for node in versions)
    async with Raw(second.ws_url) as player:
        token = (await player.guest())["guest_token"]
        await _act(player, "earn", n=500)
    async with Raw(first.ws_url) as player:
        await player.guest(token=token)
        await _act(player, "score", n=7)
    async with Raw(second.ws_url) as player:
        assert (await player.guest(token=token))["state"] == {"score": 7, "gold": 500}
