"""A bucket gives what it promises and no more, alone and one of many."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gameserver.rate_limit import TokenBucket, TokenBuckets


def test_a_burst_is_allowed_and_then_only_the_rate() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=3)
    assert [bucket.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_ms(100.0) == 100
    assert not bucket.take(100.09)
    assert bucket.take(100.11)


def test_quiet_time_saves_up_no_more_than_a_burst() -> None:
    bucket = TokenBucket(rate_per_s=10, burst=3)
    assert [bucket.take(1000.0) for _ in range(4)] == [True, True, True, False]


@given(st.lists(st.floats(0, 0.5), max_size=200))
def test_no_pattern_of_calls_gets_more_than_burst_plus_rate(waits_s: list[float]) -> None:
    bucket, now_s, taken = TokenBucket(rate_per_s=20, burst=5), 0.0, 0
    for wait_s in waits_s:
        now_s += wait_s
        taken += bucket.take(now_s)
    assert taken <= 5 + 20 * now_s + 1e-6


@given(
    st.lists(st.tuples(st.floats(0, 2), st.booleans()), max_size=60),
    st.sampled_from([0.0, 1.7e9]),  # the monotonic clock and the wall clock
)
def test_a_caller_that_waits_as_long_as_told_has_a_token(steps: list[tuple[float, bool]], start_s: float) -> None:
    bucket, now_s = TokenBucket(rate_per_s=5, burst=3), start_s
    for pause_s, waits in steps:
        now_s += pause_s
        if waits:
            now_s += bucket.wait_ms(now_s) / 1000
            assert bucket.wait_ms(now_s) == 0
            assert bucket.take(now_s)
        else:
            assert (bucket.wait_ms(now_s) == 0) is bucket.take(now_s)


def test_a_token_that_is_given_back_can_be_taken_again_and_a_full_bucket_stays_full() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=2)
    for _ in range(50):
        assert bucket.take(0.0)
        bucket.give_back(0.0)
    for _ in range(5):
        bucket.give_back(0.0)
    assert [bucket.take(0.0) for _ in range(3)] == [True, True, False]


def test_a_clock_that_was_set_back_makes_nobody_wait() -> None:
    bucket = TokenBucket(rate_per_s=1, burst=2)
    assert [bucket.take(90_000.0) for _ in range(3)] == [True, True, False]
    assert bucket.wait_ms(50.0) == 0
    assert [bucket.take(50.0) for _ in range(3)] == [True, True, False]
    assert bucket.wait_ms(50.0) == 1000


def test_each_key_has_a_bucket_of_its_own() -> None:
    buckets = TokenBuckets(rate_per_s=1, burst=1)
    assert [buckets.take(key, 0.0) for key in "aab"] == [True, False, True]
    assert (buckets.wait_ms("a", 0.0), buckets.wait_ms("c", 0.0)) == (1000, 0)
    buckets.give_back("a", 0.0)
    assert buckets.take("a", 0.0)


def test_memory_is_bounded_and_the_busiest_stay() -> None:
    buckets = TokenBuckets(rate_per_s=1 / 6, burst=10, keys_max=100)
    for number in range(10_000):
        buckets.take(str(number), 0.0)
        buckets.take("busy", 0.0)
    assert len(buckets) == 100
    assert buckets.wait_ms("busy", 0.0) > 0


def test_asking_remembers_nothing() -> None:
    buckets = TokenBuckets(rate_per_s=1, burst=1)
    assert [buckets.wait_ms(str(number), 0.0) for number in range(1000)] == [0] * 1000
    assert len(buckets) == 0


@pytest.mark.parametrize("per_minute", [1, 5, 7, 600])
def test_a_minute_refills_what_a_minute_allows(per_minute: int) -> None:
    bucket = TokenBucket(per_minute / 60, per_minute)
    for minute_s in (0.0, 60.0, 120.0):
        assert sum(bucket.take(minute_s) for _ in range(2 * per_minute)) == per_minute


@given(st.lists(st.tuples(st.floats(0, 30), st.booleans()), max_size=60))
def test_no_window_of_a_minute_sees_more_than_a_full_bucket_and_its_refill(steps: list[tuple[float, bool]]) -> None:
    buckets, now_s, taken_s = TokenBuckets(5 / 60, 5), 0.0, []
    for pause_s, wants in steps:
        now_s += pause_s
        if wants and buckets.take("key", now_s):
            taken_s.append(now_s)
    for start_s in taken_s:
        assert sum(start_s <= at_s < start_s + 60 for at_s in taken_s) <= 5 + 5
