"""From readings to joules: pure steps over two neighbouring points of one energy channel.

A step takes the state after the last point and the next point, and gives the new state and at most one
energy record. Nothing here reads a clock. The laws are DESIGN section 2: missing time adds neither energy
nor coverage, wraps are undone, resets never become energy, gaps are filled from the meter's own
accumulator only where nothing speaks against it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Generic, TypeVar

from wattwatch.reading import Channel, EnergyRecord, Instant, MeterIdentity
from wattwatch.sources.base import CounterLimits
from wattwatch.units import JOULES_PER_MILLIWATT_HOUR

LONGEST_FILL_SECONDS: Final = 3600.0
"""A gap is filled or refused at the latest this long after it began."""

FILL_DOUBT_JOULES: Final = JOULES_PER_MILLIWATT_HOUR
"""Both ends of a filled gap are read off a counter of whole milliwatt hours."""

STALL_JOULES: Final = 3 * JOULES_PER_MILLIWATT_HOUR * 1.05
"""A live accumulator would have moved after 3 mWh + 5 %."""

REFUSED_STEP_SECONDS: Final = 60.0
UNKNOWN_LIMITS: Final = CounterLimits(0.0, float("inf"))
"""Of a counter of which nothing is known: any growth is energy, any fall is a reset."""

_ZERO_FILL_WATTS: Final = 1.0

State = TypeVar("State")


class Event(StrEnum):
    """Changes seen in a meter, as in the `event` label of `wattwatch_source_events_total`."""

    GROUP_CHANGED = "group_changed"
    ACCUMULATOR_RESET = "accumulator_reset"
    MODEL_CHANGED = "model_changed"
    STALLED = "stalled"


@dataclass(frozen=True, slots=True)
class Accumulator:
    """A meter's own counters of its selected group, and everything else it displayed."""

    identity: MeterIdentity
    joules: float
    coulombs: float
    displayed: tuple[float, ...]  # every value of the frame: a frozen meter repeats all of them


@dataclass(frozen=True, slots=True)
class PowerPoint:
    """One reading of a power channel."""

    at: Instant
    watts: float
    accumulator: Accumulator | None = None


@dataclass(frozen=True, slots=True)
class PowerState:
    """What has to be known of a power channel's past; the time after `covered_until` is an open gap."""

    last: PowerPoint
    covered_until: Instant  # later than `last.at` only where an open gap was refused
    unchanged_joules: float = 0.0  # own integral since the displayed values last changed
    stalled: bool = False

    @property
    def refused(self) -> bool:
        """Whether the open gap was given up: part of it already counts as missing."""
        return self.covered_until != self.last.at


@dataclass(frozen=True, slots=True)
class CounterPoint:
    """One reading of an energy counter."""

    at: Instant
    joules: float


@dataclass(frozen=True, slots=True)
class CounterState:
    """What has to be known of a counter's past; the time after `covered_until` is an open gap."""

    last: CounterPoint
    covered_until: Instant  # later than `last.at` only where an open gap was refused

    @property
    def refused(self) -> bool:
        """Whether the open gap was given up: part of it already counts as missing."""
        return self.covered_until != self.last.at


@dataclass(frozen=True, slots=True)
class Step(Generic[State]):
    """What follows from one more point."""

    state: State
    record: EnergyRecord | None = None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class PowerIntegrator:
    """Trapezoids over steps of at most `gap_limit_seconds`; longer ones are filled or missing."""

    channel: Channel
    gap_limit_seconds: float

    def step(self, state: PowerState | None, point: PowerPoint) -> Step[PowerState]:
        """The new state, the energy since the last point, and what changed in the meter."""
        if state is None or state.last.at.boot_id != point.at.boot_id:
            return Step(PowerState(point, point.at))
        if not _is_new(state, point):
            return Step(state)
        elapsed_seconds = point.at.boot_seconds - state.last.at.boot_seconds
        if state.stalled and _displays_the_same(state.last, point):
            return Step(state)
        events = _changes(state.last.accumulator, point.accumulator)
        if state.stalled or elapsed_seconds > self.gap_limit_seconds:
            return Step(PowerState(point, point.at), self._close_gap(state, point), events)
        return self._sampled(state, point, elapsed_seconds, events)

    def expire(self, state: PowerState, now: Instant) -> Step[PowerState]:
        """Refuse an open gap that is too old to be filled: its time so far becomes missing.

        Once refused, a gap that goes on is counted minute by minute.
        """
        start = state.covered_until
        if start.boot_id != now.boot_id:
            return Step(state)
        wait_seconds = REFUSED_STEP_SECONDS if state.refused else LONGEST_FILL_SECONDS
        if now.boot_seconds - start.boot_seconds <= wait_seconds:
            return Step(state)
        return Step(replace(state, covered_until=now), self._missing(start, now))

    def _sampled(
        self, state: PowerState, point: PowerPoint, elapsed_seconds: float, events: tuple[Event, ...]
    ) -> Step[PowerState]:
        last = state.last
        joules = trapezoid_joules(elapsed_seconds, last.watts, point.watts)
        record = EnergyRecord(self.channel, last.at, point.at, joules, sampled_seconds=elapsed_seconds)
        unchanged_joules = state.unchanged_joules + joules if _displays_the_same(last, point) else 0.0
        stalled = unchanged_joules > STALL_JOULES
        if stalled:
            events = (*events, Event.STALLED)
        return Step(PowerState(point, point.at, unchanged_joules, stalled), record, events)

    def _close_gap(self, state: PowerState, point: PowerPoint) -> EnergyRecord:
        joules = (
            None if state.refused else fill_joules(state.last, point, state.unchanged_joules * state.stalled)
        )
        if joules is None:
            return self._missing(state.covered_until, point.at)
        return EnergyRecord(
            self.channel,
            state.covered_until,
            point.at,
            joules,
            recovered_seconds=point.at.boot_seconds - state.covered_until.boot_seconds,
            doubt_joules=FILL_DOUBT_JOULES,
        )

    def _missing(self, start: Instant, end: Instant) -> EnergyRecord:
        seconds = end.boot_seconds - start.boot_seconds
        return EnergyRecord(self.channel, start, end, 0.0, missing_seconds=seconds)


