"""Names of entities, asked for when somebody wants to know and remembered until the next welcome."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from itertools import islice

from gameserver.protocol.constants import DESCRIBE_MAX
from gameserver.protocol.messages import ClientMessage, Describe, Described

ANSWER_TIMEOUT_S = 5.0
NAMES_MAX = 10_000  # remembered; beyond it the oldest is forgotten


class Names:
    """One question is under way at a time, since answers carry no number."""

    def __init__(self, send: Callable[[ClientMessage], None]):
        self.known: dict[int, str] = {}
        self._send = send
        self._turn = asyncio.Lock()
        self._answer: asyncio.Future[None] | None = None

    async def of(self, ids: Iterable[int]) -> dict[int, str]:
        """id -> name, without those the server does not know or did not answer for in time."""
        wanted = list(ids)
        async with self._turn:
            missing = iter([entity_id for entity_id in dict.fromkeys(wanted) if entity_id not in self.known])
            while batch := list(islice(missing, DESCRIBE_MAX)):
                if not await self._ask(batch):
                    break
        return {entity_id: self.known[entity_id] for entity_id in wanted if entity_id in self.known}

    def take(self, described: Described) -> None:
        for entity in described.entities:
            self.known[int(entity.id)] = entity.name
        while len(self.known) > NAMES_MAX:
            del self.known[next(iter(self.known))]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(None)

    def forget(self) -> None:
        """A new welcome: ids may mean others now."""
        self.known.clear()

    def give_up(self) -> None:
        """The socket is lost and with it the answer."""
        if self._answer is not None:
            self._answer.cancel()

    async def _ask(self, ids: list[int]) -> bool:
        self._answer = asyncio.get_running_loop().create_future()
        self._send(Describe(ids=ids))
        done, _ = await asyncio.wait([self._answer], timeout=ANSWER_TIMEOUT_S)
        answered = bool(done) and not self._answer.cancelled()
        self._answer = None
        return answered
