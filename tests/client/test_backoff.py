from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gameserver.client.backoff import Backoff


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.integers(0, 60_000))
def test_a_delay_is_never_sooner_than_asked_nor_much_later_than_the_longest(
    attempt: int, drawn: float, retry_after_ms: int
) -> None:
    backoff = Backoff()
    delay_s = backoff.delay_s(attempt, drawn, retry_after_ms)
    assert retry_after_ms / 1000 < delay_s <= retry_after_ms / 1000 + backoff.longest_s


def test_delays_grow_until_the_longest() -> None:
    delays = [Backoff(1.0, 2.0, 6.0).delay_s(attempt, 0.5) for attempt in range(5)]
    assert delays == [0.75, 1.5, 3.0, 4.5, 4.5]
