"""Ours says what the library's would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from gameserver.observability.histogram import OneThreadHistogram

BOUNDS = (0.001, 0.5, 1.0, 10.0)
steps = st.sampled_from(["one", "two"])
amounts = st.sampled_from([0.0, 0.0009765625, *BOUNDS, 0.75, 99.0])


def exposed(registry: CollectorRegistry) -> list[str]:
    return [line for line in generate_latest(registry).decode().splitlines() if "_created" not in line]


@given(st.lists(st.tuples(steps, amounts)))
def test_it_is_exposed_as_the_librarys_own(observed: list[tuple[str, float]]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    histogram = OneThreadHistogram("a_step_seconds", "Time", "step", buckets=BOUNDS, registry=ours)
    library = Histogram("a_step_seconds", "Time", ["step"], buckets=BOUNDS, registry=theirs)
    for step, seconds in observed:
        histogram.observe(step, seconds)
        library.labels(step).observe(seconds)
    assert exposed(ours) == exposed(theirs)
