"""A histogram for what happens on every tick: one thread fills it, so it needs no lock, which is most of what the
library's own takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector


class OneThreadHistogram(Collector):
    """A histogram with one label, whose values are a closed set. ``buckets``: the upper bounds in ascending order; the
    last one, infinity, is added.
    """

    def __init__(self, name: str, text: str, label: str, *, buckets: Sequence[float], registry: CollectorRegistry):
        self._name = name
        self._text = text
        self._label = label
        self._bounds = list(buckets)
        self._bound_names = [*map(str, buckets), "+Inf"]
        self._counts: dict[str, list[int]] = {}  # by the label's value: how many in each bucket, and in no lower one
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, value: str, amount: float) -> None:
        """Count one observation of ``amount`` under the label's ``value``."""
        counts = self._counts.get(value)
        if counts is None:
            counts = self._counts[value] = [0] * len(self._bound_names)
            self._sums[value] = 0.0
        counts[bisect_left(self._bounds, amount)] += 1
        self._sums[value] += amount

    def describe(self) -> Iterable[Metric]:
        return [self._family()]

    def collect(self) -> Iterable[Metric]:
        family = self._family()
        for value, counts in self._counts.items():
            buckets = [*zip(self._bound_names, map(float, accumulate(counts)), strict=True)]
            family.add_metric([value], buckets, self._sums[value])
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._text, labels=[self._label])
