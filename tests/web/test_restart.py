"""The page while its server dies and comes back."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser

from tests.servers.game import RunningGame
from tests.web.player import Player

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.asyncio(loop_scope="session")]


async def test_a_player_goes_on_where_it_was_after_a_kill_of_the_server(
    browser: Browser, own_server: RunningGame
) -> None:
    page = await browser.new_page()
    await page.goto(own_server.url)
    player = Player(page)
    await player.play_as_guest()
    await player.pick_up("apple")
    await page.wait_for_timeout(300)
    before = await player.me()
    own_server.kill()
    await page.wait_for_selector("#status >> text=trying again")
    own_server.start()
    after = await player.in_game()
    assert after["playerId"] == before["playerId"]
    assert after["inventory"] == before["inventory"]
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=0.5)
    await player.say("still here")
    await player.hears("still here")
    await page.context.close()
