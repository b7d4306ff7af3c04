"""The exposed counters: one place, absolute values, with the changes since the last commit."""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass

from wattwatch.metrics import MetricSpec, SeriesKey


@dataclass(frozen=True, slots=True)
class _Histogram:
    """The series of one histogram."""

    buckets: tuple[SeriesKey, ...]  # by place; not cumulative
    sum: SeriesKey
    count: SeriesKey


class Counters:
    """Counters by series; they only grow, and go on from what a store restored."""

    def __init__(self, restored: Mapping[SeriesKey, float]) -> None:
        self._values: dict[SeriesKey, float] = dict(restored)
        self._changed: set[SeriesKey] = set()
        self._histograms: dict[SeriesKey, _Histogram] = {}

    def add(self, spec: MetricSpec, labels: tuple[str, ...], amount: float) -> None:
        """Raise a counter; one that is new appears, with an amount of 0 too. ValueError if it would fall."""
        if amount < 0:
            raise ValueError(f"{spec.name} cannot fall by {amount}")
        self._raise((spec.name, labels), amount)

    def observe(self, spec: MetricSpec, labels: tuple[str, ...], value: float) -> None:
        """Count a value in its histogram bucket (kept per bucket, made cumulative when rendered)."""
        histogram = self._histograms.get((spec.name, labels))
        if histogram is None:
            histogram = self._histograms[spec.name, labels] = self._show(spec, labels)
        self._raise(histogram.buckets[bisect_left(spec.buckets, value)], 1.0)
        self._raise(histogram.sum, value)
        self._raise(histogram.count, 1.0)

    def value(self, spec: MetricSpec, labels: tuple[str, ...]) -> float | None:
        """The present value; None if the counter has not appeared."""
        return self._values.get((spec.name, labels))

    def snapshot(self) -> dict[SeriesKey, float]:
        """All counters as they are now."""
        return dict(self._values)

    def take_changes(self) -> dict[SeriesKey, float]:
        """New absolute values of what has changed since the last call."""
        changes = {key: self._values[key] for key in self._changed}
        self._changed.clear()
        return changes

    def _raise(self, key: SeriesKey, amount: float) -> None:
        before = self._values.get(key)
        if amount or before is None:
            self._values[key] = (before or 0.0) + amount
            self._changed.add(key)

    def _show(self, spec: MetricSpec, labels: tuple[str, ...]) -> _Histogram:
        """The series of a histogram, which all appear."""
        bounds = (*(f"{bound:g}" for bound in spec.buckets), "+Inf")
        buckets = tuple((f"{spec.name}_bucket", (*labels, bound)) for bound in bounds)
        histogram = _Histogram(buckets, (f"{spec.name}_sum", labels), (f"{spec.name}_count", labels))
        for key in (*buckets, histogram.sum, histogram.count):
            self._raise(key, 0.0)
        return histogram