def fill_joules(before: PowerPoint, after: PowerPoint, counted_joules: float = 0.0) -> float | None:
    """Joules of the gap between two points by the meter's accumulator; None where it must not be filled.

    `counted_joules` is the part of the accumulator's difference that is already counted as sampled (of a
    meter that froze, what was integrated since its display last moved).
    Refused: longer than an hour, another meter or group, a decrease (a reset or a power cut), a mean power
    below zero or above full scale, and no difference at all although both neighbours draw over 1 W.
    """
    old, new = before.accumulator, after.accumulator
    seconds = after.at.boot_seconds - before.at.boot_seconds
    if old is None or new is None or old.identity != new.identity or seconds > LONGEST_FILL_SECONDS:
        return None
    difference_joules = new.joules - old.joules
    if difference_joules < 0 or new.coulombs < old.coulombs:
        return None
    if difference_joules > new.identity.full_scale_watts * seconds + counted_joules:
        return None
    if difference_joules == 0 and min(before.watts, after.watts) > _ZERO_FILL_WATTS:
        return None
    return max(0.0, difference_joules - counted_joules)


def _is_new(state: PowerState | CounterState, point: PowerPoint | CounterPoint) -> bool:
    """Whether a point says anything: not if it came before, nor if its time was given up meanwhile.

    The latter come from a relay that could not be reached for an hour, or from a read that was under way.
    """
    return point.at.boot_seconds > state.covered_until.boot_seconds


def _displays_the_same(last: PowerPoint, point: PowerPoint) -> bool:
    if last.accumulator is None or point.accumulator is None:
        return False
    return last.accumulator.displayed == point.accumulator.displayed


def _changes(old: Accumulator | None, new: Accumulator | None) -> tuple[Event, ...]:
    if old is None or new is None:
        return ()
    if (old.identity.model, old.identity.address) != (new.identity.model, new.identity.address):
        return (Event.MODEL_CHANGED,)
    if old.identity.group != new.identity.group:
        return (Event.GROUP_CHANGED,)
    reset = new.joules < old.joules or new.coulombs < old.coulombs
    return (Event.ACCUMULATOR_RESET,) if reset else ()


@dataclass(frozen=True, slots=True)
class CounterIntegrator:
    """Differences of an energy counter, with wraps undone and resets recognised."""

    channel: Channel
    limits: CounterLimits = UNKNOWN_LIMITS

    def step(self, state: CounterState | None, point: CounterPoint) -> Step[CounterState]:
        """The new state and the energy since the last point.

        The time is missing if the difference cannot be trusted: after a reset, or where the counter may
        have wrapped more than once; or if it was given up before.
        """
        if state is None or state.last.at.boot_id != point.at.boot_id:
            return Step(CounterState(point, point.at))
        if not _is_new(state, point):
            return Step(state)
        last, seconds = state.last, point.at.boot_seconds - state.last.at.boot_seconds
        joules = None if state.refused else difference_joules(seconds, last.joules, point.joules, self.limits)
        new = CounterState(point, point.at)
        if joules is None:
            return Step(new, self._missing(state.covered_until, point.at))
        return Step(new, EnergyRecord(self.channel, last.at, point.at, joules, sampled_seconds=seconds))

    def expire(self, state: CounterState, now: Instant) -> Step[CounterState]:
        """Give up an open gap after which no difference could be trusted, or that is an hour old."""
        start = state.covered_until
        if start.boot_id != now.boot_id:
            return Step(state)
        wait_seconds = REFUSED_STEP_SECONDS if state.refused else trusted_seconds(self.limits)
        if now.boot_seconds - start.boot_seconds <= wait_seconds:
            return Step(state)
        return Step(replace(state, covered_until=now), self._missing(start, now))

    def _missing(self, start: Instant, end: Instant) -> EnergyRecord:
        seconds = end.boot_seconds - start.boot_seconds
        return EnergyRecord(self.channel, start, end, 0.0, missing_seconds=seconds)


def trusted_seconds(limits: CounterLimits) -> float:
    """The longest step whose difference may be energy: at most half the range at full power, or an hour."""
    if limits.range_joules <= 0 or limits.max_watts <= 0:
        return LONGEST_FILL_SECONDS
    return min(LONGEST_FILL_SECONDS, limits.range_joules / 2 / limits.max_watts)


def difference_joules(seconds: float, before: float, after: float, limits: CounterLimits) -> float | None:
    """What a counter grew by from one reading to another of the same boot, a wrap undone.

    None where that cannot be known: the counter was reset, or may have wrapped more than once.
    """
    most_joules, range_joules = limits.max_watts * seconds, limits.range_joules
    if range_joules > 0 and most_joules >= range_joules / 2:
        return None
    joules = after - before
    if joules < 0:
        if range_joules <= 0:  # without a known range a fall can only be called a reset
            return None
        joules += range_joules
    return joules if 0 <= joules <= most_joules else None


def trapezoid_joules(seconds: float, before_watts: float, after_watts: float) -> float:
    """Energy between two readings of power; what flows backwards (a battery that is charged) is none."""
    return (max(0.0, before_watts) + max(0.0, after_watts)) / 2 * seconds
