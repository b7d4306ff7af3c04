"""Energy of an interval with exact edges, off the piecewise-linear cumulative energy curve. Pure.

Between two adjacent readings of one boot, no further apart than the gap limit, the cumulative energy grows
linearly by the trapezoid's energy; over a recovered gap it grows linearly by what the meter counted. A part
of either is its share of the time. So every interval can be cut anywhere, and its parts add up. Time is
counted in whole microseconds: every microsecond is sampled, recovered or missing.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final, NamedTuple

from wattwatch.reading import EnergyRecord, Instant, Reading

EDGE_JITTER_SECONDS: Final = 0.1
"""A reading's instant is taken for uncertain by this much beyond the interval."""

_GAP_INTERVALS: Final = 3
_MICROSECONDS: Final = 1_000_000


class Coverage(Enum):
    """What is known of a stretch."""

    SAMPLED = auto()
    RECOVERED = auto()
    MISSING = auto()
    OPEN = auto()  # in no state yet: a gap that may still be filled, or readings that are still to come


class Stretch(NamedTuple):
    """A part of an interval in one state (a tuple, as there is one for every reading)."""

    start_microseconds: int
    end_microseconds: int
    joules: float
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Timing:
    """How often a channel is read, and how long a step may be."""

    interval_seconds: float
    gap_seconds: float

    @property
    def limit_seconds(self) -> float:
        """The longest step between two readings that is sampled time."""
        return max(self.gap_seconds, _GAP_INTERVALS * self.interval_seconds)

    @property
    def edge_seconds(self) -> float:
        """How far around an edge the power may have been different."""
        return self.interval_seconds + EDGE_JITTER_SECONDS


@dataclass(frozen=True, slots=True)
class EnergyFigures:
    """Energy and coverage of an interval; those of adjoining intervals are added."""

    joules: float = 0.0
    sampled_microseconds: int = 0
    recovered_microseconds: int = 0
    missing_microseconds: int = 0
    peak_watts: float | None = None
    gap_doubts: frozenset[tuple[Instant, float]] = frozenset()  # start and doubt in joules of each filled gap

    def __add__(self, other: "EnergyFigures") -> "EnergyFigures":
        """Both together; a gap that both touch keeps its one doubt."""
        peaks = [peak for peak in (self.peak_watts, other.peak_watts) if peak is not None]
        return EnergyFigures(
            self.joules + other.joules,
            self.sampled_microseconds + other.sampled_microseconds,
            self.recovered_microseconds + other.recovered_microseconds,
            self.missing_microseconds + other.missing_microseconds,
            max(peaks, default=None),
            self.gap_doubts | other.gap_doubts,
        )

    @property
    def sampled_seconds(self) -> float:
        """Time between readings close enough to each other."""
        return self.sampled_microseconds / _MICROSECONDS

    @property
    def recovered_seconds(self) -> float:
        """Time whose energy comes from the meter's own counter."""
        return self.recovered_microseconds / _MICROSECONDS

    @property
    def missing_seconds(self) -> float:
        """Time of which nothing is known."""
        return self.missing_microseconds / _MICROSECONDS

    @property
    def covered_seconds(self) -> float:
        """Sampled and recovered time."""
        return (self.sampled_microseconds + self.recovered_microseconds) / _MICROSECONDS

    @property
    def duration_seconds(self) -> float:
        """All the time there was."""
        return self.duration_microseconds / _MICROSECONDS

    @property
    def duration_microseconds(self) -> int:
        """All the time there was, in whole microseconds."""
        return self.sampled_microseconds + self.recovered_microseconds + self.missing_microseconds

    @property
    def mean_watts(self) -> float | None:
        """Energy over covered time; None if nothing is covered."""
        return self.joules / self.covered_seconds if self.covered_seconds else None

    @property
    def is_lower_bound(self) -> bool:
        """Whether energy is missing from the sum; it is never scaled up."""
        return self.missing_microseconds > 0

    @property
    def gap_doubt_joules(self) -> float:
        """The doubt of all filled gaps that were touched."""
        return sum(doubt for _, doubt in self.gap_doubts)


@dataclass(frozen=True, slots=True)
class Progress:
    """Figures of an interval up to where nothing can change any more."""

    figures: EnergyFigures
    settled_until: Instant


def microseconds(instant: Instant) -> int:
    """Boot time in whole microseconds."""
    return round(instant.boot_seconds * _MICROSECONDS)


def window_energy(
    readings: Iterable[Reading], gaps: Iterable[EnergyRecord], start: Instant, end: Instant, timing: Timing
) -> EnergyFigures:
    """Figures of an interval of one boot; what is neither sampled nor a gap of the store is missing.

    `readings` are those of the power channel in order of time, with one neighbour on each side where there
    is one. A stretch that a gap record covers is what that record says, even if there are readings in it (a
    frozen meter). Raises ValueError if the edges are of two boots, or the end comes first.
    """
    _check(start, end)
    points, records = _points(readings, start), _gaps(gaps, start)
    stretches = _stretches(points, records, microseconds(start), microseconds(end), _limit(timing))
    return _sum(stretches, points, records, start, end)


