"""The handshake of a WebSocket: refuses pages of other origins, and anybody while the server is full. Pure."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from gameserver.clock import SystemClock
from gameserver.edge.handshake import Handshake
from gameserver.edge.origins import Origins
from gameserver.http.hosts import Hosts
from gameserver.http.site import Site
from gameserver.observability.metrics import REFUSED_ORIGINS


@pytest.mark.parametrize(
    ("origins", "hosts", "status"),
    [
        ([], ["game.example"], 101),  # no browser
        (["http://game.example"], ["game.example"], 101),
        (["https://Game.example:8443"], ["game.example:8443"], 101),
        (["https://friend.example"], ["game.example"], 101),  # on the list
        (["http://friend.example"], ["game.example"], 403),  # the list says https
        (["https://game.example"], ["game.example:443"], 101),  # as some proxies write it
        (["http://game.example"], ["game.example:80"], 101),
        (["https://game.example:443"], ["game.example"], 101),
        (["https://friend.example:443"], ["game.example"], 101),
        (["https://game.example"], ["game.example:80"], 403),
        (["https://game.example"], ["game.example:8443"], 403),
        (["https://user@game.example"], ["game.example"], 403),
        (["https://game.example:99999"], ["game.example"], 403),
        (["http://evil.example"], ["game.example"], 403),
        (["http://game.example.evil.example"], ["game.example"], 403),
        (["http://game.example:8080"], ["game.example"], 403),
        (["null"], ["game.example"], 403),
        (["file://"], ["game.example"], 403),
        (["http://["], ["game.example"], 403),
        (["http://game.example", "http://game.example"], ["game.example"], 403),
    ],
)
def test_pages_of_other_origins_may_not_connect(origins: list[str], hosts: list[str], status: int) -> None:
    listed = Origins(["https://friend.example/"], SystemClock())
    handshake = Handshake(Site({}), Hosts(["game.example"]), listed, lambda: None)
    assert _answer(handshake, origins, hosts).status_code == status


def test_every_refused_origin_is_counted_and_some_are_told() -> None:
    before = REFUSED_ORIGINS._value.get()
    handshake = Handshake(Site({}), Hosts(["game.example"]), Origins([], SystemClock()), lambda: None)
    with capture_logs() as logged:
        for number in range(1000):
            _answer(handshake, [f"https://evil{number}.example/{'x' * 1000}"], ["game.example"])
    assert REFUSED_ORIGINS._value.get() == before + 1000
    assert 1 <= len(logged) <= 30
    assert (logged[0]["event"], logged[0]["host"], logged[0]["setting"]) == (
        "origin_refused",
        "game.example",
        "origins",
    )
    assert logged[0]["origin"].startswith("https://evil0.example") and len(logged[0]["origin"]) <= 200


def test_a_full_server_says_when_to_come_back() -> None:
    handshake = Handshake(Site({}), Hosts(), Origins([], SystemClock()), lambda: "This server is full.")
    response = _answer(handshake, [], ["localhost"])
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")


def _answer(handshake: Handshake, origins: list[str], hosts: list[str]) -> Response:
    headers = Headers(
        [
            ("Connection", "Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"),
            ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
            *(("Origin", origin) for origin in origins),
            *(("Host", host) for host in hosts),
        ]
    )
    return handshake.answer(ServerProtocol(), Request("/ws", headers))
