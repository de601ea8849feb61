"""Calls of the game's hooks. Law: a call is whole or nothing. All changes of a hook that raised are undone, and the
tick goes on; a bug costs this one call. (A handler's call is in ``inputs``: it may also refuse.)

Here and in ``inputs`` everything that is raised is caught, ``SystemExit`` and ``CancelledError`` too: one player's call
of ``exit()`` is not to end the node. A call of the game awaits nothing and no signal interrupts it, so whatever it
raises is the game's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Final

from gameserver.protocol.mistake import GameError, place_of_function
from gameserver.simulation.result import FailedCall, TickResult
from gameserver.world.entity import Player
from gameserver.world.journal import undo_since
from gameserver.world.zone import Zone

_LATER: Final = (Awaitable, Generator, AsyncGenerator, AbstractContextManager, AbstractAsyncContextManager)


def check_done(call: object, name: str, returned: object) -> None:
    """Raise GameError if the call only returned something that would do its work later, as an async function does."""
    if not isinstance(returned, _LATER):
        return
    if isinstance(returned, Coroutine):
        returned.close()  # else Python warns that nobody awaits it
    where, problem = place_of_function(call, name), f"returned a {type(returned).__name__}, so it has done nothing"
    raise GameError(where, problem, "write it without async, await and yield")


def whole(hook: str, call: Callable[[], object], zone: Zone, player: Player | None, result: TickResult) -> bool:
    """Call the hook. Returns False when it raised: then nothing of it is left but the error in the result."""
    before = len(zone._internals.journal)
    try:
        if (returned := call()) is not None:
            check_done(call, hook, returned)
    except BaseException as error:
        undo_since(zone._internals.journal, before)
        result.errors.append(FailedCall(hook, True, player, error))
        return False
    return True
