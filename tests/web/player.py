"""Somebody at the page: what a person does with keys, fingers and the form, and what ``window.game`` shows."""

from __future__ import annotations

import math
from typing import Any

from playwright.async_api import Page, TimeoutError

KEYS = {(-1, 0): "KeyA", (1, 0): "KeyD", (0, -1): "KeyW", (0, 1): "KeyS"}
EVERYTHING = """() => ({
    state: game.state, me: game.me, chat: game.chat, names: game.entities.map((e) => e.name).filter(Boolean),
    toasts: document.querySelector("#toasts").innerText, notice: document.querySelector("#notice").innerText,
    typed: document.querySelector("#words").value, focus: document.activeElement?.id,
})"""
SPEED = 6.0  # world units a second
REACH = 2.5  # world units; a little less than the game allows


class Player:
    def __init__(self, page: Page):
        self.page = page

    # --- signing in ---

    async def play_as_guest(self) -> dict[str, Any]:
        await self.page.click("#new-guest")
        return await self.in_game()

    async def add_rendered(self, name: str, password: str, button: str) -> None:
        await self.page.fill("#name", name)
        await self.page.fill("#password", password)
        await self.page.click(f"#{button}")

    async def in_game(self) -> dict[str, Any]:
        """Wait until the session is open and we see ourselves; then who we are."""
        await self.wait("game.state.phase === 'playing' && game.entities.some((e) => e.id === game.me.id)")
        return await self.me()

    async def log_out(self) -> None:
        await self.page.click("#logout")
        await self.page.wait_for_selector("#sign-in", state="visible")

    # --- looking ---

    async def me(self) -> dict[str, Any]:
        return dict(await self.page.evaluate("game.me"))

    async def wait(self, condition: str, argument: Any = None) -> None:
        """Until the expression, which may use ``argument``, is true on the page."""
        try:
            await self.page.wait_for_function(f"(argument) => {condition}", arg=argument)
        except TimeoutError as error:
            now = await self.page.evaluate(EVERYTHING)
            raise AssertionError(f"never came true: {condition} with {argument}; the page has {now}") from error

    async def see(self, name: str) -> dict[str, Any]:
        """Wait until somebody of that name is in view; then what is seen of it."""
        await self.wait("game.entities.some((e) => e.name === argument)", name)
        return dict(await self.page.evaluate("(name) => game.entities.find((e) => e.name === name)", name))

    async def nearest(self, kind: str) -> dict[str, Any] | None:
        """The nearest entity of the kind in view."""
        me = await self.me()
        seen = [e for e in await self.page.evaluate("game.entities") if e["kind"] == kind and e["id"] != me["id"]]
        return min(seen, key=lambda e: math.dist((e["x"], e["y"]), (me["x"], me["y"])), default=None)

    async def toast(self, words: str) -> None:
        await self.page.wait_for_selector(f"#toasts >> text={words}")

    # --- doing ---

    async def hold(self, key: str, ms: float) -> None:
        await self.page.keyboard.down(key)
        await self.page.wait_for_timeout(ms)
        await self.page.keyboard.up(key)

    async def walk_near(self, x: float, y: float, distance: float = REACH) -> None:
        """Walk with the keys until the place is within ``distance`` world units."""
        for _ in range(40):
            me = await self.me()
            dx, dy = x - me["x"], y - me["y"]
            if math.hypot(dx, dy) <= distance:
                return
            await self.step(dx, dy)
        raise AssertionError(f"did not get to ({x}, {y})")

    async def step(self, dx: float, dy: float) -> None:
        """Walk for up to a second towards there, by two keys when it lies across."""
        across = min(abs(dx), abs(dy)) > 1
        far = min(abs(dx), abs(dy)) * math.sqrt(2) if across else max(abs(dx), abs(dy))
        keys = [KEYS[int(math.copysign(1, dx)), 0]] if across or abs(dx) > abs(dy) else []
        keys += [KEYS[0, int(math.copysign(1, dy))]] if across or not keys else []
        for key in keys:
            await self.page.keyboard.down(key)
        await self.page.wait_for_timeout(min(1000, max(50, far / SPEED * 1000 - 100)))
        for key in keys:
            await self.page.keyboard.up(key)
        await self.page.wait_for_timeout(120)

    async def find(self, kind: str) -> dict[str, Any]:
        """The nearest entity of the kind; walks about until one is in view."""
        for key in ("KeyD", "KeyS", "KeyA", "KeyA", "KeyW", "KeyW", "KeyD", "KeyD"):
            if entity := await self.nearest(kind):
                return entity
            await self.hold(key, 2500)
        raise AssertionError(f"no {kind} anywhere")

    async def pick_up(self, kind: str) -> None:
        """Walk to the nearest of the kind and press E, which takes what is nearest: perhaps another first."""
        held = (await self.me())["inventory"].get(kind, 0)
        for _ in range(12):
            thing = await self.find(kind)
            await self.walk_near(thing["x"], thing["y"], 2)
            before = sum((await self.me())["inventory"].values())
            await self.page.keyboard.press("KeyE")
            await self.settles(before)
            if (await self.me())["inventory"].get(kind, 0) > held:
                return
        raise AssertionError(f"could not pick up a {kind}")

    async def settles(self, before: int) -> None:
        """Wait for what E took, so that it does not arrive in the middle of what comes next; it may take nothing."""
        for _ in range(20):
            if sum((await self.me())["inventory"].values()) > before:
                return
            await self.page.wait_for_timeout(100)

    async def say(self, words: str) -> None:
        await self.page.keyboard.press("Enter")
        await self.page.keyboard.type(words)
        await self.page.keyboard.press("Enter")
        await self.page.keyboard.press("Escape")

    async def hears(self, words: str) -> None:
        await self.wait("game.chat.some((line) => line.text === argument)", words)
