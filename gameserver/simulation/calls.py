"""Calls of the game's hooks. Law: a call is whole or nothing. What a hook changed before it raised is undone, and the
tick goes on; a bug costs what this one call would have done. (A handler's call is in ``inputs``: it may also refuse.)

Here and in ``inputs`` everything that is raised is caught, ``SystemExit`` and ``CancelledError`` too: one player's call
of ``exit()`` is not to end the node. A call of the game awaits nothing and no signal interrupts it, so whatever it
raises is the game's own."""

from __future__ import annotations

from collections.abc import Callable

from gameserver.simulation.result import FailedCall, TickResult
from gameserver.world.entity import Player
from gameserver.world.journal import undo_since
from gameserver.world.zone import Zone


def whole(hook: str, call: Callable[[], None], zone: Zone, player: Player | None, result: TickResult) -> bool:
    """Call the hook. Returns False when it raised: then nothing of it is left but the error in the result."""
    before = len(zone._internals.journal)
    try:
        call()
    except BaseException as error:
        undo_since(zone._internals.journal, before)
        result.errors.append(FailedCall(hook, True, player, error))
        return False
    return True
