"""Playing: two people in the meadow, by keys and by touch, through reloads and lost sockets."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.async_api import WebSocketRoute

from tests.web.conftest import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

PHONE = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "is_mobile": True}
PICTURE = Path(__file__).parents[2] / "docs" / "page.png"


async def test_two_players_see_each_other_move_and_talk(open_page: OpenPage) -> None:
    first, second = await open_page(), await open_page()
    ada, bob = await first.play_as_guest(), await second.play_as_guest()
    before = await second.see(ada["name"])
    await first.see(bob["name"])
    await first.hold("KeyD", 700)
    await second.wait(
        "game.entities.some((e) => e.name === argument.name && e.x > argument.x + 2 && e.shownX > argument.x + 2)",
        {"name": ada["name"], "x": before["x"]},
    )
    await first.say("hello over there")
    await second.hears("hello over there")
    await second.page.wait_for_selector(f"#lines >> text={ada['name']}")
    await second.say(f"/w {ada['name']} just for you")
    await first.page.wait_for_selector("#lines .whisper >> text=just for you")


async def test_markup_in_chat_is_shown_as_text(open_page: OpenPage) -> None:
    first, second = await open_page(), await open_page()
    await first.play_as_guest()
    await second.play_as_guest()
    words = "<img src=x onerror=alert(1)><b id=bold>bold</b>"
    await first.say(words)
    await second.hears(words)
    assert words in await second.page.inner_text("#lines")
    assert await second.page.locator("#lines img, #lines #bold").count() == 0


async def test_typing_does_not_walk(open_page: OpenPage) -> None:
    player = await open_page()
    before = await player.play_as_guest()
    await player.page.keyboard.press("Enter")
    await player.page.keyboard.type("wasd was eaten", delay=30)
    after = await player.me()
    assert (after["x"], after["y"]) == (before["x"], before["y"])
    assert await player.page.input_value("#words") == "wasd was eaten"


async def test_a_reload_resumes_the_same_session(open_page: OpenPage) -> None:
    player = await open_page()
    await player.play_as_guest()
    await player.pick_up("apple")
    await player.page.wait_for_timeout(300)
    before = await player.me()
    await player.page.reload()
    after = await player.in_game()
    assert after["id"] == before["id"]  # the entity never left
    assert after["inventory"] == before["inventory"]
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=0.01)


async def test_things_are_picked_up_used_dropped_and_given(open_page: OpenPage) -> None:
    first, second = await open_page(), await open_page()
    await first.play_as_guest()
    bob = await second.play_as_guest()
    for _ in range(3):
        await first.pick_up("apple")
    held = (await first.me())["inventory"]["apple"]
    await first.page.click("#slots [data-item=apple] .use")
    await first.wait("game.me.inventory.apple === argument", held - 1)
    await first.page.click("#slots [data-item=apple] .drop")
    await first.wait("game.me.inventory.apple === argument", held - 2)
    there = await second.me()
    await first.walk_near(there["x"], there["y"], 1)  # the search for apples may have led out of sight
    await first.see(bob["name"])
    await first.page.wait_for_selector(f"#slots [data-item=apple] .give[title*='{bob['name']}']")
    await first.page.click("#slots [data-item=apple] .give")
    await second.wait("game.me.inventory.apple === 1")
    await first.toast(f"You gave {bob['name']} one apple")


async def test_what_cannot_be_is_told_in_plain_words(open_page: OpenPage) -> None:
    player = await open_page()
    await player.play_as_guest()
    await player.say(f"/w nobody-{os.getpid()} are you there?")
    await player.toast("Nobody of that name is here")
    await player.pick_up("coin")
    await player.page.click("#slots [data-item=coin] .use")
    await player.page.wait_for_selector("#toasts .toast.plain")
    await player.page.click("#slots [data-item=coin] .give")
    await player.toast("Nobody is close enough")


async def test_a_finger_walks_and_taps_pick_up(open_page: OpenPage) -> None:
    player = await open_page(**PHONE)
    before = await player.play_as_guest()
    touch = await player.page.context.new_cdp_session(player.page)
    for kind, x in (("touchStart", 150), ("touchMove", 180), ("touchMove", 210)):
        await touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": 400}]})
    await player.page.wait_for_selector("#stick", state="visible")
    await player.wait("game.me.x > argument + 2", before["x"])
    await touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    await player.page.wait_for_selector("#stick", state="hidden")

    thing = await player.find("flower")
    await player.walk_near(thing["x"], thing["y"], 1.5)
    await player.page.wait_for_timeout(600)  # the camera comes to rest
    place = await player.page.evaluate("(e) => game.onPage(e.x, e.y - 0.3)", thing)
    await player.page.touchscreen.tap(place["x"], place["y"])
    await player.wait("(game.me.inventory.flower ?? 0) >= 1")


async def test_a_lost_socket_comes_back_by_itself_and_nothing_is_done_twice(open_page: OpenPage) -> None:
    player = await open_page()
    sockets: list[WebSocketRoute] = []

    def pass_through(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    await player.page.route_web_socket("**/ws", pass_through)
    await player.page.reload()
    before = await player.play_as_guest()
    await sockets[-1].close(code=1001)
    await player.page.wait_for_selector("#status:not([data-phase=playing])")
    await player.say("said while away")  # waits, and is sent when we are back
    await player.page.keyboard.press("Enter")
    await player.page.keyboard.type("half a ")
    after = await player.in_game()
    assert after["id"] == before["id"]
    await player.page.keyboard.type("line")  # whoever is typing keeps the focus
    assert await player.page.input_value("#words") == "half a line"
    await player.page.keyboard.press("Escape")
    await player.hears("said while away")
    await player.page.wait_for_timeout(500)
    said = [line for line in await player.page.evaluate("game.chat") if line["text"] == "said while away"]
    assert len(said) == 1
    await player.hold("KeyS", 500)
    await player.wait("Math.hypot(game.me.x - argument.x, game.me.y - argument.y) > 1", before)


async def test_the_page_is_worth_looking_at(open_page: OpenPage, tmp_path: Path) -> None:
    ada = await open_page(viewport={"width": 1280, "height": 800})
    others = [await open_page() for _ in range(3)]
    for player, name in zip((ada, *others), ("Ada", "Bertil", "Chidi", "Dorota"), strict=True):
        await player.add_rendered(name, "correct horse battery", "register")
        await player.in_game()
    for kind in ("apple", "flower", "coin"):
        await ada.pick_up(kind)
    there = await ada.me()
    for player, (dx, dy) in zip(others, ((-4, -2), (3, -3), (4.5, 1.5)), strict=True):
        await player.walk_near(there["x"] + dx, there["y"] + dy, 0.7)
        await player.hold("KeyS", 60)
    await ada.hold("KeyS", 60)
    await others[0].say("What a lovely day for a walk!")
    await others[1].say("I have an apple to spare")
    await ada.hears("I have an apple to spare")
    await ada.page.wait_for_timeout(700)
    picture = PICTURE if os.environ.get("UPDATE_SCREENSHOT") == "1" else tmp_path / "page.png"
    picture.parent.mkdir(exist_ok=True)
    await ada.page.screenshot(path=picture)
    assert picture.stat().st_size > 100_000  # a plain canvas would be far smaller
