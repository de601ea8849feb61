"""Group commit: exchanges that come while one transaction is under way go together in the next.

Law: each gets its own outcome. When SQL, the driver or a check of ours refuses a group, each is tried alone, so one
that does not fit costs only itself.
Bound: GROUP_MAX exchanges a transaction; how many wait is bounded by the players, who are frozen meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gameserver.profiles.records import Exchange, ExchangeOutcome
from gameserver.protocol.ids import PlayerId
from gameserver.sql.database import ProfilesUnavailable, StatementRefused

GROUP_MAX = 50

_Waiting = tuple[Exchange, "asyncio.Future[ExchangeOutcome]"]


class GroupCommit:
    """``commit`` applies exchanges of which no two have a player in common, in one transaction."""

    def __init__(self, commit: Callable[[Sequence[Exchange]], Awaitable[list[ExchangeOutcome]]]):
        self._commit = commit
        self._waiting: list[_Waiting] = []
        self._worker: asyncio.Task[None] | None = (
            None  # runs while somebody waits; every failure is told to its callers
        )

    async def apply(self, exchange: Exchange) -> ExchangeOutcome:
        """The outcome, or what ``commit`` raised. A caller who is cancelled does not stop it."""
        outcome: asyncio.Future[ExchangeOutcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((exchange, outcome))
        if self._worker is None:
            self._worker = asyncio.create_task(self._run(), name="group-commit")
        return await asyncio.shield(outcome)

    async def _run(self) -> None:
        try:
            while self._waiting:
                await self._settle(self._next_group())
        finally:
            self._worker = None

    def _next_group(self) -> list[_Waiting]:
        """The longest waiting, no player twice: the second exchange of a player comes with the next group."""
        group: list[_Waiting] = []
        later: list[_Waiting] = []
        players: set[PlayerId] = set()
        for waiting in self._waiting:
            parties = {party.player_id for party in waiting[0].parties}
            if len(group) < GROUP_MAX and players.isdisjoint(parties):
                group.append(waiting)
                players |= parties
            else:
                later.append(waiting)
        self._waiting = later
        return group

    async def _settle(self, group: list[_Waiting]) -> None:
        try:
            outcomes = await self._commit([exchange for exchange, _ in group])
        except Exception as error:
            if len(group) == 1 or not _is_of_one(error):
                _fail(group, error)
            else:
                for waiting in group:
                    await self._settle([waiting])
        except BaseException as error:
            _fail(group, error)
            raise
        else:
            for (_, outcome), result in zip(group, outcomes, strict=True):
                if not outcome.done():
                    outcome.set_result(result)


def _is_of_one(error: Exception) -> bool:
    """Whether one exchange of the group may be to blame; not when SQL is away, or the outcome is unknown."""
    return isinstance(error, StatementRefused) or not isinstance(error, ProfilesUnavailable)


def _fail(group: list[_Waiting], error: BaseException) -> None:
    for _, outcome in group:
        if not outcome.done():
            outcome.set_exception(error)
            outcome.exception()  # counts as seen, also when the caller was cancelled and will not look
