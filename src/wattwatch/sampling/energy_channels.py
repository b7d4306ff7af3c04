"""What is known of every energy channel of a node: readings in, records of energy and gaps out.

Only the committing thread changes it; what is asked of one channel may be asked from any thread.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.metrics import POWER, SeriesKey
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Kind, Reading
from wattwatch.sampling.combine import microseconds
from wattwatch.sampling.integrate import (
    REFUSED_STEP_SECONDS,
    UNKNOWN_LIMITS,
    Accumulator,
    CounterIntegrator,
    CounterPoint,
    CounterState,
    Event,
    PowerIntegrator,
    PowerPoint,
    PowerState,
    trusted_seconds,
)
from wattwatch.sources.base import CounterLimits, SourceDescription

_INTERVALS_PER_GAP: Final = 3  # a step longer than this many intervals is a gap, if also over gap_seconds


@dataclass(frozen=True, slots=True)
class Taken:
    """What one reading of an energy channel gave; both points of a power channel that was read before."""

    channel: Channel
    record: EnergyRecord | None
    events: tuple[Event, ...] = ()
    points: tuple[PowerPoint, PowerPoint] | None = None


def gap_limit_seconds(gap_seconds: float, interval_seconds: float) -> float:
    """The longest step that is still sampled: `gap_seconds`, or three intervals of a slow source."""
    return max(gap_seconds, _INTERVALS_PER_GAP * interval_seconds)


@dataclass(frozen=True, slots=True)
class Plan:
    """Which readings are counted in batches of these channels, by place: the same from batch to batch."""

    channels: tuple[Channel, ...]
    totals: tuple[int, ...]  # counters that are no energy
    energies: tuple[tuple[int, bool], ...]  # and whether each is a counter; each zone's energy once
    powers: tuple[Channel, ...]  # those of `energies` that are no counters

    @classmethod
    def of(cls, channels: tuple[Channel, ...]) -> "Plan":
        """The plan of these channels: a zone that has a counter is read off it."""
        places = list(enumerate(channels))
        counted = {channel.zone for channel in channels if _is_energy_counter(channel)}
        powers = [(n, c) for n, c in places if c.kind is Kind.POWER and c.zone not in counted]
        counters = [(n, True) for n, channel in places if _is_energy_counter(channel)]
        return cls(
            channels,
            tuple(n for n, c in places if c.kind is Kind.COUNTER and not c.measures_energy),
            tuple(sorted([*counters, *((n, False) for n, _ in powers)])),
            tuple(channel for _, channel in powers),
        )


class EnergyChannels:
    """The state of every energy channel."""

    def __init__(self) -> None:
        self._power: dict[Channel, PowerState] = {}
        self._counters: dict[Channel, CounterState] = {}
        self._limits: dict[Channel, CounterLimits] = {}
        self._told: dict[str, tuple[tuple[Channel, CounterLimits], ...]] = {}  # by source, what is in _limits
        self._plans: dict[str, Plan] = {}  # by source, of its last batch
        self._step_watts: dict[Channel, float] = {}  # of counters that are read: the mean of the last step

    def know(self, descriptions: Iterable[SourceDescription]) -> None:
        """Take over where the counters of sources wrap."""
        for description in descriptions:
            if self._told.get(description.name) is not description.counter_limits:
                self._told[description.name] = description.counter_limits
                self._limits.update(description.counter_limits)

    def restore(self, batch: Batch, covered_until: dict[Channel, Instant]) -> None:
        """Go on from the last batch of a source; `covered_until` is the end of later refused gaps."""
        accumulator = accumulator_of(batch)
        for reading in batch.readings:
            channel, until = reading.channel, covered_until.get(reading.channel, reading.at)
            if channel.kind is Kind.POWER:
                self._power[channel] = PowerState(PowerPoint(reading.at, reading.value, accumulator), until)
            elif channel.measures_energy:
                self._counters[channel] = CounterState(CounterPoint(reading.at, reading.value), until)

    def plan(self, batch: Batch) -> Plan:
        """Which readings of a batch are counted."""
        channels = tuple([reading.channel for reading in batch.readings])
        plan = self._plans.get(batch.source)
        if plan is None or plan.channels != channels:
            plan = self._plans[batch.source] = Plan.of(channels)
            self.lose(batch.source)  # a counter that is not among them any more shows no old power
        return plan

    def take(
        self, batch: Batch, plan: Plan, description: SourceDescription, gap_seconds: float
    ) -> Iterator[Taken]:
        """What the readings of a batch give, each energy once."""
        self.know([description])
        accumulator = accumulator_of(batch)
        limit_seconds = gap_limit_seconds(gap_seconds, description.interval_seconds)
        for place, is_counter in plan.energies:
            reading = batch.readings[place]
            yield (
                self._take_counter(reading)
                if is_counter
                else self._take_power(reading, accumulator, limit_seconds)
            )

    def expire(self, now: Instant, gap_seconds: float) -> Iterator[EnergyRecord]:
        """Refuse gaps that are too old to be filled; their time becomes missing."""
        for channel, power in self._power.items():
            if _is_within(REFUSED_STEP_SECONDS, power.covered_until, now):  # as nearly always
                continue
            step = PowerIntegrator(channel, gap_seconds).expire(power, now)
            self._power[channel] = step.state
            if step.record is not None:
                yield step.record
        for channel, counter in self._counters.items():
            wait_seconds = min(REFUSED_STEP_SECONDS, trusted_seconds(self.limits(channel)))
            if _is_within(wait_seconds, counter.covered_until, now):
                continue
            counted = CounterIntegrator(channel, self.limits(channel)).expire(counter, now)
            self._counters[channel] = counted.state
            if counted.record is not None:
                yield counted.record

    def lose(self, source: str) -> None:
        """A source could not be read: its counters have no present power."""
        for channel in [channel for channel in self._step_watts if channel.source == source]:
            del self._step_watts[channel]

    def keep_only(self, sources: Collection[str]) -> None:
        """Forget the channels of all other sources."""
        self._told.clear()
        self._plans.clear()
        kept: tuple[dict[Channel, Any], ...] = (self._power, self._counters, self._limits, self._step_watts)
        for by_channel in kept:
            for channel in [channel for channel in by_channel if channel.source not in sources]:
                del by_channel[channel]

    def limits(self, channel: Channel) -> CounterLimits:
        """Where an energy counter wraps, as its source last said."""
        return self._limits.get(channel, UNKNOWN_LIMITS)

    def meter_model(self, source: str) -> str:
        """The model that a meter says it is; "" for other sources, or before it was read."""
        models = (
            state.last.accumulator.identity.model
            for channel, state in list(self._power.items())
            if channel.source == source and state.last.accumulator is not None
        )
        return next(models, "")

    def stalled_since(self, channel_id: str) -> Instant | None:
        """Since when a power channel is stalled; None while it is not."""
        for channel, state in list(self._power.items()):
            if channel.id == channel_id and state.stalled:
                return state.covered_until
        return None

    def is_stalled(self, channels: Iterable[Channel]) -> bool:
        """Whether one of these power channels is stalled."""
        states = map(self._power.get, channels)
        return any(state is not None and state.stalled for state in states)

    def known_until(self) -> dict[str, int]:
        """The end of the last record of every channel that was read in this boot, in microseconds."""
        powers = {channel.id: microseconds(s.covered_until) for channel, s in self._power.items()}
        return powers | {channel.id: microseconds(s.covered_until) for channel, s in self._counters.items()}

    def step_watts(self) -> dict[SeriesKey, float]:
        """The mean power of the last step of every counter that is being read, by its series."""
        return {(POWER.name, channel.energy_labels): watts for channel, watts in self._step_watts.items()}

    def _take_power(self, reading: Reading, accumulator: Accumulator | None, limit_seconds: float) -> Taken:
        channel = reading.channel
        before = self._power.get(channel)
        point = PowerPoint(reading.at, reading.value, accumulator)
        step = PowerIntegrator(channel, limit_seconds).step(before, point)
        self._power[channel] = step.state
        return Taken(channel, step.record, step.events, None if before is None else (before.last, point))

    def _take_counter(self, reading: Reading) -> Taken:
        channel = reading.channel
        integrator = CounterIntegrator(channel, self.limits(channel))
        step = integrator.step(self._counters.get(channel), CounterPoint(reading.at, reading.value))
        self._counters[channel] = step.state
        self._step_watts.pop(channel, None)
        if step.record is not None and step.record.sampled_seconds:
            self._step_watts[channel] = step.record.joules / step.record.sampled_seconds
        return Taken(channel, step.record)


def accumulator_of(batch: Batch) -> Accumulator | None:
    """The selected group's counters of a meter's batch; None for other sources."""
    if batch.identity is None:
        return None
    zone = f"group-{batch.identity.group}"
    values = {r.channel.quantity: r.value for r in batch.readings if r.channel.zone == zone}
    if not {"energy_joules", "charge_coulombs"} <= values.keys():
        return None
    displayed = tuple(r.value for r in batch.readings)
    return Accumulator(batch.identity, values["energy_joules"], values["charge_coulombs"], displayed)


def _is_within(seconds: float, start: Instant, now: Instant) -> bool:
    """Whether an open gap is shorter than any that is refused."""
    return start.boot_id == now.boot_id and now.boot_seconds - start.boot_seconds <= seconds


def _is_energy_counter(channel: Channel) -> bool:
    return channel.kind is Kind.COUNTER and channel.measures_energy
