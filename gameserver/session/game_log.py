"""The log lines about calls of the game that went wrong. Each place that raises is logged once in ten seconds. The
metrics count all."""

from __future__ import annotations

from typing import Final

import structlog

from gameserver.clock import Clock
from gameserver.observability import metrics
from gameserver.observability.sparing import Sparing
from gameserver.simulation.result import FailedCall, TickResult

PERIOD_S: Final = 10.0  # between two lines about the same handler or hook of a zone

log = structlog.get_logger(__name__)


class GameLog:
    """Reports the errors of a tick's calls of the game."""

    def __init__(self, clock: Clock):
        self._errors = Sparing(PERIOD_S, clock.monotonic_s)

    def note(self, zone: str, result: TickResult) -> None:
        for error in result.errors:
            self.note_one(zone, error)

    def note_one(self, zone: str, error: FailedCall) -> None:
        if error.is_hook:
            metrics.HOOK_ERRORS.labels(error.call).inc()
        else:
            metrics.HANDLER_ERRORS.inc()
        held_back = self._errors.held_back(f"{zone} {error.call} {_place_of(error.error)}")
        if held_back is None:
            return
        log.error(
            "hook_raised" if error.is_hook else "handler_raised",
            zone=zone,
            call=error.call,
            player_id=error.player.player_id if error.player is not None else None,
            held_back=held_back,
            exc_info=error.error,
        )


def _place_of(error: BaseException) -> str:
    """Return the error's type and the line that raised: two mistakes in one handler are two lines in the log."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{type(error).__name__} {trace.tb_lineno if trace is not None else 0}"
