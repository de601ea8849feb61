"""The failover group is what the tests built on it believe it to be."""

from __future__ import annotations

import pytest
import redis

from tests.servers.sentinel import SentinelGroup


def client_of(port: int) -> redis.Redis:
    return redis.Redis(port=port, decode_responses=True, socket_timeout=5)


@pytest.mark.slow
def test_a_failover_makes_the_replica_the_primary_and_keeps_what_was_written(sentinel_group: SentinelGroup) -> None:
    before = sentinel_group.primary_port()
    with client_of(before) as client:
        client.set("a", "1")
        client.wait(1, 5000)
    sentinel_group.failover()
    after = sentinel_group.primary_port()
    assert after != before
    with client_of(after) as client:
        assert client.get("a") == "1"
        client.set("b", "2")
    sentinel_group.heal()
    sentinel_group.failover()
    assert sentinel_group.primary_port() == before


def test_a_primary_that_is_cut_off_goes_on_serving_who_is_inside_until_the_split_heals(
    sentinel_group: SentinelGroup,
) -> None:
    zombie = sentinel_group.primary
    inside = client_of(sentinel_group.primary_port())
    inside.set("a", "1")
    sentinel_group.cut_off()
    sentinel_group.failover()
    inside.set("a", "of the zombie")
    assert zombie.command("GET", "a") == b"$13\r\nof the zombie\r\n"
    outside = client_of(sentinel_group.primary_port())
    outside.set("a", "of the new primary")
    sentinel_group.heal()
    assert sentinel_group.primary is not zombie
    assert zombie.command("GET", "a") == b"$18\r\nof the new primary\r\n"
    inside.close()
    outside.close()


def test_a_primary_that_is_killed_is_succeeded_and_comes_back_as_a_replica(sentinel_group: SentinelGroup) -> None:
    killed = sentinel_group.primary
    killed.kill()
    sentinel_group.failover(killed)
    killed.start()
    sentinel_group.heal()
    assert sentinel_group.replica is killed
