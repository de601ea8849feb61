"""This node's lease: while it is renewed nobody else reaps our sessions.

Law: a node that could not renew it in time stops acking before anyone else may claim. What keeps two nodes from owning
one session is the epoch, whatever clocks say; the lease only decides when claiming is worth trying.
"""

from __future__ import annotations

import asyncio
import secrets

import structlog

from gameserver.clock import Clock
from gameserver.protocol.ids import NodeId
from gameserver.store.connection import StoreUnavailable
from gameserver.store.nodes import NodeLeases

RENEWALS_PER_LEASE = 5
MARGIN = 0.2  # of the lease: we count it as ended this much before Redis does

log = structlog.get_logger(__name__)


class Lease:
    """``run`` is its one task. Counted on the monotonic clock, from before the renewal was sent."""

    def __init__(self, leases: NodeLeases, node: NodeId, clock: Clock, ttl_s: float):
        self._leases = leases
        self._node = node
        self._clock = clock
        self._ttl_s = ttl_s
        self._instance = secrets.token_hex(8)
        self._until_s = float("-inf")
        self._has_rival = False

    def holds(self) -> bool:
        return self._clock.monotonic_s() < self._until_s

    async def take(self) -> None:
        """At the start: ours, whatever an earlier process of this node left. Raises StoreUnavailable."""
        sent_s = self._clock.monotonic_s()
        await self._leases.seize(self._node, self._instance, self._ttl_ms())
        self._held_from(sent_s)

    async def run(self) -> None:
        """Renew until cancelled."""
        while True:
            await asyncio.sleep(self._ttl_s / RENEWALS_PER_LEASE)
            await self._renew()

    async def give_up(self) -> None:
        """At the end: others need not wait for it to expire."""
        self._until_s = float("-inf")
        try:
            await self._leases.release(self._node)
        except StoreUnavailable as error:
            log.info("the lease is left to expire", reason=str(error))

    async def _renew(self) -> None:
        sent_s = self._clock.monotonic_s()
        try:
            is_ours = await self._leases.renew(self._node, self._instance, self._ttl_ms())
        except StoreUnavailable:
            return  # it ends by itself unless one of the next comes through
        if is_ours:
            self._held_from(sent_s)
        elif not self._has_rival:
            log.error("another process has this node's lease: is node_id used twice?", node=self._node)
        self._has_rival = not is_ours

    def _held_from(self, sent_s: float) -> None:
        self._until_s = sent_s + self._ttl_s * (1 - MARGIN)

    def _ttl_ms(self) -> int:
        return int(self._ttl_s * 1000)
