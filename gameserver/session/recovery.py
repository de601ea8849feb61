"""After a start: the sessions that this node's last process left in Redis are owned again and wait for their players.

They are resumed, or saved when their grace is over, like any session whose socket is lost.
"""

from __future__ import annotations

import asyncio

import structlog

from gameserver.profiles.database import ProfilesUnavailable
from gameserver.protocol.errors import Refusal
from gameserver.protocol.ids import NodeId, PlayerId
from gameserver.session.reception import Reception
from gameserver.store.connection import StoreUnavailable
from gameserver.store.sessions import LiveSessions, StaleEpoch

AT_ONCE_MAX = 8
RETRY_S = 1.0

log = structlog.get_logger(__name__)


class Recovery:
    """``run`` ends when every session of the node's list is owned or known to be another's."""

    def __init__(self, live: LiveSessions, reception: Reception, node: NodeId):
        self._live = live
        self._reception = reception
        self._node = node
        self._at_once = asyncio.Semaphore(AT_ONCE_MAX)

    async def run(self) -> int:
        """How many sessions were found."""
        players = await self._listed()
        if players:
            log.info("recovering sessions of the last run", sessions=len(players))
            await asyncio.gather(*(self._recover(player) for player in players))
            log.info("recovered", sessions=len(players))
        return len(players)

    async def _listed(self) -> set[PlayerId]:
        while True:
            try:
                return await self._live.sessions_of(self._node)
            except StoreUnavailable:
                await asyncio.sleep(RETRY_S)

    async def _recover(self, player: PlayerId) -> None:
        async with self._at_once:
            while True:
                try:
                    await self._try(player)
                    return
                except (StoreUnavailable, ProfilesUnavailable) as error:
                    log.warning("a session waits to be recovered", player=player, reason=str(error))
                    await asyncio.sleep(RETRY_S)
                except (StaleEpoch, Refusal) as error:
                    log.info("a session is not ours to recover", player=player, reason=str(error))
                    return

    async def _try(self, player: PlayerId) -> None:
        owner = await self._live.owner(player)
        if owner is None or owner.node != self._node:
            await self._live.strike_stale(player, self._node)  # it was moved or ended, only the list was not told
            return
        await self._reception.recover(player)
