"""A snapshot as samples of metrics: pure, so that what is exposed is what was committed."""

import math
import platform
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Final

from wattwatch import __version__, metrics
from wattwatch.metrics import MetricSpec, Sample
from wattwatch.reading import Channel, Instant, Reading
from wattwatch.sampling.snapshot import Snapshot, SourceStatus, node_power_watts
from wattwatch.store.base import StoreHealth

SERIES_LIMIT: Final = 5000
"""More series than that are left out, and counted."""

_HISTOGRAM_SUFFIXES: Final = ("_bucket", "_sum", "_count")
_CPU_ZONE: Final = "cpu-"
_SOURCE: Final = "source"
_RELAY: Final = "relay"
_MEMORY: Final = {
    "used_bytes": metrics.MEMORY_USED,
    "available_bytes": metrics.MEMORY_AVAILABLE,
    "size_bytes": metrics.MEMORY_SIZE,
}
_THROTTLED_WHEN: Final = {"throttled_now_flag": "now", "throttled_since_boot_flag": "since_boot"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What the measured machine is, for people."""

    machine: str = ""  # x86_64, aarch64
    model: str = ""  # Raspberry Pi 4 Model B Rev 1.4
    kernel: str = ""


def this_machine(root: Path = Path("/")) -> Machine:
    """What this machine says of itself; empty where it does not say."""
    for name in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
        try:
            model = (root / name).read_text("utf-8", "replace").strip(" \n\0")
        except OSError:
            continue
        return Machine(platform.machine(), model, platform.release())
    return Machine(platform.machine(), "", platform.release())


def node_samples(snapshot: Snapshot, store: StoreHealth, machine: Machine) -> Iterator[Sample]:
    """Every sample of a node but those of runs, and of what it reads for others that have no daemon.

    Readings only of sources that are up; what is relayed has its series at the measured node's own daemon.
    """
    yield Sample(metrics.BUILD_INFO, (__version__, platform.python_version()), 1.0)
    yield Sample(metrics.NODE_INFO, (machine.machine, machine.model, machine.kernel), 1.0)
    yield from _measured_samples(snapshot)
    for other in snapshot.others:
        yield from (sample._replace(node=other.node) for sample in _measured_samples(other))
    yield from _store_samples(store, snapshot)
    yield Sample(metrics.CLOCK_SYNCHRONISED, (), float(snapshot.wall.synchronised))
    yield from _clock_offsets(snapshot)


def _clock_offsets(snapshot: Snapshot) -> Iterator[Sample]:
    """One a peer, however many of its sources are relayed."""
    described = (status.description for part in snapshot.everywhere() for status in part.sources)
    offsets = {each.peer: each.clock_offset_seconds for each in described if each.peer}
    for peer, seconds in offsets.items():
        if seconds is not None:
            yield Sample(metrics.CLOCK_OFFSET, (peer,), seconds)


def _measured_samples(snapshot: Snapshot) -> Iterator[Sample]:
    """What sources told of the snapshot's node."""
    yield from _node_power(snapshot)
    for status in snapshot.sources:
        yield from _source_samples(status, snapshot)
    yield from _reading_samples(snapshot)
    for (name, labels), value in snapshot.gauges.items():
        yield Sample(metrics.BY_NAME[name], labels, value)
    yield from counter_samples(snapshot.counters)


def cap_series(samples: Iterable[Sample], limit: int) -> tuple[list[Sample], int]:
    """The first samples up to a limit, and how many were left out."""
    iterator = iter(samples)
    kept = list(islice(iterator, limit))
    return kept, sum(1 for _ in iterator)


def _node_power(snapshot: Snapshot) -> Iterator[Sample]:
    """Of the primary; of the fallback, while the primary has none."""
    for supply in (snapshot.primary, snapshot.fallback):
        watts = node_power_watts(snapshot, supply)
        if supply is not None and watts is not None:
            yield Sample(metrics.NODE_POWER, supply.labels, watts)
            return


def _source_samples(status: SourceStatus, snapshot: Snapshot) -> Iterator[Sample]:
    labels = (status.description.name,)
    yield Sample(metrics.SOURCE_UP, labels, float(status.health.up))
    last = status.health.last_success
    if last is not None and last.boot_id == snapshot.at.boot_id:
        yield Sample(metrics.SOURCE_LAST_SUCCESS, labels, _utc_seconds(last, snapshot))


def _utc_seconds(at: Instant, snapshot: Snapshot) -> float:
    return round(at.boot_seconds + snapshot.wall.unix_minus_boot_seconds, 6)


def _reading_samples(snapshot: Snapshot) -> Iterator[Sample]:
    """Of sources that are up. What is said without naming the source is said once.

    Prometheus throws a page away on which a series stands twice. And what a relay brings of another machine's
    memory or firmware is not this node's.
    """
    types = {s.description.name: s.description.type for s in snapshot.sources if s.health.up}
    nameless: set[tuple[str, tuple[str, ...]]] = set()
    for reading in snapshot.readings.values():
        kind = types.get(reading.channel.source)
        sample = gauge_sample(reading) if kind is not None else None
        if sample is None:
            continue
        key = sample.spec.name, sample.labels
        if _SOURCE not in sample.spec.labels:
            if kind == _RELAY or key in nameless:
                continue
            nameless.add(key)
        if key not in snapshot.gauges:
            yield sample


def gauge_sample(reading: Reading) -> Sample | None:
    """The gauge that shows a reading; None for a quantity that has none."""
    channel = reading.channel
    if spec := metrics.QUANTITY_METRICS.get(channel.quantity):
        return Sample(spec, _channel_labels(spec, channel), reading.value)
    if channel.zone == "memory" and (spec := _MEMORY.get(channel.quantity)):
        return Sample(spec, (), reading.value)
    if channel.quantity == "frequency_hertz" and channel.zone.startswith(_CPU_ZONE):
        return Sample(metrics.CPU_FREQUENCY, (channel.zone.removeprefix(_CPU_ZONE),), reading.value)
    if when := _THROTTLED_WHEN.get(channel.quantity):
        return Sample(metrics.THROTTLED, (channel.zone, when), reading.value)
    return None


def _channel_labels(spec: MetricSpec, channel: Channel) -> tuple[str, ...]:
    if spec is metrics.POWER:
        return channel.energy_labels
    return channel.source, channel.zone


def counter_samples(counters: Mapping[metrics.SeriesKey, float]) -> Iterator[Sample]:
    """Samples of committed counters; the buckets of histograms are made cumulative."""
    histograms: dict[tuple[str, tuple[str, ...]], _Histogram] = {}
    for (name, labels), value in counters.items():
        spec, suffix = _meaning(name)
        if spec is None:
            continue
        if not suffix:
            yield Sample(spec, labels, value)
            continue
        own, bounds = labels[: len(spec.labels)], labels[len(spec.labels) :]
        histogram = histograms.get((spec.name, own))
        if histogram is None:
            histogram = histograms[spec.name, own] = _Histogram(spec, own)
        histogram.put(suffix, bounds, value)
    for histogram in histograms.values():
        yield from histogram.samples()


@lru_cache(maxsize=1024)  # the same names come with every scrape
def _meaning(name: str) -> tuple[MetricSpec | None, str]:
    """The metric of a counter and, of a histogram's, what part of it this is; None if it is not exposed."""
    if spec := metrics.BY_NAME.get(name):
        return spec, ""
    base, underscore, last = name.rpartition("_")
    suffix = underscore + last
    return (metrics.BY_NAME.get(base), suffix) if suffix in _HISTOGRAM_SUFFIXES else (None, "")


class _Histogram:
    """The parts of one histogram as they are found among the counters."""

    def __init__(self, spec: MetricSpec, labels: tuple[str, ...]) -> None:
        self._spec, self._labels = spec, labels
        self._sum = 0.0
        self._by_bound: dict[float, float] = {}

    def put(self, suffix: str, bounds: tuple[str, ...], value: float) -> None:
        if suffix == "_bucket":
            self._by_bound[float(bounds[0])] = value
        elif suffix == "_sum":
            self._sum = value
        # _count is the last cumulative bucket: taken from there, the two cannot disagree

    def samples(self) -> Iterator[Sample]:
        spec, labels, cumulative = self._spec, self._labels, 0.0
        for bound, text in _bounds(spec.buckets):
            cumulative += self._by_bound.get(bound, 0.0)
            yield Sample(spec, (*labels, text), cumulative, "_bucket")
        yield Sample(spec, labels, cumulative, "_count")
        yield Sample(spec, labels, self._sum, "_sum")


@lru_cache
def _bounds(buckets: tuple[float, ...]) -> tuple[tuple[float, str], ...]:
    return (*((bound, str(float(bound))) for bound in buckets), (math.inf, "+Inf"))


def _store_samples(store: StoreHealth, snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample(metrics.STORE_BYTES, (), float(store.bytes))
    yield Sample(metrics.STORE_DEGRADED, (), float(bool(store.degraded)))
    last = store.last_commit
    if last is not None and last.boot_id == snapshot.at.boot_id:
        yield Sample(metrics.STORE_LAST_COMMIT, (), _utc_seconds(last, snapshot))
