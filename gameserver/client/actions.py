"""The actions that wait for their acks: numbered without gaps, kept in order, resent after a reconnect.

Pure but for the futures. Law: an action once sent keeps its seq for ever; it is never sent under another one, because
the server may have applied it. One that was never sent may be renumbered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson

from gameserver.client.errors import ActionRefused, OutcomeUnknown, SessionEnded, TooManyActions
from gameserver.protocol.errors import RefusalCode
from gameserver.protocol.messages import Ack, Refused


class Action:
    """One action on its way. ``outcome`` resolves to an Ack or raises ActionRefused, OutcomeUnknown or SessionEnded."""

    __slots__ = ("fields", "name", "outcome", "seq", "was_sent")

    def __init__(self, seq: int, name: str, fields: dict[str, Any]):
        self.seq = seq
        self.name = name
        self.fields = fields
        self.was_sent = False
        self.outcome: asyncio.Future[Ack] = asyncio.get_running_loop().create_future()
        self.outcome.add_done_callback(_retrieve)

    def encode(self) -> bytes:
        return orjson.dumps({"type": self.name, **self.fields, "seq": self.seq})


class Outstanding:
    """All unacked actions of a session, oldest first; at most ``actions_max``."""

    def __init__(self, actions_max: int):
        self._actions_max = actions_max
        self._actions: dict[int, Action] = {}  # seq -> action, ascending
        self._last_seq = 0

    def __len__(self) -> int:
        return len(self._actions)

    def add(self, name: str, fields: dict[str, Any]) -> Action:
        """Number a new action. Raises TooManyActions."""
        if len(self._actions) >= self._actions_max:
            raise TooManyActions(f"{len(self._actions)} actions wait for their acks")
        self._last_seq += 1
        action = self._actions[self._last_seq] = Action(self._last_seq, name, fields)
        return action

    def settle(self, answer: Ack | Refused) -> bool:
        """Take in the answer to an action. False: nothing waits for it (answered before, or no action's answer)."""
        action = self._actions.pop(answer.seq, None) if answer.seq is not None else None
        if action is None:
            return False
        if not action.outcome.done():
            if isinstance(answer, Ack):
                action.outcome.set_result(answer)
            elif answer.code == RefusalCode.ALREADY_ANSWERED:  # resent too late: how, nobody remembers
                action.outcome.set_exception(OutcomeUnknown(action.seq, answer.reason))
            else:
                action.outcome.set_exception(ActionRefused(answer))
        return True

    def reopen(self, last_seq: int, *, resumed: bool, send: Callable[[Action], None]) -> None:
        """The session is back, or a new one has begun. A resumed one is sent again all that is unacked, in order, and
        numbering goes on even if its ``last_seq`` fell behind (its node died): a seq is never used twice. A new one
        numbers from the start and knows nothing of what was sent before; its outcome stays unknown."""
        waiting = list(self._actions.values())
        if resumed:
            self._last_seq = max(last_seq, self._last_seq)
        else:
            self._abandon([action for action in waiting if action.was_sent], "the session was lost")
            waiting = [action for action in waiting if not action.was_sent]
            self._last_seq = last_seq + len(waiting)
            for seq, action in enumerate(waiting, last_seq + 1):
                action.seq = seq
        self._actions = {action.seq: action for action in waiting}
        for action in waiting:
            send(action)

    def abandon_all(self, why: str) -> None:
        """The session is over; nothing will be answered any more."""
        self._abandon(list(self._actions.values()), why)
        self._actions.clear()

    def _abandon(self, actions: list[Action], why: str) -> None:
        for action in actions:
            if not action.outcome.done():
                never_sent = SessionEnded(f"action {action.seq} was not sent: {why}")
                action.outcome.set_exception(OutcomeUnknown(action.seq, why) if action.was_sent else never_sent)


def _retrieve(outcome: asyncio.Future[Ack]) -> None:
    """Nobody need look at the outcome of an action given up on; asyncio would complain otherwise."""
    if not outcome.cancelled():
        outcome.exception()
