"""Answers to actions: acks and refusals, sent to the connection that sent the action.

Law: a connection gets one answer to an action. A client that resumes sends the action again on its new connection, and
is answered there.
"""

from __future__ import annotations

from collections.abc import Iterable

from gameserver.link.messages import Deliver
from gameserver.link.ports import EdgePort
from gameserver.protocol.codec import encode_text
from gameserver.protocol.messages import Ack, Refused
from gameserver.session.session import Session


class Answers:
    """Sends answers over the link."""

    def __init__(self, link: EdgePort):
        self._link = link

    def give(self, session: Session, seq: int | None, answer: Ack | Refused) -> None:
        """Send the answer to the action ``seq``, unless the present connection has it or never sent the action. An
        answer without ``seq`` is always sent."""
        if seq is not None:
            if seq not in session.unanswered:
                return
            session.unanswered.remove(seq)
        if session.connection_id is not None:
            self._link.to_edge(Deliver([session.connection_id], encode_text(answer)))

    def give_acks(self, session: Session, acks: Iterable[Ack]) -> None:
        """Send acks of actions that a store has by now."""
        for ack in acks:
            self.give(session, ack.seq, ack)
