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
from wattwatch.sampling.combine import stretch_of
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.energy_channels import EnergyChannels, Plan, Taken
from wattwatch.sampling.node_energy import NodeEnergy, Past
from wattwatch.sampling.snapshot import Primary, SourceHealth, SourceStatus
from wattwatch.sources.base import CounterLimits, SourceDescription

_DISAGREEMENT_FROM_JOULES: Final = 500.0  # below, the whole milliwatt hours of the meter dominate

TOTALS: Final[dict[str, tuple[MetricSpec, str]]] = {
    "cpu_seconds": (metrics.CPU_SECONDS, "cpu-"),
    "network_bytes": (metrics.NETWORK_BYTES, "network-"),
    "network_errors": (metrics.NETWORK_ERRORS, "network-"),
    "disk_bytes": (metrics.DISK_BYTES, "disk-"),
}
"""Counter channels that are no energy: the metric of a quantity, and the zone prefix before its label."""

_RELAY: Final = "relay"
"""Brings no totals of this node's: a `host` that is relayed is another machine."""

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


class Account:
    """Everything that is counted on a node, channel by channel."""

    def __init__(
        self,
        counters: Counters,
        descriptions: Iterable[SourceDescription],
        *,
        primary: Primary | None,
        fallback: Primary | None = None,
        gap_seconds: float,
    ) -> None:
        self.counters = counters
        self.primary = primary
        self.fallback = fallback
        self._node = NodeEnergy(counters, primary, fallback)
        self._gap_seconds = gap_seconds
        self._status = {d.name: SourceStatus(d) for d in descriptions}
        self._channels = EnergyChannels()
        self._channels.know(status.description for status in self._status.values())
        self.described = 0  # how often a source told of other channels, or another interval, than before
        self._shown: set[Channel] = set()  # energy channels whose counters are there, and known to the node
        self._totals: dict[Channel, float] = {}
        self._readings: dict[str, tuple[Reading, ...]] = {}
        self._agreement: dict[str, _Agreement] = {}
        self._observer: tuple[float, float, float] | None = None

    def restore(
        self,
        last_batches: Mapping[str, Batch],
        covered_until: Mapping[Channel, Instant] | None = None,
        past: Past = lambda *_: (),
    ) -> None:
        """Go on from the last batches of this boot; `covered_until` is the end of later refused gaps.

        `past` is asked for what had waited in this process's predecessor for the other channels of a sum.
        """
        for batch in last_batches.values():
            self._channels.restore(batch, dict(covered_until or {}))
            totals = (r for r in batch.readings if r.channel.kind is Kind.COUNTER)
            self._totals |= {r.channel: r.value for r in totals if not r.channel.measures_energy}
        known_until = self._channels.known_until()
        self._node = NodeEnergy(self.counters, self.primary, self.fallback, known_until)
        self._shown.clear()
        self._node.restore(past)

    def reconfigure(
        self,
        descriptions: Iterable[SourceDescription],
        *,
        primary: Primary | None,
        fallback: Primary | None = None,
        gap_seconds: float,
        past: Past = lambda *_: (),
    ) -> None:
        """Go on with other sources, or another primary: what is counted stays, nothing is counted twice.

        A new primary begins where the old one was counted to; `past` is asked for what is known of it since.
        Only the committing thread may call this.
        """
        known = {d.name: d for d in descriptions}
        self._status = {
            name: replace(self._status.get(name, SourceStatus(d)), description=d) for name, d in known.items()
        }
        self._channels.keep_only(known)
        self._channels.know(known.values())
        self._totals = {c: total for c, total in self._totals.items() if c.source in known}
        self._readings = {name: r for name, r in self._readings.items() if name in known}
        self._agreement = {name: a for name, a in self._agreement.items() if name in known}
        self._gap_seconds = gap_seconds
        if (primary, fallback) != (self.primary, self.fallback):
            self.primary, self.fallback, self._observer = primary, fallback, None
            self._node = NodeEnergy(self.counters, primary, fallback, self._channels.known_until())
            self._shown.clear()
            self._node.restore(past)

    def accept(self, outcome: ReadOutcome) -> Accepted:
        """Count a batch: energy, totals, events, health."""
        name, batch = outcome.description.name, outcome.batch
        self.counters.add(metrics.SOURCE_READS, (name,), 1)
        self.counters.observe(metrics.SOURCE_READ_SECONDS, (name,), outcome.read_seconds)
        self.counters.observe(metrics.TICK_LATENESS, (), outcome.lateness_seconds)
        was_stalled = self._status_of(outcome.description).health.state == "stalled"
        plan = self._channels.plan(batch)
        gaps = tuple(self._integrate_all(outcome, plan))
        stalled = self._channels.is_stalled(plan.powers)
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
        self._channels.lose(name)
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
        refused = tuple(self._channels.expire(now, self._gap_seconds))
        for record in refused:
            self._count(record)
        self._node.expire(now)
        return refused

    def sources(self) -> tuple[SourceStatus, ...]:
        """Every source and how it is."""
        return tuple(self._status.values())

    def readings(self) -> dict[str, Reading]:
        """The last reading of every channel of the sources that are up."""
        return {r.channel.id: r for readings in self._readings.values() for r in readings}

    def meter_model(self, source: str) -> str:
        """The model that a meter says it is; "" for other sources, or before it was read. From any thread."""
        return self._channels.meter_model(source)

    def stalled_since(self, channel_id: str) -> Instant | None:
        """Since when a power channel is stalled; None while it is not. May be asked from any thread."""
        return self._channels.stalled_since(channel_id)

    def counter_limits(self, channel: Channel) -> CounterLimits:
        """Where an energy counter wraps, as its source last said. May be asked from any thread."""
        return self._channels.limits(channel)

    def gauges(self) -> dict[SeriesKey, float]:
        """What is computed, not read: the power of counters, and how far a meter is off its own count."""
        return self._channels.step_watts() | self.disagreement_ratios()

    def disagreement_ratios(self) -> dict[SeriesKey, float]:
        """Own integral over the meter's accumulator, minus 1, by source, once it means something."""
        return {
            (metrics.METER_DISAGREEMENT.name, (source,)): agreement.ratio
            for source, agreement in self._agreement.items()
            if agreement.accumulator_joules > _DISAGREEMENT_FROM_JOULES
        }

    def _integrate_all(self, outcome: ReadOutcome, plan: Plan) -> Iterable[EnergyRecord]:
        """Count the readings; the gaps that they closed."""
        if outcome.description.type != _RELAY:
            for place in plan.totals:
                self._count_total(outcome.batch.readings[place])
        for taken in self._channels.take(outcome.batch, plan, outcome.description, self._gap_seconds):
            record = taken.record
            if taken.channel not in self._shown:
                self._show_channel(taken.channel)
            for event in taken.events:
                self.counters.add(metrics.SOURCE_EVENTS, (taken.channel.source, event.value), 1)
            if record is not None:
                self._compare(taken, record)
                self._count(record)
                if not record.sampled_seconds:
                    yield record

    def _count_total(self, reading: Reading) -> None:
        channel, value = reading.channel, reading.value
        is_own = channel.source == SELF_SOURCE
        if not is_own and channel.quantity not in TOTALS:
            return
        before, self._totals[channel] = self._totals.get(channel), value
        if is_own:
            return
        spec, prefix = TOTALS[channel.quantity]
        labels = (channel.zone.removeprefix(prefix),)
        if before is not None:
            self.counters.add(spec, labels, max(0.0, value - before))  # a reset is no traffic
        elif self.counters.value(spec, labels) is None:
            self.counters.add(spec, labels, value)  # the kernel has counted since boot

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
        now = (own_seconds, busy_seconds, self._node.joules)
        before, self._observer = self._observer, now
        self.counters.add(metrics.SELF_ENERGY, (), 0 if before is None else _share_joules(before, now))

    def _show_channel(self, channel: Channel) -> None:
        """Make the counters of an energy channel appear at 0, before their first increase."""
        self._shown.add(channel)
        self.counters.add(metrics.ENERGY, channel.energy_labels, 0)
        for state in ("sampled", "recovered", "missing"):
            self.counters.add(metrics.ENERGY_SECONDS, (channel.source, channel.zone, state), 0)
        self.counters.add(metrics.ENERGY_RECOVERED, (channel.source, channel.zone), 0)
        self._node.see(channel)

    def _count(self, record: EnergyRecord) -> None:
        channel, add = record.channel, self.counters.add
        add(metrics.ENERGY, channel.energy_labels, record.joules)
        zone = (channel.source, channel.zone)
        shown = channel in self._shown
        for state, seconds in (
            ("sampled", record.sampled_seconds),
            ("recovered", record.recovered_seconds),
            ("missing", record.missing_seconds),
        ):
            if seconds or not shown:
                add(metrics.ENERGY_SECONDS, (*zone, state), seconds)
        if record.recovered_seconds:
            add(metrics.ENERGY_RECOVERED, zone, record.joules)
        if self._node.is_part(channel):
            self._node.add(channel, stretch_of(record))

    def _compare(self, taken: Taken, record: EnergyRecord) -> None:
        """Add a sampled step to the comparison of own integral and accumulator."""
        if taken.points is None or not record.sampled_seconds or taken.events:
            return
        old, new = (point.accumulator for point in taken.points)
        if old is None or new is None:
            return
        agreement = self._agreement.get(record.channel.source, _Agreement())
        self._agreement[record.channel.source] = _Agreement(
            agreement.own_joules + record.joules,
            agreement.accumulator_joules + new.joules - old.joules,
        )

    def _status_of(self, description: SourceDescription) -> SourceStatus:
        return self._status.setdefault(description.name, SourceStatus(description))

    def _set_health(self, description: SourceDescription, health: SourceHealth) -> None:
        before = self._status[description.name].description
        if before is not description:
            self.described += _essence(before) != _essence(description)
        self._status[description.name] = SourceStatus(description, health)


def _essence(description: SourceDescription) -> tuple[tuple[Channel, ...], float]:
    """What of a description others have to know: what stands for the node, and how long its steps are."""
    return description.channels, description.interval_seconds


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


def _health_of(batch: Batch, *, stalled: bool) -> SourceHealth:
    if stalled:
        return SourceHealth(
            up=False,
            state="stalled",
            last_success=batch.at,
            last_error="the meter repeats the same frame although its accumulator should have moved",
        )
    return SourceHealth(up=True, state="up", last_success=batch.at)
