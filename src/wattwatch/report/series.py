"""Curves small enough to draw: the lowest and highest reading of every bucket of time, and the gaps. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Final, NamedTuple

MOST_POINTS: Final = 2000
"""Points of a drawn curve: two for every bucket, more than a screen has columns."""

_KEPT_PER_BUCKET: Final = 2
_LEAST_WIDTH_SECONDS: Final = 1e-9  # of a bucket; all readings at one instant are in one


class Point(NamedTuple):
    """A reading to draw, in seconds since the start of the run and the unit of its channel."""

    seconds: float
    value: float


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch without readings, longer than the gap limit, in seconds since the start of the run."""

    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class Trace:
    """What is drawn of a channel: lines, broken where readings are too far apart, and those gaps."""

    label: str  # what is drawn, for people
    unit: str  # as people write it: W, °C
    lines: tuple[tuple[Point, ...], ...]
    gaps: tuple[Gap, ...] = ()

    @property
    def points(self) -> Iterator[Point]:
        """All points, in order of time."""
        return (point for line in self.lines for point in line)


class _Kept(NamedTuple):
    order: int  # of all readings: puts lowest and highest back in order of time
    line: int
    point: Point


class _Bucket:
    """The lowest and the highest reading of a stretch of time."""

    __slots__ = ("high", "highest", "low", "lowest")

    def __init__(self, first: _Kept) -> None:
        self.lowest = self.highest = first
        self.low = self.high = first.point.value

    def keep_lowest(self, kept: _Kept) -> None:
        self.lowest, self.low = kept, kept.point.value

    def keep_highest(self, kept: _Kept) -> None:
        self.highest, self.high = kept, kept.point.value


_Numbered = Iterable[tuple[int, float, float]]
"""Readings with the number of their line: line, seconds, value."""


def trace(
    label: str,
    unit: str,
    points: Iterable[tuple[float, float]],
    gap_limit_seconds: float,
    most_points: int = MOST_POINTS,
) -> Trace:
    """The curve of (seconds, value), in order of time, in at most `most_points` points.

    Lines break where neighbouring readings are more than the gap limit apart, or time does not go on.
    """
    everything = list(points)
    if not everything:
        return Trace(label, unit, ())
    numbered = _numbered(everything, gap_limit_seconds)
    if len(everything) <= most_points:
        gaps = _gaps(everything, gap_limit_seconds)
        return Trace(label, unit, tuple(_whole_lines(numbered)), tuple(gaps))
    first, last = everything[0][0], everything[-1][0]
    count = max(1, most_points // _KEPT_PER_BUCKET)
    width_seconds = max(last - first, 0.0) / count
    buckets = _buckets(numbered, first, width_seconds, count)
    gaps = _gaps(everything, max(gap_limit_seconds, width_seconds))
    return Trace(label, unit, tuple(_lines(buckets)), tuple(gaps))


def thinned(whole: Trace, most_points: int) -> Trace:
    """The same curve in at most `most_points` points: its lines stay apart, its gaps stay."""
    everything = list(whole.points)
    if len(everything) <= most_points:
        return whole
    count = max(1, most_points // _KEPT_PER_BUCKET)
    first = everything[0].seconds
    width_seconds = max(everything[-1].seconds - first, 0.0) / count
    buckets = _buckets(_numbered_lines(whole.lines), first, width_seconds, count)
    gaps = tuple(gap for gap in whole.gaps if gap.end_seconds - gap.start_seconds > width_seconds)
    return Trace(whole.label, whole.unit, tuple(_lines(buckets)), gaps)


def step_powers(joules: Sequence[tuple[float, float]], gap_limit_seconds: float) -> list[Point]:
    """The curve of a counter of joules: the mean power of each step, at its end.

    Over a gap it is not known when the energy flowed, and a fall is a wrap or a reset: neither is drawn.
    """
    return [
        Point(end, (after - before) / (end - start))
        for (start, before), (end, after) in pairwise(joules)
        if 0 < end - start <= gap_limit_seconds and after >= before
    ]


def summed(
    curve: Sequence[tuple[float, float]], other: Sequence[tuple[float, float]], gap_limit_seconds: float
) -> list[Point]:
    """The sum of two curves at the points of the first, where the other has neighbours near enough."""
    seconds = [at for at, _ in other]
    points = []
    for at, value in curve:
        right = bisect_left(seconds, at)
        left = right if right < len(other) and seconds[right] == at else right - 1
        if left >= 0 and right < len(other) and seconds[right] - seconds[left] <= gap_limit_seconds:
            (start, before), (end, after) = other[left], other[right]
            share = (at - start) / (end - start) if end > start else 0.0
            points.append(Point(at, value + before + share * (after - before)))
    return points


def _buckets(readings: _Numbered, first_seconds: float, width_seconds: float, count: int) -> list[_Bucket]:
    """The buckets that have readings. A day at 2 Hz passes here, so the loop does little."""
    buckets: dict[int, _Bucket] = {}
    scale, current, bucket = (1 / width_seconds if width_seconds > _LEAST_WIDTH_SECONDS else 0.0), -1, None
    for order, (line, at, value) in enumerate(readings):
        index = int((at - first_seconds) * scale)
        if index != current or bucket is None:
            current = index
            place = min(max(index, 0), count - 1)
            bucket = buckets.get(place)
            if bucket is None:
                bucket = buckets[place] = _Bucket(_Kept(order, line, Point(at, value)))
        if value < bucket.low:
            bucket.keep_lowest(_Kept(order, line, Point(at, value)))
        elif value > bucket.high:
            bucket.keep_highest(_Kept(order, line, Point(at, value)))
    return list(buckets.values())


def _numbered(points: Sequence[tuple[float, float]], gap_limit_seconds: float) -> _Numbered:
    line, before = 0, points[0][0]
    for at, value in points:
        if not 0 <= at - before <= gap_limit_seconds:
            line += 1
        before = at
        yield line, at, value


def _numbered_lines(lines: Sequence[Sequence[Point]]) -> _Numbered:
    return ((number, at, value) for number, line in enumerate(lines) for at, value in line)


def _whole_lines(readings: _Numbered) -> Iterator[tuple[Point, ...]]:
    for _, line in groupby(readings, itemgetter(0)):
        yield tuple(Point(at, value) for _, at, value in line)


def _lines(buckets: Iterable[_Bucket]) -> Iterator[tuple[Point, ...]]:
    kept = {kept.order: kept for bucket in buckets for kept in (bucket.lowest, bucket.highest)}
    lines: dict[int, list[Point]] = {}
    for order in sorted(kept):
        lines.setdefault(kept[order].line, []).append(kept[order].point)
    return (tuple(line) for line in lines.values())


def _gaps(points: Sequence[tuple[float, float]], shortest_seconds: float) -> Iterator[Gap]:
    """Gaps wide enough to be seen, so that there are never more than buckets."""
    for (before, _), (at, _) in pairwise(points):
        if at - before > shortest_seconds:
            yield Gap(before, at)
