"""Requests that a browser sends to this server under a foreign name are refused: DNS rebinding."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs
from websockets.datastructures import Headers
from websockets.http11 import Request

from gameserver.http.hosts import Hosts
from gameserver.observability.metrics import REGISTRY


def status(hosts: Hosts, *names: str) -> int:
    """The status a request with these Host headers is refused with; 200 if it is let in."""
    refused = hosts.refused(Request("/", Headers([("Host", name) for name in names])))
    return refused.status if refused else 200


@pytest.mark.parametrize(
    "name",
    ["localhost", "LOCALHOST:8765", "localhost.", "app.localhost:1", "127.0.0.1", "127.0.0.1:8765", "[::1]:8765",
     "192.168.1.20:8765", "[fe80::1]", "play.example", "Play.Example:443", "friend.example"],
)  # fmt: skip
def test_this_machine_addresses_and_listed_names_are_let_in(name: str) -> None:
    assert status(Hosts(["play.example"], ["https://friend.example"]), name) == 200


@pytest.mark.parametrize(
    "name",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "localhost.evil.example", "xlocalhost",
     "2130706433", "127.1", "0x7f.1", "play.example.evil.example", "www.play.example"],
)  # fmt: skip
def test_foreign_names_are_refused(name: str) -> None:
    assert status(Hosts(["play.example"]), name) == 403


@pytest.mark.parametrize(
    "names",
    [[], ["localhost", "localhost"], ["localhost", "evil.example"], [""], ["a b"], ["user@localhost"], ["localhost:"],
     ["localhost:x"], ["localhost/"], ["[::1"], ["localhost, evil.example"], ["localh\xf6st"], ["*"]],
)  # fmt: skip
def test_a_request_without_one_readable_host_is_malformed(names: list[str]) -> None:
    assert status(Hosts(["*"]), *names) == 400


def test_an_operator_may_allow_every_name() -> None:
    assert status(Hosts(["*"]), "anything.example") == 200


def test_a_refused_name_is_counted_each_time_and_logged_once() -> None:
    hosts = Hosts()
    before = REGISTRY.get_sample_value("gameserver_refused_hosts_total") or 0.0
    with capture_logs() as logged:
        for _ in range(3):
            assert status(hosts, "evil.example") == 403
        for number in range(500):
            status(hosts, f"evil{number}.example")
    assert REGISTRY.get_sample_value("gameserver_refused_hosts_total") == before + 503
    assert logged[0]["event"] == "host_refused"
    assert [line["host"] for line in logged].count("evil.example") == 1
    assert len(logged) == 100
