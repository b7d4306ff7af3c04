"""The bookkeeping of one node: batches and failures in, counters, gaps and health out.

Not thread-safe: only the committing thread uses it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from wattwatch import metrics
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.metrics import MetricSpec, SeriesKey
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Kind, Reading
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.integrate import (
    Accumulator,
    CounterIntegrator,
    CounterPoint,
    Event,
    PowerIntegrator,
    PowerPoint,
    PowerState,
)
from wattwatch.sampling.snapshot import Primary, SourceHealth, SourceStatus
from wattwatch.sources.base import SourceDescription

_INTERVALS_PER_GAP: Final = 3  # a step longer than this many intervals is a gap, if also over gap_seconds
_DISAGREEMENT_FROM_JOULES: Final = 500.0  # below, the whole milliwatt hours of the meter dominate

TOTALS: Final[dict[str, tuple[MetricSpec, str]]] = {
    "cpu_seconds": (metrics.CPU_SECONDS, "cpu-"),
    "network_bytes": (metrics.NETWORK_BYTES, "network-"),
    "network_errors": (metrics.NETWORK_ERRORS, "network-"),
    "disk_bytes": (metrics.DISK_BYTES, "disk-"),
}
"""Counter channels that are no energy: the metric of a quantity, and the zone prefix before its label."""


IDLE_MODES: Final = frozenset({"idle", "iowait"})
"""CPU modes in which a CPU does nothing."""


@dataclass(frozen=True, slots=True)
class ReadOutcome:
    """A read that succeeded: when it should have begun, how late it did, how long it took."""

    description: SourceDescription
    batch: Batch
    lateness_seconds: float
    read_seconds: float


@dataclass(frozen=True, slots=True)
class ReadFailure:
    """A read that failed."""

    description: SourceDescription
    at: Instant
    error: SourceError


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a batch added: whether it is to be kept, and the gap that it closed, if any."""

    keep: bool
    gaps: tuple[EnergyRecord, ...] = ()


def gap_limit_seconds(gap_seconds: float, interval_seconds: float) -> float:
    """The longest step that is still sampled: `gap_seconds`, or three intervals of a slow source."""
    return max(gap_seconds, _INTERVALS_PER_GAP * interval_seconds)


