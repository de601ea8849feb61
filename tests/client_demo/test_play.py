"""The terminal client, without a terminal."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, RichLog, Static

from client_demo.picture import PLAIN
from client_demo.play import PlayApp
from gameserver.client import Backoff, Client, ConnectionState, guest
from gameserver.protocol.messages import Event
from tests.client.scripted import ScriptedServer


@asynccontextmanager
async def playing(server: ScriptedServer, name: str = "Bo") -> AsyncIterator[tuple[PlayApp, Pilot[str]]]:
    client = await Client.connect(server.url, guest(name=name), backoff=Backoff(first_s=0.2))
    app = PlayApp(client, PLAIN)
    try:
        async with app.run_test(size=(100, 36)) as pilot:
            await until(pilot, lambda: client.world.frames > 2 and app.map.text(), "the first picture")
            yield app, pilot
    finally:
        await client.close()


async def until(pilot: Pilot[str], claim: Callable[[], object], what: str) -> None:
    for _ in range(250):
        if claim():
            return
        await pilot.pause(0.02)
    pytest.fail(f"{what} never came")


def log_of(app: PlayApp) -> str:
    return "\n".join(line.text for line in app.query_one(RichLog).lines)


def shown(app: PlayApp, selector: str) -> str:
    return str(app.query_one(selector, Static).visual)


async def test_the_map_shows_me_in_the_middle_and_things_around(server: ScriptedServer) -> None:
    async with playing(server) as (app, _):
        rows = app.map.text().split("\n")
        middle = rows[app.map.size.height // 2]
        assert middle[app.map.size.width // 2] == "@"
        assert middle[app.map.size.width // 2 + 2] == "$"  # one unit to the right
        assert "You hold" in shown(app, "#inventory")
        assert "playing" in shown(app, "#status")
        assert "Ada: hello" in log_of(app)


async def test_keys_walk_and_walking_ends_by_itself(server: ScriptedServer) -> None:
    async with playing(server) as (_, pilot):
        await pilot.press("d")
        await until(pilot, lambda: len(server.of_type("move")) == 2, "the end of the walk")
        assert [(m["dx"], m["dy"]) for m in server.of_type("move")] == [(1.0, 0.0), (0.0, 0.0)]
        assert server.sessions["Bo"].x > 50.5


async def test_shift_keeps_walking_and_space_stands(server: ScriptedServer) -> None:
    async with playing(server) as (_, pilot):
        await pilot.press("D")
        await pilot.pause(0.8)
        assert [(m["dx"], m["dy"]) for m in server.of_type("move")] == [(1.0, 0.0)]
        await pilot.press("space")
        await until(pilot, lambda: server.of_type("move")[-1]["dx"] == 0.0, "standing still")


async def test_things_are_picked_up_used_dropped_and_given(server: ScriptedServer) -> None:
    other = await Client.connect(server.url, guest(name="Cy"))
    async with playing(server) as (app, pilot):
        await pilot.press("e")
        await until(pilot, lambda: "You pick up an apple." in log_of(app), "the apple")
        assert "apple" in shown(app, "#inventory")
        await pilot.press("u")
        await until(pilot, lambda: "You use an apple." in log_of(app), "the use")
        await pilot.press("u")
        await until(pilot, lambda: "You have no apple." in log_of(app), "the refusal")
        await pilot.press("e", "tab")
        await until(pilot, lambda: app.client.inventory.get("coin") == 1, "the coin")
        await until(pilot, lambda: app.client.known_name(2) or app.client.known_name(1), "the name")
        await pilot.press("g")
        await until(pilot, lambda: "You give Cy a coin." in log_of(app), "the gift")
        assert other.inventory == {"coin": 1}
        await pilot.press("3", "x")
        await until(pilot, lambda: "You have no flower." in log_of(app), "the second refusal")
    await other.close()


async def test_other_players_have_their_names_over_them(server: ScriptedServer) -> None:
    other = await Client.connect(server.url, guest(name="Cy"))
    server.sessions["Cy"].x = 45.0
    async with playing(server) as (app, pilot):
        await until(pilot, lambda: "Cy" in app.map.text(), "the label")
        assert "Cy" in shown(app, "#nearby")
    await other.close()


async def test_typing_does_not_walk_and_says_what_was_typed(server: ScriptedServer) -> None:
    async with playing(server) as (app, pilot):
        await pilot.press("enter", *"we sad q", "enter")
        await until(pilot, lambda: "Bo: we sad q" in log_of(app), "the line")
        assert server.of_type("move") == []
        assert app.map.has_focus
        await pilot.press("enter", *"/w Cy psst", "enter")
        await until(pilot, lambda: server.of_type("whisper"), "the whisper")
        assert (server.of_type("whisper")[0]["to"], server.of_type("whisper")[0]["text"]) == ("Cy", "psst")
        await pilot.press("enter", *"never mind", "escape")
        assert app.query_one(Input).value == ""
        assert len(server.of_type("say")) == 1


async def test_markup_in_chat_is_shown_as_it_is(server: ScriptedServer) -> None:
    async with playing(server) as (app, pilot):
        await pilot.press("enter")
        app.query_one(Input).value = "[bold red]hi[/] <b>"
        await pilot.press("enter")
        await until(pilot, lambda: "Bo: [bold red]hi[/] <b>" in log_of(app), "the line")


async def test_a_lost_connection_is_told_and_comes_back(server: ScriptedServer) -> None:
    async with playing(server) as (app, pilot):
        await pilot.press("D")
        await server.cut("Bo")
        await until(pilot, lambda: "reconnecting" in shown(app, "#status"), "the status")
        await until(pilot, lambda: "Back again." in log_of(app), "the return")
        await until(pilot, lambda: server.of_type("move")[-1]["dx"] == 1.0, "the walk going on")
        await server.tell("Bo", Event("received", {"by": "Cy", "item": "coin", "n": 2}))
        await until(pilot, lambda: "Cy gave you 2 coin" in log_of(app), "the gift")


async def test_q_logs_out_and_leaves(server: ScriptedServer) -> None:
    async with playing(server) as (app, pilot):
        await pilot.press("q")
        await until(pilot, lambda: app.return_value is not None, "the end")
        assert app.return_value == "Saved. See you again."
        assert app.client.connection is ConnectionState.ENDED
        assert len(server.of_type("logout")) == 1
        await asyncio.sleep(0)


async def test_who_leaves_at_once_after_an_action_sees_no_warning(server: ScriptedServer) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        async with playing(server) as (app, _):
            app.action_use()
            app._ask_names()
            app.exit("gone")
        gc.collect()
    assert [str(each.message) for each in warned if each.category is RuntimeWarning] == []
