"""A Lua script in a file: sent by its digest, and in full when the server does not know it (any more)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.exceptions import NoScriptError

from gameserver.store.connection import Store
from gameserver.store.server import Send


class Script:
    """``await script.run(store, keys, args)`` is one atomic step on the server, in one round trip.

    The server forgets scripts when it restarts or fails over; EVAL teaches it again in the same round trip that runs
    the script, so there is nothing to load beforehand and no second NOSCRIPT to meet.
    """

    def __init__(self, path: Path):
        self.name = path.stem
        self._text = path.read_text(encoding="utf-8")
        self._digest = hashlib.sha1(self._text.encode(), usedforsecurity=False).hexdigest()

    async def run(self, store: Store, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        """Run the script and return its result. Raises StoreUnavailable."""
        words = (len(keys), *keys, *args)

        async def evaluate(send: Send) -> Any:
            try:
                return await send("EVALSHA", self._digest, *words)
            except NoScriptError:
                return await send("EVAL", self._text, *words)

        return await store.run(self.name, evaluate)
