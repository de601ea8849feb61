"""Commands on keys that have to be of one type, whatever somebody has put there.

Law: a key of ours that holds another type holds nothing of ours, so it is deleted, and the command is sent again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from gameserver.store.connection import Store, StoreUnavailable
from gameserver.store.pipeline import is_of_another_type

T = TypeVar("T")
log = structlog.get_logger(__name__)


async def command_on(store: Store, operation: str, command: str, key: str, *words: str | int) -> Any:
    """Return the reply to the command on ``key``. Raises StoreUnavailable."""
    return await clearing(store, key, lambda: store.command(operation, command, key, *words))


async def clearing(store: Store, key: str, work: Callable[[], Awaitable[T]]) -> T:
    """Return the result of ``work``, which is done again after a key of another type is deleted. Raises
    StoreUnavailable."""
    try:
        return await work()
    except StoreUnavailable as error:
        if not is_of_another_type(error.__cause__):
            raise
    log.error("key_of_another_type", key=key)
    await store.command("clear", "DEL", key)
    return await work()