class Account:
    """Everything that is counted on a node, channel by channel."""

    def __init__(
        self,
        counters: Counters,
        descriptions: Iterable[SourceDescription],
        *,
        primary: Primary | None,
        gap_seconds: float,
    ) -> None:
        self.counters = counters
        self.primary = primary
        self._gap_seconds = gap_seconds
        self._status = {d.name: SourceStatus(d) for d in descriptions}
        self._power: dict[Channel, PowerState] = {}
        self._energy_counters: dict[Channel, CounterPoint] = {}
        self._totals: dict[Channel, float] = {}
        self._readings: dict[str, tuple[Reading, ...]] = {}
        self._agreement: dict[str, _Agreement] = {}
        self._observer: tuple[float, float, float] | None = None

    def restore(
        self, last_batches: Mapping[str, Batch], covered_until: Mapping[Channel, Instant] | None = None
    ) -> None:
        """Go on from the last batches of this boot; `covered_until` is the end of later refused gaps."""
        for batch in last_batches.values():
            accumulator = _accumulator(batch)
            for reading in batch.readings:
                self._restore_reading(reading, accumulator, (covered_until or {}).get(reading.channel))

    def reconfigure(
        self, descriptions: Iterable[SourceDescription], *, primary: Primary | None, gap_seconds: float
    ) -> None:
        """Go on with other sources, or another primary: what is counted stays."""
        known = {d.name: d for d in descriptions}
        self._status = {
            name: replace(self._status.get(name, SourceStatus(d)), description=d) for name, d in known.items()
        }
        self._power = {c: state for c, state in self._power.items() if c.source in known}
        self._energy_counters = {c: p for c, p in self._energy_counters.items() if c.source in known}
        self._readings = {name: r for name, r in self._readings.items() if name in known}
        if primary != self.primary:
            self._observer = None  # the joules of another primary are no start for its share
        self.primary = primary
        self._gap_seconds = gap_seconds

    def accept(self, outcome: ReadOutcome) -> Accepted:
        """Count a batch: energy, totals, events, health."""
        name, batch = outcome.description.name, outcome.batch
        self.counters.add(metrics.SOURCE_READS, (name,), 1)
        self.counters.observe(metrics.SOURCE_READ_SECONDS, (name,), outcome.read_seconds)
        self.counters.observe(metrics.TICK_LATENESS, (), outcome.lateness_seconds)
        was_stalled = self._status_of(outcome.description).health.state == "stalled"
        gaps = tuple(self._integrate_all(outcome))
        stalled = any(self._is_stalled(r.channel) for r in batch.readings)
        self._readings[name] = () if stalled else batch.readings
        self._set_health(outcome.description, _health_of(batch, stalled=stalled))
        if name == SELF_SOURCE:
            self._count_observer()
        return Accepted(keep=not (stalled and was_stalled), gaps=gaps)

    def fail(self, failure: ReadFailure) -> None:
        """Count a failed read: it costs the source its health, nothing else."""
        name, error = failure.description.name, failure.error
        reason = error.reason if isinstance(error, SourceUnavailable) else "unsupported"
        self.counters.add(metrics.SOURCE_READ_FAILURES, (name, reason), 1)
        health = self._status_of(failure.description).health
        self._readings.pop(name, None)
        self._set_health(
            failure.description,
            replace(
                health,
                up=False,
                state="unsupported" if isinstance(error, SourceUnsupported) else "down",
                consecutive_failures=health.consecutive_failures + 1,
                last_error=str(error),
            ),
        )

    def expire(self, now: Instant) -> tuple[EnergyRecord, ...]:
        """Refuse gaps that are too old to be filled; their time becomes missing."""
        refused = []
        for channel, state in self._power.items():
            step = PowerIntegrator(channel, self._gap_seconds).expire(state, now)
            self._power[channel] = step.state
            if step.record is not None:
                self._count(step.record)
                refused.append(step.record)
        return tuple(refused)

    def sources(self) -> tuple[SourceStatus, ...]:
        """Every source and how it is."""
        return tuple(self._status.values())

    def readings(self) -> dict[str, Reading]:
        """The last reading of every channel of the sources that are up."""
        return {r.channel.id: r for readings in self._readings.values() for r in readings}

    def meter_model(self, source: str) -> str:
        """The model that a meter says it is; "" for other sources, or before it was read."""
        models = (
            state.last.accumulator.identity.model
            for channel, state in list(self._power.items())
            if channel.source == source and state.last.accumulator is not None
        )
        return next(models, "")

    def stalled_since(self) -> Instant | None:
        """Since when the primary is stalled; None while it is not. May be asked from any thread."""
        for channel, state in list(self._power.items()):
            if self.primary is not None and channel.id == self.primary.channel_id and state.stalled:
                return state.covered_until
        return None

    def disagreement_ratios(self) -> dict[SeriesKey, float]:
        """Own integral over the meter's accumulator, minus 1, by source, once it means something."""
        return {
            (metrics.METER_DISAGREEMENT.name, (source,)): agreement.ratio
            for source, agreement in self._agreement.items()
            if agreement.accumulator_joules > _DISAGREEMENT_FROM_JOULES
        }

    def _restore_reading(
        self, reading: Reading, accumulator: Accumulator | None, covered_until: Instant | None
    ) -> None:
        channel = reading.channel
        if channel.kind is Kind.POWER:
            point = PowerPoint(reading.at, reading.value, accumulator)
            self._power[channel] = PowerState(point, covered_until or reading.at)
        elif channel.measures_energy:
            self._energy_counters[channel] = CounterPoint(reading.at, reading.value)
        elif channel.kind is Kind.COUNTER:
            self._totals[channel] = reading.value

    def _integrate_all(self, outcome: ReadOutcome) -> Iterable[EnergyRecord]:
        accumulator = _accumulator(outcome.batch)
        for reading in outcome.batch.readings:
            if reading.channel.kind is Kind.POWER:
                record = self._integrate_power(reading, outcome.description, accumulator)
            elif reading.channel.measures_energy:
                record = self._integrate_counter(reading, outcome.description)
            else:
                record = None
                if reading.channel.kind is Kind.COUNTER:
                    self._count_total(reading)
            if record is not None:
                self._count(record)
                if not record.sampled_seconds:
                    yield record

    def _integrate_power(
        self, reading: Reading, description: SourceDescription, accumulator: Accumulator | None
    ) -> EnergyRecord | None:
        channel = reading.channel
        limit_seconds = gap_limit_seconds(self._gap_seconds, description.interval_seconds)
        before = self._power.get(channel)
        point = PowerPoint(reading.at, reading.value, accumulator)
        step = PowerIntegrator(channel, limit_seconds).step(before, point)
        self._power[channel] = step.state
        self._show_channel(channel)
        for event in step.events:
            self.counters.add(metrics.SOURCE_EVENTS, (channel.source, event.value), 1)
        if before is not None:
            self._compare(before.last, point, step.record, step.events)
        return step.record

    def _integrate_counter(self, reading: Reading, description: SourceDescription) -> EnergyRecord | None:
        channel = reading.channel
        limits = dict(description.counter_limits).get(channel)
        integrator = CounterIntegrator(channel) if limits is None else CounterIntegrator(channel, limits)
        step = integrator.step(self._energy_counters.get(channel), CounterPoint(reading.at, reading.value))
        self._energy_counters[channel] = step.state
        self._show_channel(channel)
        return step.record

    def _count_total(self, reading: Reading) -> None:
        if reading.channel.source == SELF_SOURCE:
            self._totals[reading.channel] = reading.value
        if reading.channel.quantity not in TOTALS or reading.channel.source == SELF_SOURCE:
            return
        spec, prefix = TOTALS[reading.channel.quantity]
        labels = (reading.channel.zone.removeprefix(prefix),)
        before = self._totals.get(reading.channel)
        self._totals[reading.channel] = reading.value
        if before is not None:
            self.counters.add(spec, labels, max(0.0, reading.value - before))  # a reset is no traffic
        elif self.counters.value(spec, labels) is None:
            self.counters.add(spec, labels, reading.value)  # the kernel has counted since boot

    def _count_observer(self) -> None:
        """Add this process's share of the node's energy since the last time, by busy CPU time."""
        own_seconds = sum(v for c, v in self._totals.items() if c.source == SELF_SOURCE)
        busy_seconds = sum(
            v
            for (name, labels), v in self.counters.snapshot().items()
            if name == metrics.CPU_SECONDS.name and labels[0] not in IDLE_MODES
        )
        if self.primary is None:
            return
        node = (self.primary.scope.value, self.primary.quality.value)
        now = (own_seconds, busy_seconds, self.counters.value(metrics.NODE_ENERGY, node) or 0.0)
        before, self._observer = self._observer, now
        self.counters.add(metrics.SELF_ENERGY, (), 0 if before is None else _share_joules(before, now))

    def _show_channel(self, channel: Channel) -> None:
        """Make the counters of an energy channel appear at 0, before their first increase."""
        self.counters.add(metrics.ENERGY, _energy_labels(channel), 0)
        for state in ("sampled", "recovered", "missing"):
            self.counters.add(metrics.ENERGY_SECONDS, (channel.source, channel.zone, state), 0)
        self.counters.add(metrics.ENERGY_RECOVERED, (channel.source, channel.zone), 0)
        if self.primary is not None and channel.id == self.primary.channel_id:
            self.counters.add(metrics.NODE_ENERGY, (channel.scope.value, channel.quality.value), 0)

    def _count(self, record: EnergyRecord) -> None:
        channel, add = record.channel, self.counters.add
        add(metrics.ENERGY, _energy_labels(channel), record.joules)
        zone = (channel.source, channel.zone)
        add(metrics.ENERGY_SECONDS, (*zone, "sampled"), record.sampled_seconds)
        add(metrics.ENERGY_SECONDS, (*zone, "recovered"), record.recovered_seconds)
        add(metrics.ENERGY_SECONDS, (*zone, "missing"), record.missing_seconds)
        if record.recovered_seconds:
            add(metrics.ENERGY_RECOVERED, zone, record.joules)
        if self.primary is not None and channel.id == self.primary.channel_id:
            add(metrics.NODE_ENERGY, (channel.scope.value, channel.quality.value), record.joules)

    def _compare(
        self,
        last: PowerPoint,
        point: PowerPoint,
        record: EnergyRecord | None,
        events: tuple[Event, ...],
    ) -> None:
        """Add a sampled step to the comparison of own integral and accumulator."""
        old, new = last.accumulator, point.accumulator
        if record is None or not record.sampled_seconds or events or old is None or new is None:
            return
        agreement = self._agreement.get(record.channel.source, _Agreement())
        self._agreement[record.channel.source] = _Agreement(
            agreement.own_joules + record.joules,
            agreement.accumulator_joules + new.joules - old.joules,
        )

    def _is_stalled(self, channel: Channel) -> bool:
        state = self._power.get(channel)
        return state is not None and state.stalled

    def _status_of(self, description: SourceDescription) -> SourceStatus:
        return self._status.setdefault(description.name, SourceStatus(description))

    def _set_health(self, description: SourceDescription, health: SourceHealth) -> None:
        self._status[description.name] = SourceStatus(description, health)


