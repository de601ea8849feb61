"""Log of a player's numbered actions and their answers: the memory behind exactly-once.

Law: an action is applied only if its seq is above every seq applied before in this lineage. A lineage is one numbering
by one client: it begins at a sign-in and continues over resumes. One that comes again is answered from the log.

Stored as text in the session hash: ``<lineage> <last seq> <seq>:<level or refusal code> ...``, the newest last; a seq
whose answer was not known yet is ``<seq>:?``, and may be applied if it comes again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal, cast, get_args

from gameserver.protocol.constants import ANSWERS_MAX
from gameserver.protocol.errors import RefusalCode
from gameserver.protocol.policy import AckLevel
from gameserver.world.changes import ignore_change

Answer = AckLevel | RefusalCode
ActionStatus = Literal["new", "pending", "answered", "forgotten"]
_LEVELS = get_args(AckLevel)
_CODES = frozenset(RefusalCode)


class ActionLog:
    """``last_seq`` and the newest answers. A seq without an answer is pending: its answer is on its way."""

    __slots__ = ("answers", "changed", "last_seq", "lineage", "on_change", "pending", "unknown")

    def __init__(self, lineage: str = "", last_seq: int = 0):
        self.lineage = lineage
        self.last_seq = last_seq
        self.answers: deque[tuple[int, Answer]] = deque(maxlen=ANSWERS_MAX)
        self.pending: set[int] = set()
        self.unknown: set[int] = set()  # were pending when the process that had them died
        self.changed = False
        self.on_change: Callable[[], None] = ignore_change

    def start_lineage(self, lineage: str) -> None:
        """A client signed in and numbers from 1; answers for the client before it are not its business."""
        self.lineage = lineage
        self.last_seq = 0
        self.answers.clear()
        self.pending.clear()
        self.unknown.clear()
        self._change()

    def status_of(self, seq: int) -> ActionStatus:
        if seq > self.last_seq or seq in self.unknown:
            return "new"
        if seq in self.pending:
            return "pending"
        return "forgotten" if self.answer_to(seq) is None else "answered"

    def answer_to(self, seq: int) -> Answer | None:
        """Return the answer, or None when it is forgotten. One that only another release of the server knows is told as
        ``internal``, and stays in the log as it is."""
        found = next((answer for answered, answer in self.answers if answered == seq), None)
        is_known = found is None or isinstance(found, RefusalCode) or found in _LEVELS
        return found if is_known else RefusalCode.INTERNAL

    def begin(self, seq: int) -> None:
        """The action is being applied."""
        self.last_seq = max(self.last_seq, seq)
        self.unknown.discard(seq)
        self.pending.add(seq)
        self._change()

    def finish(self, seq: int, answer: Answer) -> None:
        """The action has its answer, to be given again whenever the action comes again."""
        self.last_seq = max(self.last_seq, seq)
        self.pending.discard(seq)
        self.unknown.discard(seq)
        self.answers.append((seq, answer))
        self._change()

    def _change(self) -> None:
        self.changed = True
        self.on_change()

    def encode(self) -> str:
        answered = (f"{seq}:{answer}" for seq, answer in self.answers)
        unanswered = (f"{seq}:?" for seq in sorted(self.pending | self.unknown))
        return " ".join((self.lineage, str(self.last_seq), *answered, *unanswered))

    @classmethod
    def decode(cls, stored: str) -> ActionLog:
        """The log as ``encode`` wrote it; an empty text is an empty log."""
        if not stored:
            return cls()
        lineage, last_seq, *answers = stored.split(" ")
        log = cls(lineage, int(last_seq))
        for pair in answers:
            seq, _, answer = pair.partition(":")
            if answer == "?":
                log.unknown.add(int(seq))
                continue
            log.answers.append((int(seq), _answer(answer)))
        return log


def _answer(stored: str) -> Answer:
    """Return the answer; as bare text where only another release of the server knows it. Stored again as it is."""
    return RefusalCode(stored) if stored in _CODES else cast(AckLevel, stored)
