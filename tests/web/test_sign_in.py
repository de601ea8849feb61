"""Getting in: guests, accounts, what goes wrong, and coming back."""

from __future__ import annotations

import secrets

import pytest

from tests.web.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PASSWORD = "correct horse battery"


def new_name() -> str:
    return f"Ada{secrets.token_hex(4)}"


async def test_an_account_is_registered_and_logged_into_again(open_page: OpenPage) -> None:
    name = new_name()
    player = await open_page()
    await player.add_rendered(name, PASSWORD, "register")
    first = await player.in_game()
    assert first["name"] == name
    await player.log_out()
    assert await player.page.inner_text("#notice") == "You are logged out. What you did is kept."
    await player.add_rendered(name, PASSWORD, "login")
    again = await player.in_game()
    assert (again["name"], again["playerId"]) == (name, first["playerId"])


async def test_a_wrong_password_is_told_in_words_and_can_be_mended(open_page: OpenPage) -> None:
    name = new_name()
    player = await open_page()
    await player.add_rendered(name, PASSWORD, "register")
    await player.in_game()
    await player.log_out()
    await player.add_rendered(name, "something else", "login")
    await player.page.wait_for_selector("#problem >> text=Name or password is wrong")
    await player.add_rendered(name, PASSWORD, "login")
    await player.in_game()


async def test_a_taken_name_is_told_in_words(open_page: OpenPage) -> None:
    name = new_name()
    first, second = await open_page(), await open_page()
    await first.add_rendered(name, PASSWORD, "register")
    await first.in_game()
    await second.add_rendered(name, PASSWORD, "register")
    await second.page.wait_for_selector("#problem >> text=Somebody has that name already")


async def test_an_empty_or_short_password_is_told_before_anything_is_sent(open_page: OpenPage) -> None:
    player = await open_page()
    await player.add_rendered("Ada", "", "login")
    await player.page.wait_for_selector("#problem >> text=Please fill in")
    await player.add_rendered("Ada", "short", "register")
    await player.page.wait_for_selector("#problem >> text=at least")
    assert await player.page.evaluate("game.state.phase") == "signed_out"


async def test_a_second_tab_is_another_player_or_the_same_guest_as_one_chooses(open_page: OpenPage) -> None:
    first = await open_page()
    guest = await first.play_as_guest()
    second = await open_page(first.page.context)
    other = await second.play_as_guest()
    assert other["playerId"] != guest["playerId"]
    await first.see(other["name"])
    await second.log_out()
    await second.page.click(f"text=Continue as {guest['name']}")
    again = await second.in_game()
    assert again["playerId"] == guest["playerId"]
    await first.page.wait_for_selector("#notice >> text=playing somewhere else")


async def test_a_duplicated_tab_does_not_throw_the_first_one_out(open_page: OpenPage) -> None:
    first = await open_page()
    guest = await first.play_as_guest()
    async with first.page.context.expect_page() as opening:
        await first.page.evaluate("void window.open(location.href)")  # begins with a copy of this tab's memory
    copy = await opening.value
    await copy.wait_for_selector("#new-guest", state="visible")
    assert (await first.in_game())["id"] == guest["id"]
