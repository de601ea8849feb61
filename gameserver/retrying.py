"""The retry loop for calls that must succeed in the end, and the pauses between tries.

Law: a call is repeated only after an error that its caller names, and until it succeeds or the task is cancelled. So it
is for calls that may be repeated: they change nothing when they fail, or change the same thing again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Pauses:
    """Seconds between tries: ``first_s`` after one failure, then twice as long each time, up to ``longest_s``."""

    first_s: float
    longest_s: float

    def after(self, failures: int) -> float:
        """Return the pause after so many failures in a row; 0 after none."""
        return min(self.first_s * 2 ** min(failures - 1, 32), self.longest_s) if failures > 0 else 0.0


STEADY: Final = Pauses(0.5, 0.5)  # a player waits for the outcome, so the pause does not grow
GROWING: Final = Pauses(0.25, 5.0)  # nobody waits: a store that is away for long is asked less often


async def retry(
    attempt: Callable[[], Awaitable[Result]], *, after: type[Exception] | tuple[type[Exception], ...], pauses: Pauses
) -> Result:
    """Return what ``attempt`` returns, tried again after each error of the types ``after``. Raises any other error."""
    failures = 0
    while True:
        try:
            return await attempt()
        except after:
            failures += 1
        await asyncio.sleep(pauses.after(failures))
