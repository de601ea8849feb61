"""Chat reaches its audience, under the speaker's own name."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.raw import Raw
from tests.scenarios.stores import Stores, eventually
from tests.servers.game import RunningGame


async def test_the_zone_hears_who_spoke_whatever_the_message_claims(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as one, Raw(running_server.ws_url) as other:
        await one.guest()
        await other.guest()
        await one.act("say", text="  hello <b>you</b>  ", sender="somebody else", name="root")
        line = (await other.receive("said"))["line"]
        assert (line["sender"], line["text"], line["channel"]) == (one.welcome["name"], "hello <b>you</b>", "zone")


async def test_a_whisper_reaches_one_player_and_nobody_else(running_server: RunningGame) -> None:
    async with (
        Raw(running_server.ws_url) as one,
        Raw(running_server.ws_url) as other,
        Raw(running_server.ws_url) as third,
    ):
        await one.guest()
        await other.guest()
        await third.guest()
        answer = await one.act("whisper", to=other.welcome["name"].upper(), text="psst")
        assert answer["level"] == "accepted"
        assert (await other.receive("said"))["line"]["text"] == "psst"
        await one.act("say", text="aloud")
        assert (await third.receive("said"))["line"]["text"] == "aloud"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_text"),
        ("   ", "bad_text"),
        ("a\u0007b", "bad_text"),
        ("a\nb", "bad_text"),
        ("abc\u202edef", "bad_text"),
        ("x" * 301, "bad_message"),
    ],
)
async def test_unfit_text_is_refused(running_server: RunningGame, text: str, code: str) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        assert (await player.act("say", text=text))["code"] == code


async def test_whispering_to_nobody_or_oneself_is_refused(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        assert (await player.act("whisper", to="nobody at all", text="hello"))["code"] == "not_online"
        assert (await player.act("whisper", to=player.welcome["name"], text="hello"))["code"] == "yourself"


async def test_talking_too_fast_is_refused_with_the_time_to_wait(running_server: RunningGame) -> None:
    async with Raw(running_server.ws_url) as player:
        await player.guest()
        answers = [await player.act("say", text=f"line {number}") for number in range(7)]
        refused = [answer for answer in answers if answer["type"] == "refused"]
        assert refused[0]["code"] == "too_many"
        assert 0 < refused[0]["retry_after_ms"] <= 5000


async def test_who_joins_is_shown_the_last_lines_and_sql_has_them(running_server: RunningGame, stores: Stores) -> None:
    async with Raw(running_server.ws_url) as one, Raw(running_server.ws_url) as other:
        await one.guest()
        await one.act("say", text="before you came")
        welcome = await other.guest()
        assert "before you came" in [line["text"] for line in welcome["chat"]]
        query = "SELECT COUNT(*) FROM chat_message WHERE sender_id = %s AND text = 'before you came'"
        await asyncio.to_thread(eventually, lambda: stores.rows(query, one.welcome["player_id"])[0][0] == 1)
