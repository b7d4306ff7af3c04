"""The exposed counters: one place, absolute values, with the changes since the last commit."""

from bisect import bisect_left
from collections.abc import Mapping

from wattwatch.metrics import MetricSpec, SeriesKey


class Counters:
    """Counters by series; they only grow, and go on from what a store restored."""

    def __init__(self, restored: Mapping[SeriesKey, float]) -> None:
        self._values: dict[SeriesKey, float] = dict(restored)
        self._changed: set[SeriesKey] = set()

    def add(self, spec: MetricSpec, labels: tuple[str, ...], amount: float) -> None:
        """Raise a counter; one that is new appears, with an amount of 0 too. ValueError if it would fall."""
        if amount < 0:
            raise ValueError(f"{spec.name} cannot fall by {amount}")
        self._raise((spec.name, labels), amount)

    def observe(self, spec: MetricSpec, labels: tuple[str, ...], value: float) -> None:
        """Count a value in its histogram bucket (kept per bucket, made cumulative when rendered)."""
        bounds = (*(f"{bound:g}" for bound in spec.buckets), "+Inf")
        place = bisect_left(spec.buckets, value)
        for index, bound in enumerate(bounds):
            self._raise((f"{spec.name}_bucket", (*labels, bound)), float(index == place))
        self._raise((f"{spec.name}_sum", labels), value)
        self._raise((f"{spec.name}_count", labels), 1)

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
        if amount or key not in self._values:
            self._values[key] = self._values.get(key, 0.0) + amount
            self._changed.add(key)
