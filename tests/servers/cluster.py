"""A Redis Cluster as real processes on loopback: three primaries, and a replica for as many of them as are asked for.

A primary that is killed or paused is replaced by its replica within about three seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, TypeVar

import pytest
import redis
from redis.crc import key_slot

from tests.servers.ports import free_port
from tests.servers.redis import FLAVOURS, RunningRedis

Answer = TypeVar("Answer")

PRIMARIES = 3
SLOTS = 16384
NODE_TIMEOUT_MS = 1000  # where there are replicas
PATIENT_MS = 10_000  # where nobody could take over: a busy machine is no failure
PATIENCE_S = 20.0


class ClusterNode(RunningRedis):
    """One process of a cluster; what it is outlives its restart."""

    def __init__(self, flavour: str, timeout_ms: int) -> None:
        super().__init__(flavour)
        self.port = self.port or free_port()
        self.bus_port = free_port()
        self.options = ("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port))
        self.options += ("--cluster-node-timeout", str(timeout_ms), "--cluster-replica-validity-factor", "0")
        self.options += ("--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes")
        self._client = redis.Redis(port=self.port, decode_responses=True, socket_timeout=5)

    def ask(self, *words: str | int) -> Any:
        """One command, answered whole. Raises redis's errors."""
        execute: Callable[..., Any] = self._client.execute_command  # redis leaves it untyped
        return execute(*words)

    @property
    def id(self) -> str:
        return str(self.ask("CLUSTER", "MYID"))

    def is_well(self, nodes: int) -> bool:
        """It knows so many, and all slots are served."""
        about = str(self.ask("CLUSTER", "INFO"))
        return "cluster_state:ok" in about and f"cluster_known_nodes:{nodes}" in about

    def replicas_known(self) -> int:
        return str(self.ask("CLUSTER", "NODES")).count("slave")

    def is_primary(self) -> bool:
        return "master" in self.ask("ROLE")

    def remove(self) -> None:
        self._client.close()
        super().remove()


class RedisCluster:
    """``start`` after ``__init__``, ``remove`` at the end."""

    def __init__(self, replicas: int, flavour: str = "redis7"):
        timeout_ms = NODE_TIMEOUT_MS if replicas else PATIENT_MS
        self.primaries = [
            ClusterNode(flavour, timeout_ms) for _ in range(PRIMARIES)
        ]  # of thirds of the slots, in order
        self.replicas = [
            ClusterNode(flavour, timeout_ms) for _ in range(replicas)
        ]  # each of the primary with its number
        self.nodes = [*self.primaries, *self.replicas]

    @property
    def url(self) -> str:
        """The URL for the server's settings."""
        return f"redis+cluster://{','.join(f'127.0.0.1:{node.port}' for node in self.nodes)}"

    def start(self) -> RedisCluster:
        try:
            self._start()
        except BaseException:
            self.remove()
            raise
        return self

    def owner_of(self, key: str) -> ClusterNode:
        """The primary that has the key, as the nodes that run say."""
        slot = key_slot(key.encode())
        asked = next(node for node in self.nodes if node.is_running)
        for first, last, (_, port, *_), *_ in asked.ask("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(node for node in self.nodes if node.port == port)
        raise AssertionError(f"nobody owns {slot}")

    def wait_until_well(self) -> None:
        _until("all are well", lambda: all(node.is_well(len(self.nodes)) for node in self.nodes))

    def wait_until_in_step(self, primary: ClusterNode) -> None:
        """Its replica has all it has."""
        replica = self.replicas[self.primaries.index(primary)]

        def is_in_step() -> bool:
            _, offset, online = primary.ask("ROLE")
            return bool(online and replica.ask("ROLE")[4] == offset)

        _until("the replica is in step", is_in_step)

    def wait_until_replaced(self, primary: ClusterNode) -> ClusterNode:
        """The replica of it, once that has taken over and everybody else knows."""
        replica = self.replicas[self.primaries.index(primary)]
        _until("the replica is primary", replica.is_primary)
        others = [node for node in self.nodes if node is not primary]
        _until("the others know", lambda: all(node.is_well(len(self.nodes)) for node in others))
        return replica

    def begin_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """Begin to move the slot: new keys of it are the target's."""
        target.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id)
        source.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id)

    def move_keys(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        keys = source.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        source.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)

    def end_move(self, slot: int, source: ClusterNode, target: ClusterNode) -> None:
        """The slot is the target's. The third primary learns of it by and by."""
        for node in (target, source):
            node.ask("CLUSTER", "SETSLOT", slot, "NODE", target.id)

    def remove(self) -> None:
        for node in self.nodes:
            node.remove()

    def _start(self) -> None:
        for node in self.nodes:
            node.start()
        for number, primary in enumerate(self.primaries):
            first, after = number * SLOTS // PRIMARIES, (number + 1) * SLOTS // PRIMARIES
            primary.ask("CLUSTER", "ADDSLOTSRANGE", first, after - 1)
        for number, node in enumerate(self.nodes):
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus_port)
        self.wait_until_well()
        for replica, primary in zip(self.replicas, self.primaries, strict=False):
            replica.ask("CLUSTER", "REPLICATE", primary.id)
        for primary in self.primaries[: len(self.replicas)]:
            self.wait_until_in_step(primary)
        _until("everybody knows", lambda: all(node.replicas_known() == len(self.replicas) for node in self.nodes))


def _until(what: str, look: Callable[[], Answer]) -> Answer:
    """Call ``look`` until its result is truthy, and return that."""
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        with suppress(redis.RedisError):
            if found := look():
                return found
        assert time.monotonic() < give_up_at, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module", params=FLAVOURS)
def shared_cluster(request: pytest.FixtureRequest) -> Iterator[RedisCluster]:
    """A cluster of each flavour, without replicas, for the tests of a module. Kill nothing in it. Takes about three
    seconds.
    """
    cluster = RedisCluster(replicas=0, flavour=request.param)
    try:
        yield cluster.start()
    finally:
        cluster.remove()


@pytest.fixture
def own_cluster() -> Iterator[RedisCluster]:
    """A cluster for this test alone; each primary has a replica. Takes about four seconds."""
    cluster = RedisCluster(replicas=PRIMARIES)
    try:
        yield cluster.start()
    finally:
        cluster.remove()
