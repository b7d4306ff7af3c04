"""What the store knows of one energy channel, as adjoining stretches with exact edges. Pure.

Between two adjacent readings of one boot the cumulative energy grows linearly: of a power channel by the
trapezoid's energy, if they are no further apart than the gap limit; of a counter by its difference, a wrap
undone, if that can be trusted. Over a stretch that the store calls recovered or missing it is what that
record says.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from wattwatch.reading import Channel, EnergyRecord, Instant, Kind, Reading
from wattwatch.sampling.combine import MICROSECONDS, Coverage, Stretch, microseconds, share, stretch_of
from wattwatch.sampling.energy_channels import gap_limit_seconds
from wattwatch.sampling.integrate import UNKNOWN_LIMITS, difference_joules, trapezoid_joules
from wattwatch.sources.base import CounterLimits
from wattwatch.store.base import EnergyHistory, Span

EDGE_JITTER_SECONDS: Final = 0.1
"""A reading's instant is taken for uncertain by this much beyond the interval."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a channel is read, and how long a step may be."""

    interval_seconds: float
    gap_seconds: float

    @property
    def limit_seconds(self) -> float:
        """The longest step between two readings of power that is sampled time."""
        return gap_limit_seconds(self.gap_seconds, self.interval_seconds)

    @property
    def edge_seconds(self) -> float:
        """How far around an edge the power may have been different."""
        return self.interval_seconds + EDGE_JITTER_SECONDS


def _never(_: str) -> Instant | None:
    return None


def _unknown(_: Channel) -> CounterLimits:
    return UNKNOWN_LIMITS


@dataclass(frozen=True, slots=True)
class Supply:
    """One energy channel of what stands for the node, and what has to be known to read its past."""

    channel: Channel
    timing: Timing
    limits: Callable[[Channel], CounterLimits] = _unknown  # of a counter
    open_since: Callable[[str], Instant | None] = _never  # a stalled meter goes on giving readings

    def track(self, history: EnergyHistory, span: Span) -> "Track":
        """What the store has of it in a span."""
        channel_id = self.channel.id
        readings, gaps = history.readings(channel_id, span), history.gaps(channel_id, span)
        stalled = self.open_since(channel_id)
        return track_of(self, readings, gaps, span.start.boot_id, stalled)


@dataclass(frozen=True, slots=True)
class Track:
    """Readings and gaps of one channel in one boot, in order of time, with one neighbour on each side."""

    supply: Supply
    points: Sequence[tuple[int, float]]  # microseconds; watts or joules
    gaps: Sequence[Stretch]

    @property
    def is_counter(self) -> bool:
        """Whether its readings are joules that count up."""
        return self.supply.channel.kind is Kind.COUNTER


def track_of(
    supply: Supply,
    readings: Iterable[Reading],
    gaps: Iterable[EnergyRecord],
    boot_id: str,
    open_since: Instant | None = None,
) -> Track:
    """The track of these readings and gaps, as far as they are of that boot and not of a stalled meter."""
    points = [(microseconds(r.at), r.value) for r in readings if r.at.boot_id == boot_id]
    if open_since is not None and open_since.boot_id == boot_id:
        stalled = microseconds(open_since)
        points = [point for point in points if point[0] <= stalled]
    records = [stretch_of(gap) for gap in gaps if gap.start.boot_id == boot_id == gap.end.boot_id]
    return Track(supply, points, sorted(records))


def stretches(track: Track, start: int, end: int) -> Iterator[Stretch]:
    """An interval, cut into adjoining stretches from its start to its end.

    A stretch that a gap record covers is what that record says, even if there are readings in it (a frozen
    meter). What is neither read nor told by a record is open.
    """
    times = [point[0] for point in track.points]
    at = start
    for gap in track.gaps:
        first, last = max(gap.start_microseconds, at), min(gap.end_microseconds, end)
        if last <= first:
            continue
        yield from _between(track, times, at, first)
        yield share(gap, first, last)
        at = last
    yield from _between(track, times, at, end)


def _between(track: Track, times: Sequence[int], start: int, end: int) -> Iterator[Stretch]:
    """The stretches of a part that no gap record touches."""
    points = track.points
    index = max(1, bisect_right(times, start))
    at = start
    if points and at < end and at < times[0]:
        # Nothing was ever read before in this boot: there is nothing that a gap could be filled from.
        yield Stretch(at, min(times[0], end), 0.0, Coverage.MISSING)
        at = min(times[0], end)
    while at < end and index < len(points):
        left, right = points[index - 1], points[index]
        index += 1
        until = min(right[0], end)
        if until <= at:
            continue
        joules = _step_joules(track, left, right)
        if joules is None:
            yield Stretch(at, until, 0.0, Coverage.OPEN)
        else:
            yield share(Stretch(left[0], right[0], joules, Coverage.SAMPLED), at, until)
        at = until
    if at < end:
        yield Stretch(at, end, 0.0, Coverage.OPEN)


def _step_joules(track: Track, left: tuple[int, float], right: tuple[int, float]) -> float | None:
    """Energy between two adjacent readings; None if they are too far apart, or tell nothing."""
    seconds = (right[0] - left[0]) / MICROSECONDS
    if track.is_counter:
        limits = track.supply.limits(track.supply.channel)
        return difference_joules(seconds, left[1], right[1], limits)
    if seconds > track.supply.timing.limit_seconds:
        return None
    return trapezoid_joules(seconds, left[1], right[1])


def edge_uncertainty_joules(track: Track, at: Instant) -> float:
    """|ΔP| (interval + 0.1 s) / 2: how wrong the energy may be because of where this edge fell.

    ΔP is the range of the power within interval + 0.1 s of the edge, at least of the two readings around it;
    of a counter, that of the mean powers of its steps. A step of a counter that is longer than the interval
    counts as the interval: nothing is known of the power within it.
    """
    edge, reach = microseconds(at), round(track.supply.timing.edge_seconds * MICROSECONDS)
    if track.is_counter:
        return _counter_edge_joules(track, edge, reach)
    times = [point[0] for point in track.points]
    first = min(bisect_left(times, edge - reach), max(0, bisect_right(times, edge) - 1))
    last = max(bisect_right(times, edge + reach), bisect_left(times, edge) + 1)
    watts = [point[1] for point in track.points[first:last]]
    return _doubt_joules(watts, reach)


def _counter_edge_joules(track: Track, edge: int, reach: int) -> float:
    jitter = round(EDGE_JITTER_SECONDS * MICROSECONDS)
    steps = list(pairwise(track.points))
    around = (right[0] - left[0] for left, right in steps if left[0] <= edge <= right[0])
    reach = max(reach, max(around, default=0) + jitter)
    watts = [
        joules / (right[0] - left[0]) * MICROSECONDS
        for left, right in steps
        if left[0] <= edge + reach and edge - reach <= right[0]
        if (joules := _step_joules(track, left, right)) is not None
    ]
    return _doubt_joules(watts, reach)


def _doubt_joules(watts: Sequence[float], reach: int) -> float:
    return (max(watts) - min(watts)) * reach / MICROSECONDS / 2 if watts else 0.0
