"""Whether Redis answers, as the metric has it, and the log line when it goes away and when it is back."""

from __future__ import annotations

import time
from functools import cache

import structlog
from redis.exceptions import NoPermissionError, NoScriptError

from gameserver.observability.metrics import STORE_UP

STEADY_S = 1.0  # without a failure until Redis is back: some calls may still work while others fail

_REFUSED = (NoScriptError, NoPermissionError)  # Redis is well: it refuses this call, for its own reasons
_up = cache(STORE_UP.labels)
log = structlog.get_logger(__name__)


class Standing:
    """The standing of one store: reachable or away."""

    def __init__(self) -> None:
        self._away_since_s: float | None = None
        self._failed_s = 0.0  # the last time

    def failed(self, error: BaseException) -> None:
        if isinstance(error.__cause__ or error, _REFUSED):
            self.answered()
            return
        _up("redis").set(0)
        self._failed_s = time.monotonic()
        if self._away_since_s is None:
            self._away_since_s = self._failed_s
            log.warning("redis_away", error=str(error) or "the deadline passed")

    def answered(self) -> None:
        _up("redis").set(1)
        if self._away_since_s is not None and time.monotonic() - self._failed_s >= STEADY_S:
            log.warning("redis_back", away_s=round(self._failed_s - self._away_since_s, 1))
            self._away_since_s = None
