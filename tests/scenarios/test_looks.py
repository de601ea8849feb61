"""Names and lines of players are visible, and do not look like somebody else's: over the wire."""

from __future__ import annotations

import pytest

from tests.scenarios.raw import Raw
from tests.servers.game import RunningGame

PASSWORD = "a long enough password"


@pytest.mark.parametrize("way", ["register", "guest"])
@pytest.mark.parametrize(
    "name", ["looks\u3164", "\u3164\u3164", "\u115f\u1160\u115f", "lооks", "Admin", "adm1n", "System 1"]
)
async def test_a_name_that_shows_nothing_or_looks_like_staff_is_refused(
    running_server: RunningGame, way: str, name: str
) -> None:
    password = {"password": PASSWORD} if way == "register" else {}
    async with Raw(running_server.ws_url) as player:
        await player.send(way, name=name, **password)
        refused = await player.receive("refused", "welcome")
        assert refused.get("code") == "bad_name", refused


@pytest.mark.parametrize(
    "text", ["\u3164", "\u200b", "\u2800", "a" + "\u0301" * 250, "abc\u202edef", "\U000e0041\U000e0042"]
)
async def test_a_line_that_shows_nothing_or_piles_up_marks_is_refused(running_server: RunningGame, text: str) -> None:
    async with Raw(running_server.ws_url) as player, Raw(running_server.ws_url) as other:
        await player.guest()
        name = (await other.guest())["name"]
        assert (await player.act("say", text=text)).get("code") == "bad_text"
        assert (await player.act("whisper", to=name, text=text)).get("code") == "bad_text"
