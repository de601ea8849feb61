"""Each mistake of a game is in the log, and none of them on every tick."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from gameserver.session.game_log import PERIOD_S, GameLog
from gameserver.simulation.result import FailedCall, TickResult
from tests.session.standins import StillClock


def here(kind: type[Exception]) -> None:
    raise kind("here")


def there(kind: type[Exception]) -> None:
    raise kind("there")


def failed(kind: type[Exception], elsewhere: bool = False) -> TickResult:
    """A tick on which the handler "Craft" raised, at one of two places."""
    result = TickResult(1)
    try:
        there(kind) if elsewhere else here(kind)
    except kind as error:
        result.errors.append(FailedCall("Craft", False, None, error))
    return result


@pytest.mark.parametrize("other", [failed(KeyError), failed(ValueError, elsewhere=True)], ids=["error", "line"])
def test_a_second_mistake_in_one_handler_is_told_beside_the_first(other: TickResult) -> None:
    clock = StillClock()
    log = GameLog(clock)
    with capture_logs() as lines:
        for _ in range(100):
            log.note("meadow", failed(ValueError))
            log.note("meadow", other)
    assert len(lines) == 2
    clock.now_s += PERIOD_S
    with capture_logs() as lines:
        log.note("meadow", failed(ValueError))
    assert [line["held_back"] for line in lines] == [99]