def settled_energy(
    readings: Iterable[Reading], gaps: Iterable[EnergyRecord], start: Instant, end: Instant, timing: Timing
) -> Progress:
    """Figures of the part of an interval, from its start on, in which everything is decided.

    It stops at the first stretch that is still open: a gap without its record, or the time after the last
    reading.
    """
    _check(start, end)
    points, records = _points(readings, start), _gaps(gaps, start)
    settled = microseconds(start)
    decided = []
    for stretch in _stretches(points, records, settled, microseconds(end), _limit(timing)):
        if stretch.coverage is Coverage.OPEN:
            break
        decided.append(stretch)
        settled = stretch.end_microseconds
    until = Instant(start.boot_id, settled / _MICROSECONDS)
    return Progress(_sum(decided, points, records, start, until), until)


def edge_uncertainty_joules(readings: Iterable[Reading], at: Instant, timing: Timing) -> float:
    """|ΔP| (interval + 0.1 s) / 2: how wrong the energy may be because of where this edge fell.

    ΔP is the range of the power within interval + 0.1 s of the edge, at least of the two readings around it.
    """
    points = _points(readings, at)
    times = [point[0] for point in points]
    edge, reach = microseconds(at), round(timing.edge_seconds * _MICROSECONDS)
    first = min(bisect_left(times, edge - reach), max(0, bisect_right(times, edge) - 1))
    last = max(bisect_right(times, edge + reach), bisect_left(times, edge) + 1)
    watts = [point[1] for point in points[first:last]]
    return (max(watts) - min(watts)) * timing.edge_seconds / 2 if watts else 0.0


def _check(start: Instant, end: Instant) -> None:
    if start.boot_id != end.boot_id:
        raise ValueError("an interval over two boots is given boot by boot")
    if end.boot_seconds < start.boot_seconds:
        raise ValueError("the end of an interval comes before its start")


def _limit(timing: Timing) -> int:
    return round(timing.limit_seconds * _MICROSECONDS)


def _points(readings: Iterable[Reading], start: Instant) -> list[tuple[int, float]]:
    boot_id = start.boot_id
    return [(microseconds(r.at), r.value) for r in readings if r.at.boot_id == boot_id]


def _gaps(gaps: Iterable[EnergyRecord], start: Instant) -> list[EnergyRecord]:
    of_boot = [gap for gap in gaps if gap.start.boot_id == start.boot_id == gap.end.boot_id]
    return sorted(of_boot, key=lambda gap: gap.start.boot_seconds)


def _stretches(
    points: Sequence[tuple[int, float]], gaps: Sequence[EnergyRecord], start: int, end: int, limit: int
) -> Iterator[Stretch]:
    """The interval, cut into adjoining stretches from its start to its end."""
    times = [point[0] for point in points]
    at = start
    for gap in gaps:
        gap_start, gap_end = microseconds(gap.start), microseconds(gap.end)
        first, last = max(gap_start, at), min(gap_end, end)
        if last <= first:
            continue
        yield from _between(points, times, at, first, limit)
        share = (last - first) / (gap_end - gap_start)
        coverage = Coverage.RECOVERED if gap.recovered_seconds > 0 else Coverage.MISSING
        yield Stretch(first, last, gap.joules * share, coverage)
        at = last
    yield from _between(points, times, at, end, limit)


def _between(
    points: Sequence[tuple[int, float]], times: Sequence[int], start: int, end: int, limit: int
) -> Iterator[Stretch]:
    """The stretches of a part that no gap record touches."""
    index = max(1, bisect_right(times, start))
    at = start
    if points and at < end and at < times[0]:
        # Nothing was ever read before in this boot: there is nothing that a gap could be filled from.
        yield Stretch(at, min(times[0], end), 0.0, Coverage.MISSING)
        at = min(times[0], end)
    while at < end and index < len(points):
        (left, left_watts), (right, right_watts) = points[index - 1], points[index]
        index += 1
        until = min(right, end)
        if until <= at:
            continue
        sampled = right - left <= limit
        joules = (left_watts + right_watts) / 2 * (until - at) / _MICROSECONDS if sampled else 0.0
        yield Stretch(at, until, joules, Coverage.SAMPLED if sampled else Coverage.OPEN)
        at = until
    if at < end:
        yield Stretch(at, end, 0.0, Coverage.OPEN)


def _sum(
    stretches: Iterable[Stretch],
    points: Sequence[tuple[int, float]],
    gaps: Sequence[EnergyRecord],
    start: Instant,
    end: Instant,
) -> EnergyFigures:
    joules, spent = 0.0, dict.fromkeys(Coverage, 0)
    for stretch in stretches:
        joules += stretch.joules
        spent[stretch.coverage] += stretch.end_microseconds - stretch.start_microseconds
    first, last = microseconds(start), microseconds(end)
    doubts = (
        (gap.start, gap.doubt_joules)
        for gap in gaps
        if gap.doubt_joules and microseconds(gap.start) < last and first < microseconds(gap.end)
    )
    return EnergyFigures(
        joules,
        spent[Coverage.SAMPLED],
        spent[Coverage.RECOVERED],
        spent[Coverage.MISSING] + spent[Coverage.OPEN],
        max((watts for at, watts in points if first <= at <= last), default=None),
        frozenset(doubts),
    )
