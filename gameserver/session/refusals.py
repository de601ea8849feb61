"""The sessions that SQL refuses to save, although it is well: since when, how often, and when the next try is due.

Bound: one entry a session whose save failed alone; an entry goes when the session is saved or leaves this node.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import structlog

from gameserver.observability import metrics
from gameserver.profiles.records import Save
from gameserver.protocol.ids import Epoch, PlayerId
from gameserver.retrying import Pauses

TRIES = 2  # alone, until a save counts as refused
PAUSES = Pauses(5.0, 60.0)  # until the session is tried again

Key = tuple[PlayerId, Epoch]

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Refusal:
    tries: int = 0
    due_s: float = 0.0


class Refusals:
    """A session is ``in`` it once its save was refused TRIES times."""

    def __init__(self) -> None:
        self._of: dict[Key, _Refusal] = {}

    def __contains__(self, key: Key) -> bool:
        return key in self._of and self._of[key].tries >= TRIES

    def is_due(self, key: Key) -> bool:
        return asyncio.get_running_loop().time() >= self._of[key].due_s

    def add(self, key: Key, save: Save, error: Exception) -> bool:
        """Note that the save failed alone. Return whether it counts as refused."""
        refusal = self._of.setdefault(key, _Refusal())
        refusal.tries += 1
        if refusal.tries < TRIES:
            return False
        pause_s = PAUSES.after(refusal.tries - TRIES + 1)
        refusal.due_s = asyncio.get_running_loop().time() + pause_s
        metrics.REFUSED_SAVES.inc()
        if refusal.tries == TRIES:
            metrics.UNSAVED_SESSIONS.inc()
            log.error("save_refused", player_id=key[0], bytes=_size(save), error=f"{type(error).__name__}: {error}")
        return True

    def forget(self, key: Key) -> None:
        """The session is saved, or is this node's no more."""
        was_refused = key in self
        if self._of.pop(key, None) is not None and was_refused:
            metrics.UNSAVED_SESSIONS.dec()
            log.info("save_no_longer_refused", player_id=key[0])


def _size(save: Save) -> int:
    """Return the bytes of the parts without a limit of their own in the table: the state and the names of items."""
    return len(save.state) + sum(len(kind.encode(errors="replace")) for kind in save.inventory)
