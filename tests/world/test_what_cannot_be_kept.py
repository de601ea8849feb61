"""What could not be read back is not taken in."""

from __future__ import annotations

import math

import pytest

from gameserver.protocol.errors import RefusalCode
from gameserver.world.action_log import ActionLog
from gameserver.world.state import PlayerState


class Purse(PlayerState):
    weight: float = 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_lacks_is_refused_where_it_is_assigned(value: float) -> None:
    purse = Purse()
    with pytest.raises(ValueError, match="weight"):
        purse.weight = value
    assert Purse.decode(purse.encode()) == purse


def test_a_refusal_that_only_another_release_knows_is_still_a_refusal() -> None:
    log = ActionLog.decode("lineage 2 1:stored 2:a_code_of_tomorrow")
    assert log.answer_to(1) == "stored"
    assert log.answer_to(2) is RefusalCode.INTERNAL
