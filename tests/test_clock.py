"""The clock: intervals and stamps."""

from __future__ import annotations

import time

from gameserver.clock import SystemClock


def test_intervals_and_stamps_have_the_units_their_names_say() -> None:
    clock = SystemClock()
    started_s = clock.monotonic_s()
    assert 0 <= clock.monotonic_s() - started_s < 5
    assert abs(clock.wall_ms() - time.time() * 1000) < 5_000
