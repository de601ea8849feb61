"""One write to Redis while it is under way, and the result of it.

A flight knows the sessions that it brings up to date, the acks and waiters that depend on it, and the sessions that
Redis looks at after it. An ack may be given, and a new resume token be sent, only while the pointer is still ours and
the hash is whole.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from gameserver.failpoints import Guard, is_off
from gameserver.live.batch import Batch
from gameserver.live.tick_writer import Check
from gameserver.protocol.messages import Ack
from gameserver.session.record import fields_of
from gameserver.session.session import Session


class Written(NamedTuple):
    """The result of one write. ``Flusher`` acts on it."""

    has_landed: bool = False  # Redis has the batch; else all of it counts as not written
    acks: Sequence[tuple[Session, tuple[Ack, ...]]] = ()  # to be given now
    fenced: Sequence[Session] = ()  # another node owns them
    owner_missing: bool = False  # Redis has lost pointers of players
    looks_again: bool = False  # the next write is wanted at once, because some hash may lack fields


NOT_WRITTEN: Final = Written()


@dataclass(slots=True)
class Owed:
    """The number of a session's acks, and the waiters, that depend on a write."""

    session: Session
    acks: int
    lineage: str  # of the acks
    waiters: tuple[asyncio.Future[bool], ...]

    @classmethod
    def take(cls, session: Session) -> Owed:
        """Take the waiters from the session. Its acks stay there until they are given."""
        waiters, session.stored_waiters = session.stored_waiters, ()
        return cls(session, len(session.unstored), session.player._internals.actions.lineage, waiters)


@dataclass(slots=True)
class Flight:
    """One write. With an empty batch and nobody watched, it only asks whether Redis is back."""

    sessions: set[Session] = field(default_factory=set)
    batch: Batch = field(default_factory=Batch)
    owed: list[Owed] = field(default_factory=list)
    watched: list[Session] = field(default_factory=list)
    looked_at: list[Session] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)  # one for each session in ``looked_at``
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_empty(self) -> bool:
        return not self.batch and not self.watched

    def carries(self, session: Session) -> bool:
        return session in self.sessions or session in self.watched

    def look(self) -> None:
        """Choose the sessions that Redis looks at after the write."""
        if not is_off(Guard.KEY_FENCE):
            owed = [each.session for each in self.owed if (each.acks or each.waiters) and each.session.is_open]
            self.looked_at = owed + self.watched
        self.checks = [Check(session.player_id, session.epoch, _fields(session)) for session in self.looked_at]


def _fields(session: Session) -> int:
    return 0 if is_off(Guard.WHOLE_HASH) else fields_of(session)


async def outcome(waiter: asyncio.Future[bool], timeout_s: float) -> bool:
    """Return the waiter's result, or False when it has none within the time."""
    await asyncio.wait((waiter,), timeout=timeout_s)
    return waiter.done() and waiter.result()


def wake(waiters: Iterable[asyncio.Future[bool]], is_stored: bool) -> None:
    """Give each waiter its result, unless the waiter has given up."""
    for waiter in waiters:
        if not waiter.done():
            waiter.set_result(is_stored)
