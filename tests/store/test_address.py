"""Each kind of Redis url is read, or refused."""

from __future__ import annotations

import pytest
from redis.asyncio.connection import SSLConnection

from gameserver.store.address import parse


def test_one_server_is_as_redis_py_has_it() -> None:
    assert parse("redis://anna:geheim@h:7000/2").options == {
        "host": "h", "port": 7000, "db": 2, "username": "anna", "password": "geheim",
    }  # fmt: skip
    assert parse("redis://h").sentinels == ()


def test_sentinels_a_service_and_a_database() -> None:
    found = parse("redis+sentinel://a:1,b,[::1]:3/game/4")
    assert found.sentinels == (("a", 1), ("b", 26379), ("::1", 3))
    assert (found.service, found.options) == ("game", {"db": 4})


def test_credentials_are_the_data_servers_and_the_sentinels_have_their_own() -> None:
    found = parse("redis+sentinel://anna:p%40ss@a,b/game?sentinel_password=other&client_name=x")
    assert found.options == {"db": 0, "username": "anna", "password": "p@ss", "client_name": "x"}
    assert found.sentinel_options == {"password": "other"}


def test_a_cluster_is_the_nodes_to_ask_first() -> None:
    found = parse("redis+cluster://anna:p%40ss@a:1,b,[::1]:3?client_name=x")
    assert found.seeds == (("a", 1), ("b", 6379), ("::1", 3))
    assert found.options == {"username": "anna", "password": "p@ss", "client_name": "x"}
    assert (found.sentinels, parse("redis://h").seeds) == ((), ())


def test_tls_is_spelled_with_another_s() -> None:
    assert parse("rediss+sentinel://a/game").options["connection_class"] is SSLConnection
    assert parse("rediss+cluster://a").options["connection_class"] is SSLConnection


@pytest.mark.parametrize(
    "url",
    [
        "http://h",
        "unix+sentinel://a/game",
        "redis+ring://a/game",
        "redis+sentinel://a,b",
        "redis+sentinel:///game",
        "redis+sentinel://a,,b/game",
        "redis+sentinel://a:x/game",
        "redis+sentinel://a/game/zero",
        "unix+cluster://a",
        "redis+cluster://",
        "redis+cluster://a,,b",
        "redis+cluster://a/0",
    ],
)
def test_what_makes_no_sense_is_refused(url: str) -> None:
    with pytest.raises(ValueError):
        parse(url)
