"""The loop that keeps asking the servers which know where Redis is: sentinels, or the nodes of a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog
from redis.exceptions import RedisError

PERIOD_S = 0.5
SHARE_OF_DEADLINE = 0.25  # of a call's time, for asking: one server that is away must not use it up

log = structlog.get_logger(__name__)


async def follow(ask: Callable[[], Awaitable[object]], kind: str) -> None:
    """Ask every PERIOD_S, until cancelled. While nobody answers, the last answer counts."""
    while True:
        await asyncio.sleep(PERIOD_S)
        try:
            await ask()
        except RedisError as error:
            log.warning("redis_place_unknown", kind=kind, error=str(error), note="the last answer counts")
        except Exception:
            log.exception("redis_place_unreadable", kind=kind, note="a bug of the server; the last answer counts")


def reasons(answers: Sequence[object]) -> str:
    """Return the errors among the answers as one text, each once."""
    return "; ".join(dict.fromkeys(str(answer) for answer in answers))
