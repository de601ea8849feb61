"""Players outlive the zones that they stood in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.moved_house import NEW, OLD, SMALL
from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame
from tests.servers.redis import RunningRedis

MODULE = "tests.scenarios.moved_house"


class House:
    """A node of each version on the same stores; one runs at a time."""

    def __init__(self, folder: Path, redis_url: str, sql_url: str):
        self.stores = Stores(redis_url, sql_url)
        self.nodes = []
        for name in ("Before", "After"):
            (folder / name).mkdir()
            self.nodes.append(RunningGame(folder / name, redis_url, sql_url, game=f"{MODULE}:{name}"))
        self.before, self.after = self.nodes

    async def leave(self, name: str, x: float, y: float, by: str) -> tuple[str, int]:
        """Play with the version before, stand there, and leave. Return the guest token and the player's id."""
        self.before.start()
        async with Raw(self.before.ws_url) as player:
            welcome = await player.guest(name=name)
            assert (await player.act("stand", x=x, y=y))["level"] == "stored"
            if by == "logout":
                await player.send("logout")
                await player.closed()
            else:
                self.before.kill()
        self.before.stop()
        return welcome["guest_token"], welcome["player_id"]


@pytest.fixture
def house(mariadb_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    redis = RunningRedis("redis7").start()
    house = House(tmp_path, redis.url, mariadb_url)
    try:
        yield house
    finally:
        for node in house.nodes:
            node.stop()
        house.stores.close()
        redis.remove()


@pytest.mark.parametrize("by", ["logout", "kill"])
async def test_who_stood_in_a_zone_that_is_gone_stands_in_the_middle_of_another_and_the_game_knows(
    house: House, by: str
) -> None:
    token, player_id = await house.leave("anna", 450.0, 20.0, by)
    house.after.start()
    async with Raw(house.after.ws_url) as player:
        welcome = await player.guest(token=token)
        joined = (await player.receive("event"))["fields"] if by == "logout" else None
        assert (welcome["zone"]["name"], welcome["x"], welcome["y"]) == (NEW, 30.0, 40.0)
        if joined is not None:  # after a kill the reaper let the player in, before anybody could listen
            assert joined == {"lost_zone": OLD, "is_new": False, "x": 30.0, "y": 40.0}
        assert welcome["player_id"] == player_id
        eventually(lambda: house.stores.session(player_id)["zone"] == NEW)
        await player.send("logout")
        await player.closed()
        assert house.stores.profile(player_id)["zone"] == NEW


async def test_who_stood_outside_of_a_zone_that_is_smaller_now_stands_at_its_border(house: House) -> None:
    token, _ = await house.leave("small anna", 290.0, 10.0, "logout")
    house.after.start()
    async with Raw(house.after.ws_url) as player:
        welcome = await player.guest(token=token)
        assert (welcome["zone"]["name"], welcome["x"], welcome["y"]) == (SMALL, 40.0, 10.0)
        assert (await player.receive("event"))["fields"]["lost_zone"] is None


async def test_the_stores_keep_the_old_zone_until_the_game_was_told(house: House) -> None:
    """The node dies between opening the session and letting the player in."""
    token, player_id = await house.leave("anna", 450.0, 20.0, "logout")
    house.after.start(GAMESERVER_FAILPOINT="open.before_join")
    async with Raw(house.after.ws_url) as player:
        await player.send("guest", token=token)
        with pytest.raises(Exception, match="closed"):
            await player.receive("welcome")
    house.after.stop()
    assert house.stores.profile(player_id)["zone"] == OLD
    assert house.stores.session(player_id)["zone"] == OLD
    house.after.start()
    async with Raw(house.after.ws_url) as player:
        assert (await player.guest(token=token))["zone"]["name"] == NEW
        eventually(lambda: house.stores.session(player_id)["zone"] == NEW)
