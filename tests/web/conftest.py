"""A real Chromium, and pages of the running game in it. A page that logs an error or throws fails its test.

The tests share the browser, so they share an event loop: ``asyncio(loop_scope="session")``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.web.player import Player

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DEADLINE_MS = 30_000
SMALL: dict[str, Any] = {"viewport": {"width": 900, "height": 600}}  # fewer pixels to draw without a graphics card

OpenPage = Callable[..., Awaitable[Player]]


@pytest.fixture
def game_url(running_server: Any) -> str:
    """The address of a running game's page."""
    return str(running_server.url)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, game_url: str) -> AsyncIterator[OpenPage]:
    """``await open_page()`` opens the page in a browser profile of its own, ``open_page(context)`` as one more tab.

    Other keywords go to the profile, as ``has_touch``. The page is small unless they say otherwise.
    """
    errors: list[str] = []

    async def open_one(context: BrowserContext | None = None, **profile: Any) -> Player:
        page = await (context or await browser.new_context(**(SMALL | profile))).new_page()
        page.set_default_timeout(DEADLINE_MS)
        _listen(page, errors)
        await page.goto(game_url)
        return Player(page)

    yield open_one
    for context in browser.contexts:
        await context.close()
    assert errors == []


def _listen(page: Page, errors: list[str]) -> None:
    page.on("pageerror", lambda error: errors.append(f"thrown: {error}"))
    page.on("console", lambda said: errors.append(f"console: {said.text}") if said.type == "error" else None)
