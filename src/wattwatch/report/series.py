"""Curves small enough to draw: the lowest and highest reading of every bucket of time, and the gaps. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple

MOST_POINTS: Final = 2000
"""Points of a drawn curve: two for every bucket, more than a screen has columns."""

_KEPT_PER_BUCKET: Final = 2


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
    point: Point
    order: int  # of all readings: puts lowest and highest back in order of time
    line: int


class _Bucket:
    """The lowest and the highest reading of a stretch of time."""

    def __init__(self, first: _Kept) -> None:
        self.lowest = self.highest = first

    def add(self, kept: _Kept) -> None:
        if kept.point.value < self.lowest.point.value:
            self.lowest = kept
        elif kept.point.value > self.highest.point.value:
            self.highest = kept

    def kept(self) -> list[_Kept]:
        return sorted({self.lowest.order: self.lowest, self.highest.order: self.highest}.values(), key=_order)


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
    everything = [Point(*point) for point in points]
    if not everything:
        return Trace(label, unit, ())
    first, last = everything[0].seconds, everything[-1].seconds
    width_seconds = max(last - first, 0.0) / max(1, most_points // _KEPT_PER_BUCKET)
    kept = _numbered(everything, gap_limit_seconds)
    buckets = _buckets(kept, first, width_seconds, most_points // _KEPT_PER_BUCKET)
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


def _buckets(
    readings: Iterable[_Kept], first_seconds: float, width_seconds: float, count: int
) -> dict[int, _Bucket]:
    buckets: dict[int, _Bucket] = {}
    for kept in readings:
        index = _bucket_index(kept.point.seconds - first_seconds, width_seconds, count)
        if index in buckets:
            buckets[index].add(kept)
        else:
            buckets[index] = _Bucket(kept)
    return buckets


def _bucket_index(seconds: float, width_seconds: float, count: int) -> int:
    return min(max(int(seconds / width_seconds), 0), count - 1) if width_seconds > 0 else 0


def _numbered(points: list[Point], gap_limit_seconds: float) -> Iterator[_Kept]:
    line, before = 0, points[0].seconds
    for order, point in enumerate(points):
        line += not 0 <= point.seconds - before <= gap_limit_seconds
        before = point.seconds
        yield _Kept(point, order, line)


def _lines(buckets: dict[int, _Bucket]) -> Iterator[tuple[Point, ...]]:
    lines: dict[int, list[Point]] = {}
    for kept in sorted((kept for bucket in buckets.values() for kept in bucket.kept()), key=_order):
        lines.setdefault(kept.line, []).append(kept.point)
    return (tuple(line) for line in lines.values())


def _order(kept: _Kept) -> int:
    return kept.order


def _gaps(points: list[Point], shortest_seconds: float) -> Iterator[Gap]:
    """Gaps wide enough to be seen, so that there are never more than buckets."""
    for left, right in pairwise(points):
        if right.seconds - left.seconds > shortest_seconds:
            yield Gap(left.seconds, right.seconds)


def _numbered_lines(lines: Sequence[Sequence[Point]]) -> Iterator[_Kept]:
    order = 0
    for number, line in enumerate(lines):
        for point in line:
            yield _Kept(point, order, number)
            order += 1
