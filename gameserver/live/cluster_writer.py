"""The tick's writes to a cluster: one buffer for each primary, each on a connection of its own, sent at the same time.

What a write is to one server is ``TickWriter``'s business, and its laws hold for each. Here is what they mean for all:
when any server may not have what was written before, or a slot has another owner than at the last write, nothing is
sent until the caller knows that everything is to be written again. A write has succeeded when all of it has.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar

from redis.crc import key_slot
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

from gameserver.live import keys
from gameserver.live.batch import Batch
from gameserver.live.tick_writer import NOTHING_FOUND, Check, Found, OwnerMissing, ServerChanged, TickWriter
from gameserver.protocol.ids import PlayerId
from gameserver.store.address import Host
from gameserver.store.cluster import Cluster, Owners
from gameserver.store.connection import Store

T = TypeVar("T")
_SLOTS_REMEMBERED = 65536  # players; their slots are looked up on every tick


@lru_cache(_SLOTS_REMEMBERED)
def slot_of(player: PlayerId) -> int:
    """Return the slot of all keys of the player."""
    return key_slot(keys.owner(player).encode())


class ClusterWriter:
    """Has what ``TickWriter`` has; see there. ServerChanged, though, says only that not everything was written."""

    def __init__(self, store: Store, cluster: Cluster):
        self._store = store
        self._cluster = cluster
        self._turn = asyncio.Lock()
        # Kept for good, also when the server owns nothing: each knows what may still wait there to be read.
        self._writers: dict[Host, TickWriter] = {}
        self._owners: Owners | None = None  # at the last write
        self._is_all_due = False  # and the caller does not know it yet

    async def write(self, batch: Batch, checked: Sequence[Check] = ()) -> Found:
        if not batch and not checked:
            return NOTHING_FOUND
        with self._store.measured("cluster_write"):
            async with asyncio.timeout(self._store.timeout_s), self._turn:
                owners = await self._follow()
                self._tell()
                shares = [(self._writer(host), share) for host, share in _shares(batch, checked, owners).items()]
                writes = [writer.write(share.batch, share.checked) for writer, share in shares]
                found = await self._all(writes)
        return Found(*(frozenset[PlayerId]().union(*players) for players in zip(*found, strict=True)))

    async def ping(self) -> None:
        """Raises StoreUnavailable when a write could not be made now, to any of the primaries. When it returns, and
        also when it raises ServerChanged, no earlier write is on its way any more."""
        with self._store.measured("cluster_ping"):
            async with asyncio.timeout(self._store.timeout_s), self._turn:
                owners = await self._follow()
                writers = [self._writer(host) for host in set(owners)]
                await self._all([writer.ping() for writer in writers])
                self._tell()

    async def _follow(self) -> Owners:
        owners = await self._cluster.owners()
        self._is_all_due |= self._owners is not None and owners is not self._owners
        self._owners = owners
        return owners

    def _tell(self) -> None:
        if self._is_all_due:
            self._is_all_due = False
            raise ServerChanged("cluster_write: redis has restarted or slots have other owners; all is written again")

    async def _all(self, works: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
        """The outcome of each, when all have ended. Of several failures the one that says least is raised: only when
        every server has done or refused its part may the caller hear more."""
        outcomes = await asyncio.gather(*(self._noting_changes(work) for work in works), return_exceptions=True)
        failures = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        if not failures:
            return [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
        for failure in failures:
            if not isinstance(failure, ServerChanged | OwnerMissing) and not _is_redirection(failure):
                raise failure
        redirected = [failure for failure in failures if _is_redirection(failure)]
        if redirected:
            await self._cluster.refresh()
            await self._follow()
        self._tell()
        for failure in redirected:
            raise failure
        lost = (failure.players for failure in failures if isinstance(failure, OwnerMissing))
        raise OwnerMissing(set().union(*lost))

    async def _noting_changes(self, work: Coroutine[Any, Any, T]) -> T:
        """A server says once that it has changed, and whoever waits for it may have gone by then."""
        try:
            return await work
        except ServerChanged:
            self._is_all_due = True
            raise

    def _writer(self, host: Host | None) -> TickWriter:
        if host is None:
            raise RedisConnectionError("no node owns some slots of the cluster")
        if host not in self._writers:
            self._writers[host] = TickWriter(self._store, self._store.dedicated_connection(host))
        return self._writers[host]


@dataclass(slots=True)
class _Share:
    """The part of a write that goes to one primary."""

    batch: Batch = field(default_factory=Batch)
    checked: list[Check] = field(default_factory=list)


def _shares(batch: Batch, checked: Sequence[Check], owners: Owners) -> dict[Host | None, _Share]:
    """Divide the batch by the primary of each session. The batch names each session's player: no packed command is
    read.
    """
    shares: dict[Host | None, _Share] = defaultdict(_Share)
    for player, command in batch:
        shares[owners[slot_of(player)]].batch.add(player, command)
    for check in checked:
        shares[owners[slot_of(check.player)]].checked.append(check)
    return shares


def _is_redirection(failure: BaseException) -> bool:
    """The server refused what belongs to another one's slots, or soon will."""
    return isinstance(failure.__cause__, ResponseError) and str(failure.__cause__).startswith(("MOVED ", "ASK "))
