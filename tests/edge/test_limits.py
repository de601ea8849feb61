"""The bucket gives what it promises and no more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.edge.limits import EdgeLimits, TokenBucket


def test_a_burst_is_allowed_and_then_only_the_rate() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=3, now_s=100.0)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_ms(100.0) == 100
    assert not bucket.take(100.09)
    assert bucket.take(100.11)


def test_quiet_time_saves_up_no_more_than_a_burst() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=3, now_s=0.0)
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_no_pattern_of_messages_gets_more_than_burst_plus_rate(waits_s: list[float]) -> None:
    bucket, now_s, taken = TokenBucket(rate_per_s=20, burst=5, now_s=0.0), 0.0, 0
    for wait_s in waits_s:
        now_s += wait_s
        taken += bucket.take(now_s)
    assert taken <= 5 + 20 * now_s + 1e-6


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="message_bytes_max"):
        EdgeLimits(message_bytes_max=100)
    with pytest.raises(ValueError, match="high_water_bytes"):
        EdgeLimits(high_water_bytes=1, low_water_bytes=2)
