"""Leases of nodes: a node is alive while its key has not expired.

An expired lease is only a hint to try to claim its sessions: the epoch keeps two nodes from owning one session.
"""

from __future__ import annotations

from typing import NamedTuple

from gameserver.live import keys
from gameserver.live.key_types import clearing, command_on
from gameserver.live.keys import SCRIPTS
from gameserver.protocol.ids import NodeId
from gameserver.store.connection import Store
from gameserver.store.script import Script

_RENEW = Script(SCRIPTS / "renew.lua")
_RELEASE = Script(SCRIPTS / "release.lua")


class Holding(NamedTuple):
    """A lease that somebody has. Every renewal changes ``expires_ms``."""

    instance: str
    expires_ms: int  # on the clock of Redis


class NodeLeases:
    """Every method raises StoreUnavailable and may then be called again."""

    def __init__(self, store: Store):
        self._store = store
        self._instances: dict[NodeId, str] = {}  # the leases that release may give up

    async def renew(self, node: NodeId, instance: str, ttl_ms: int, *, instead_of: str = "") -> bool:
        """Take or prolong the lease; False when another instance holds it, unless that is ``instead_of``.

        The node is on the list of nodes before it has a lease, so its sessions are found if it dies at once.
        """
        await command_on(self._store, "renew", "SADD", keys.NODES, node)
        key = keys.node(node)
        args: list[str | int] = [instance, ttl_ms, instead_of]
        is_ours = await clearing(self._store, key, lambda: _RENEW.run(self._store, [key], args))
        if is_ours:
            self._instances[node] = instance
        return bool(is_ours)

    async def look(self, node: NodeId) -> Holding | None:
        """Read the lease's holder and its end; None when nobody has it."""
        key = keys.node(node)
        instance = await command_on(self._store, "look", "GET", key)
        expires_ms = await self._store.command("look", "PEXPIRETIME", key)
        return Holding(instance, expires_ms) if instance and expires_ms > 0 else None

    async def release(self, node: NodeId) -> None:
        """Give up the lease that ``renew`` obtained through this object; without one, nothing happens."""
        instance = self._instances.get(node)
        if instance is None:
            return
        key = keys.node(node)
        await clearing(self._store, key, lambda: _RELEASE.run(self._store, [key], [instance]))
        del self._instances[node]

    async def alive(self, node: NodeId) -> bool:
        return bool(await self._store.command("alive", "EXISTS", keys.node(node)))

    async def all_nodes(self) -> set[NodeId]:
        """Every node ever seen and not forgotten, alive or not."""
        members = await command_on(self._store, "nodes", "SMEMBERS", keys.NODES)
        return {NodeId(member) for member in members}

    async def forget(self, node: NodeId) -> None:
        """Take a dead node off the list, once it has no sessions. If it lives, its next renewal puts it back."""
        await command_on(self._store, "forget", "SREM", keys.NODES, node)