SELF_SOURCE: Final = "self"
"""The source of this process's own CPU time: process_* shows it, it is no CPU time of the node's."""


@dataclass(frozen=True, slots=True)
class _Agreement:
    own_joules: float = 0.0
    accumulator_joules: float = 0.0

    @property
    def ratio(self) -> float:
        return self.own_joules / self.accumulator_joules - 1


def _share_joules(before: tuple[float, float, float], now: tuple[float, float, float]) -> float:
    """Joules of own CPU time, given (own seconds, busy seconds, node joules) at two times."""
    own_seconds, busy_seconds, joules = (new - old for old, new in zip(before, now, strict=True))
    if busy_seconds <= 0 or own_seconds <= 0:
        return 0.0
    return max(0.0, joules) * min(1.0, own_seconds / busy_seconds)


def _energy_labels(channel: Channel) -> tuple[str, ...]:
    return (channel.source, channel.zone, channel.scope.value, channel.quality.value)


def _health_of(batch: Batch, *, stalled: bool) -> SourceHealth:
    if stalled:
        return SourceHealth(
            up=False,
            state="stalled",
            last_success=batch.at,
            last_error="the meter repeats the same frame although its accumulator should have moved",
        )
    return SourceHealth(up=True, state="up", last_success=batch.at)


def _accumulator(batch: Batch) -> Accumulator | None:
    """The selected group's counters of a meter's batch; None for other sources."""
    if batch.identity is None:
        return None
    zone = f"group-{batch.identity.group}"
    values = {r.channel.quantity: r.value for r in batch.readings if r.channel.zone == zone}
    if not {"energy_joules", "charge_coulombs"} <= values.keys():
        return None
    displayed = tuple(r.value for r in batch.readings)
    return Accumulator(batch.identity, values["energy_joules"], values["charge_coulombs"], displayed)
