"""The client that was written from docs/protocol.md alone plays on a real server."""

from __future__ import annotations

import ast
import math
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import plain_client
from tests.docs.plain_client import Client, Closed
from tests.servers.game import RunningGame

LOOK_S = 0.1


@pytest.fixture
def client(running_server: RunningGame) -> Iterator[Client]:
    client = Client("127.0.0.1", running_server.port)
    yield client
    client.wire.break_off()


def another(server: RunningGame) -> Client:
    other = Client("127.0.0.1", server.port)
    assert other.sign_in({"type": "guest"})["type"] == "welcome"
    return other


def look(client: Client, seconds: float = LOOK_S) -> None:
    until_s = time.monotonic() + seconds
    client.until(lambda: time.monotonic() >= until_s)


def walk_to_the_nearest(client: Client, kind: str) -> int:
    """Walk there, and return its entity id."""
    number = client.welcome["kinds"].index(kind)
    client.until(lambda: any(entity["kind"] == number for entity in client.world.entities.values()))
    things = [entity for entity in client.world.entities.values() if entity["kind"] == number]
    thing = min(things, key=lambda one: away(client, one["x"], one["y"]))
    for _ in range(200):
        distance = away(client, thing["x"], thing["y"])
        if distance < 2:
            break
        dx, dy = (thing["x"] - client.me["x"]) / distance, (thing["y"] - client.me["y"]) / distance
        client.wire.send({"type": "move", "dx": dx, "dy": dy})
        look(client)
    client.wire.send({"type": "move", "dx": 0, "dy": 0})
    return int(thing["id"])


def away(client: Client, x: float, y: float) -> float:
    return math.hypot(x - client.me["x"], y - client.me["y"])


def test_it_has_nothing_of_the_project() -> None:
    tree = ast.parse(Path(plain_client.__file__).read_text())
    imported = {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names


@pytest.mark.slow
def test_it_walks_acts_speaks_and_leaves(client: Client) -> None:
    assert client.sign_in({"type": "move", "dx": 0, "dy": 0})["code"] == "not_signed_in"
    assert client.sign_in({"type": "guest"})["guest_token"]
    client.wire.send({"type": "guest"})
    assert client.wait_for("refused")["code"] == "already_signed_in"
    client.until(lambda: client.welcome["entity_id"] in client.world.entities)
    apple = walk_to_the_nearest(client, "apple")
    assert client.answer_to(client.act("pick_up", entity=apple))["level"] == "stored"
    client.until(lambda: client.inventory.get("apple") == 1)
    assert client.answer_to(client.act("use", item="apple"))["level"] == "stored"
    assert client.wait_for("state")["state"]["apples_eaten"] == 1
    assert client.answer_to(client.act("use", item="apple"))["code"] == "not_enough"
    assert client.answer_to(client.act("say", text="good evening"))["level"] == "accepted"
    line = client.wait_for("said")["line"]
    assert (line["sender"], line["text"], line["to"]) == (client.welcome["name"], "good evening", None)
    client.wire.send({"type": "describe", "ids": [client.welcome["entity_id"]]})
    assert client.wait_for("described")["entities"] == [
        {"id": client.welcome["entity_id"], "name": client.welcome["name"]}
    ]
    before_logout = client.act("use", item="apple")
    client.wire.send({"type": "logout"})
    with pytest.raises(Closed) as closed:
        client.until(lambda: False)
    assert client.answers[before_logout]["code"] == "not_enough"
    assert (closed.value.code, closed.value.closing and closed.value.closing["reason"]) == (1000, "logged_out")


@pytest.mark.slow
def test_it_comes_back_with_its_actions_answered_once(client: Client, running_server: RunningGame) -> None:
    guest_token = client.sign_in({"type": "guest"})["guest_token"]
    client.until(lambda: client.welcome["entity_id"] in client.world.entities)
    for kind in ("apple", "apple"):
        assert client.answer_to(client.act("pick_up", entity=walk_to_the_nearest(client, kind)))["type"] == "ack"
    answered = client.act("use", item="apple")
    client.answer_to(answered)
    lost = client.act("use", item="apple")
    client.wire.break_off()
    assert client.resume()["resumed"] is True
    assert client.answer_to(lost)["level"] == "stored"
    assert client.welcome["last_seq"] >= answered
    assert client.answer_to(client.act("use", item="apple"))["code"] == "not_enough"
    client.wire.break_off()
    client.connect()
    again = client.sign_in({"type": "guest", "token": guest_token})
    assert (again["resumed"], again["guest_token"], again["last_seq"]) == (False, None, 0)


@pytest.mark.slow
def test_it_hears_others_and_finds_their_lines_in_the_welcome(client: Client, running_server: RunningGame) -> None:
    client.sign_in({"type": "guest"})
    other = another(running_server)
    try:
        other.answer_to(other.act("say", text="is somebody here?"))
        line = client.wait_for("said")["line"]
        assert line["text"] == "is somebody here?"
        assert client.answer_to(client.act("whisper", to=other.welcome["name"], text="psst"))["level"] == "accepted"
        whispered = other.wait_for("said")["line"]
        if whispered["channel"] == "zone":  # its own line
            whispered = other.wait_for("said")["line"]
        assert (whispered["channel"], whispered["to"]) == ("whisper", other.welcome["name"])
        assert client.wait_for("said")["line"] == whispered
        third = another(running_server)
        assert line in third.welcome["chat"]
        assert whispered not in third.welcome["chat"]
        third.wire.break_off()
    finally:
        other.wire.break_off()
