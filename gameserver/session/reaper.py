"""The reaper finds live sessions that no process has, and owns them: sessions of nodes whose lease has ended, and this
node's own sessions that are in Redis only, because the last process left them or their opening was cut. Each is held
for a resume, saved soon, and ended when its grace is over.

Law: a node counts as dead when it has no lease at two looks in a row. If Redis has lost all leases, living nodes renew
theirs between the two. The pointer names a session's owner, and the epoch decides between two reapers, so they do no
harm to each other. A process whose node's name was taken by another process reaps nothing. An unreadable session keeps
no other from being reaped. Our own sessions stay on our list for others to find, even if Redis lost a part of the list:
in a cluster the list fails over apart from the sessions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from gameserver.live.nodes import NodeLeases
from gameserver.live.sessions import LiveSessions, Owner, StaleEpoch
from gameserver.profiles.repository import UnknownPlayer
from gameserver.protocol.errors import Refusal
from gameserver.protocol.ids import Epoch, NodeId, PlayerId
from gameserver.session.reception import Reception
from gameserver.sql.database import ProfilesUnavailable
from gameserver.store.connection import StoreUnavailable

AT_ONCE_MAX = 8
PERIOD_S = 1.9
NOBODY = NodeId("")  # the node of a pointer that has lost it: the list says whose the session is

log = structlog.get_logger(__name__)


class Reaper:
    """``run`` is its one task. ``here`` are the sessions that this process has; ``has_name`` asks Redis whether this
    process is still the one with the node's name."""

    def __init__(
        self,
        live: LiveSessions,
        leases: NodeLeases,
        reception: Reception,
        node: NodeId,
        here: Callable[[], Mapping[PlayerId, Epoch]],
        has_name: Callable[[], Awaitable[bool]],
    ):
        self._live = live
        self._leases = leases
        self._reception = reception
        self._node = node
        self._here = here
        self._has_name = has_name
        self._silent: list[NodeId] = []  # had no lease at the last look
        self._held_up: dict[PlayerId, str] = {}  # whose zone has stopped, and which one that is
        self._given_up: set[PlayerId] = set()  # whose session cannot be read: for people to look at
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)

    async def run(self) -> None:
        """Until cancelled; a store that is away is waited for."""
        while True:
            try:
                if await self._reap_our_own():
                    await self._reap_the_dead()
            except StoreUnavailable as error:
                log.info("reaping_delayed", error=str(error))
            await asyncio.sleep(PERIOD_S)

    async def _reap_the_dead(self) -> None:
        silent = [node for node in await self._leases.all_nodes() if not await self._leases.alive(node)]
        dead = [node for node in silent if node in self._silent and node != self._node]
        self._silent = silent
        for node in dead:
            if await self._reap(node, await self._live.sessions_of(node)):
                await self._leases.forget(node)

    async def _reap_our_own(self) -> bool:
        """Read the list between two looks at our sessions: each is listed before it is here, and until it is gone.

        Return False when another process has our name; then the list is that process's. The list is read before the
        name is asked for, so that nothing of that process is on it."""
        before = self._here()
        listed = await self._live.sessions_of(self._node)
        here = self._here()
        if not await self._has_name():
            return False
        missing = {
            player: epoch for player, epoch in before.items() if here.get(player) == epoch and player not in listed
        }
        if lost := await self._owned(missing):
            log.warning("redis_lost_list_entries", sessions=len(lost))
            await self._live.enlist(lost, self._node)
        await self._reap(self._node, listed - here.keys())
        return True

    async def _owned(self, sessions: Mapping[PlayerId, Epoch]) -> dict[PlayerId, Epoch]:
        """Return those that the pointers say are ours. A session that ends is removed before it is taken off the list,
        and is here a moment longer."""
        owners = await asyncio.gather(*(self._owner(player) for player in sessions))
        return {
            player: epoch
            for (player, epoch), owner in zip(sessions.items(), owners, strict=True)
            if owner is not None and (owner.node, owner.epoch) == (self._node, epoch)
        }

    async def _owner(self, player: PlayerId) -> Owner | None:
        async with self._at_once:
            return await self._live.owner(player)

    async def _reap(self, node: NodeId, listed: set[PlayerId]) -> bool:
        """True when the node has no sessions left that nobody has."""
        waiting = {player for player in listed if self._waits_for_zone(player)}
        players = listed - self._given_up - waiting
        owned = await asyncio.gather(*(self._own(player, node) for player in players))
        if any(owned):
            log.info("sessions_reaped", node_id=node, sessions=sum(owned))
        return all(owned) and not waiting

    def _waits_for_zone(self, player: PlayerId) -> bool:
        """Whether the session's zone had stopped when it was looked at, and still has not started again."""
        zone = self._held_up.pop(player, None)
        if zone is None or not self._reception.zone_has_stopped(zone):
            return False
        self._held_up[player] = zone
        return True

    async def _own(self, player: PlayerId, node: NodeId) -> bool:
        """False when it has to be tried again."""
        async with self._at_once:
            try:
                owner = await self._live.owner(player)
                if owner is not None and owner.is_foreign:
                    log.warning("session_of_another_history", player_id=player, history=owner.history)
                    await self._live.ignore(player, node)
                elif owner is None or owner.node not in (node, NOBODY):
                    await self._live.strike_stale(player, node)  # it moved or ended; only the list was not told
                elif self._reception.zone_has_stopped(owner.zone):
                    self._held_up[player] = owner.zone  # it stays in Redis, for whoever signs in or the next start
                    return False
                else:
                    await self._reception.recover(player)
            except (StoreUnavailable, ProfilesUnavailable, Refusal) as error:
                log.warning("session_reaping_delayed", player_id=player, error=str(error))
                return False
            except (StaleEpoch, UnknownPlayer) as error:
                log.info("session_not_ours", player_id=player, error=str(error))
            except Exception:
                log.exception("session_unreadable", player_id=player, note="it stays in Redis, untouched from now on")
                self._given_up.add(player)
        return True
