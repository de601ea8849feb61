"""This node's lease: while it is renewed nobody else reaps our sessions.

Law: a node that could not renew it in time stops acking before anyone else may claim. What keeps two nodes from owning
one session is the epoch, whatever clocks say; the lease only decides when claiming is worth trying. And it keeps two
living processes from using one node's name: the second one does not start. A process that slept while another one took
its name has lost it for good.
"""

from __future__ import annotations

import asyncio

import structlog

from gameserver.clock import Clock
from gameserver.live.nodes import Holding, NodeLeases
from gameserver.protocol.ids import NodeId
from gameserver.session.instance import Instance
from gameserver.store.connection import StoreUnavailable

RENEWALS_PER_LEASE = 5
MARGIN = 0.2  # of the lease: we count it as ended this much before Redis does
PATIENCE = 1.5  # periods of renewal in which a living process renews its lease
WATCH_POLL_S = 0.05

log = structlog.get_logger(__name__)


class NodeNameInUse(Exception):  # noqa: N818  an answer, not a malfunction
    """Another process with this node's name lives."""

    def __init__(self, node: NodeId):
        super().__init__("{}: {}; {}".format(*self.parts(node)))

    @staticmethod
    def parts(node: NodeId) -> tuple[str, str, str]:
        """The setting, the problem, the remedy."""
        problem = f"another process that calls itself {node} is running"
        return "node_id", problem, "stop it, or give this one a name of its own (--node-id or GAMESERVER_NODE_ID)"


class Lease:
    """``run`` is its one task. Counted on the monotonic clock, from before the renewal was sent."""

    def __init__(self, leases: NodeLeases, node: NodeId, clock: Clock, ttl_s: float):
        self._leases = leases
        self._node = node
        self._clock = clock
        self._ttl_s = ttl_s
        self._instance = str(Instance.of_this_process(self._ttl_ms()))
        self._until_s = float("-inf")
        self._rival: Holding | None = None  # the lease of another instance at the last renewal
        self.lost = asyncio.Event()  # another living process has the name; it stays lost

    def holds(self) -> bool:
        return self._clock.monotonic_s() < self._until_s

    async def acquire(self) -> None:
        """Take the lease at the start, from a process that is dead if there is one. That it is dead is known at once
        if it ran on this machine, and otherwise when it has not renewed in time. Raises StoreUnavailable, and
        NodeNameInUse when the process lives."""
        while True:
            holding = await self._leases.look(self._node)
            if holding is not None and await is_renewed(self._leases, self._node, holding, self._clock, self._ttl_s):
                raise NodeNameInUse(self._node)
            sent_s = self._clock.monotonic_s()
            dead = holding.instance if holding else ""
            if await self._leases.renew(self._node, self._instance, self._ttl_ms(), instead_of=dead):
                self._held_from(sent_s)
                return

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._ttl_s / RENEWALS_PER_LEASE)
            if not self.lost.is_set():
                await self._renew()

    async def is_ours(self) -> bool:
        """Ask Redis, now. True, too, when nobody has the lease. Raises StoreUnavailable."""
        holding = await self._leases.look(self._node)
        return not self.lost.is_set() and (holding is None or holding.instance == self._instance)

    async def give_up(self) -> None:
        """At the end: others need not wait for it to expire."""
        self._until_s = float("-inf")
        try:
            await self._leases.release(self._node)
        except StoreUnavailable as error:
            log.info("lease_left_to_expire", error=str(error))

    async def _renew(self) -> None:
        sent_s = self._clock.monotonic_s()
        try:
            if await self._leases.renew(self._node, self._instance, self._ttl_ms()):
                self._held_from(sent_s)
                self._rival = None
            else:
                self._meet(await self._leases.look(self._node))
        except StoreUnavailable:
            return  # it ends by itself unless one of the next comes through

    def _meet(self, rival: Holding | None) -> None:
        """Another instance has the lease. If it does not renew it, that was a dead process's last renewal, which came
        late; we wait for its end."""
        if self._rival is not None and rival is not None and rival != self._rival:
            self._until_s = float("-inf")
            self.lost.set()
            log.error(
                "node_name_lost",
                node_id=self._node,
                note="another process with this node_id runs; this one hands its players over and ends",
                remedy="give every process a node_id of its own (--node-id or GAMESERVER_NODE_ID)",
            )
        self._rival = rival

    def _held_from(self, sent_s: float) -> None:
        self._until_s = sent_s + self._ttl_s * (1 - MARGIN)

    def _ttl_ms(self) -> int:
        return int(self._ttl_s * 1000)


async def is_renewed(leases: NodeLeases, node: NodeId, holding: Holding, clock: Clock, ttl_s: float) -> bool:
    """Watch a lease until its holder has renewed it twice, or has had the time to and did not. Once is not enough: the
    last renewal of a process that is dead may still have been on its way. Raises StoreUnavailable."""
    instance = Instance.parse(holding.instance)
    if instance.is_dead():
        return False
    patience_s = PATIENCE * (instance.ttl_ms / 1000 or ttl_s) / RENEWALS_PER_LEASE
    for _ in range(2):
        seen = await _change(leases, node, holding, clock, patience_s)
        if seen is None:
            return False
        holding = seen
    return True


async def _change(
    leases: NodeLeases, node: NodeId, holding: Holding, clock: Clock, patience_s: float
) -> Holding | None:
    """Return the lease's new value within ``patience_s``; None when it stayed the same, or has ended."""
    until_s = clock.monotonic_s() + patience_s
    while clock.monotonic_s() < until_s:
        await asyncio.sleep(WATCH_POLL_S)
        seen = await leases.look(node)
        if seen != holding:
            return seen
    return None
