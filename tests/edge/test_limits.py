"""Limits of the edge that contradict each other are refused."""

from __future__ import annotations

import pytest

from gameserver.edge.limits import EdgeLimits


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="message_bytes_max"):
        EdgeLimits(message_bytes_max=100)
    with pytest.raises(ValueError, match="high_water_bytes"):
        EdgeLimits(high_water_bytes=1, low_water_bytes=2)
