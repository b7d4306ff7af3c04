"""A curve in a bounded number of points: the lowest and the highest of every bucket of time. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

Line = tuple[tuple[float, float], ...]
"""Adjoining points of a curve: seconds since the start of the run, and a value."""

_KEPT_PER_BUCKET: Final = 2


class _Kept(NamedTuple):
    order: int  # of all points: puts lowest and highest back in order of time
    line: int
    seconds: float
    value: float


class Thinner:
    """Takes points in order of time, and keeps at most `most_points` of those between two instants.

    What is shorter than a bucket and neither its lowest nor its highest point is lost, a break too.
    """

    def __init__(self, start_seconds: float, end_seconds: float, most_points: int) -> None:
        self._start_seconds = start_seconds
        self._count = max(1, most_points // _KEPT_PER_BUCKET)
        self._width_seconds = max(end_seconds - start_seconds, 0.0) / self._count
        self._buckets: dict[int, tuple[_Kept, _Kept]] = {}
        self._order = self._line = 0

    def add(self, seconds: float, value: float) -> None:
        """The next point."""
        kept = _Kept(self._order, self._line, seconds, value)
        self._order += 1
        index = self._index(seconds)
        lowest, highest = self._buckets.get(index, (kept, kept))
        if value < lowest.value:
            lowest = kept
        if value > highest.value:
            highest = kept
        self._buckets[index] = lowest, highest

    def interrupt(self) -> None:
        """The next point does not adjoin the last one."""
        self._line += 1

    def lines(self) -> tuple[Line, ...]:
        """What is kept, in order of time, broken where the curve was."""
        lines: dict[int, list[tuple[float, float]]] = {}
        for kept in sorted(self._kept()):
            lines.setdefault(kept.line, []).append((kept.seconds, kept.value))
        return tuple(tuple(line) for line in lines.values())

    def _kept(self) -> Iterator[_Kept]:
        for lowest, highest in self._buckets.values():
            yield lowest
            if highest is not lowest:
                yield highest

    def _index(self, seconds: float) -> int:
        if self._width_seconds <= 0:
            return 0
        index = int((seconds - self._start_seconds) / self._width_seconds)
        return min(max(index, 0), self._count - 1)


def thinned_lines(lines: tuple[Line, ...], most_points: int) -> tuple[Line, ...]:
    """These lines in at most `most_points` points; unchanged if they have no more."""
    points = [point for line in lines for point in line]
    if len(points) <= most_points:
        return lines
    thinner = Thinner(points[0][0], points[-1][0], most_points)
    for line in lines:
        for seconds, value in line:
            thinner.add(seconds, value)
        thinner.interrupt()
    return thinner.lines()
