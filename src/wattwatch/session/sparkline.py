"""The power of a run in one line of text, its phases under it. Pure."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.series import Point, Trace
from wattwatch.report.words import watts_text
from wattwatch.units import text_from_seconds

BLOCKS: Final = "▁▂▃▄▅▆▇█"
ASCII: Final = "_.-~=+*#"
"""The same steps where a terminal cannot show blocks."""

_MARGIN: Final = "  "
_LABEL_WIDTH: Final = 12
_LEAST_COLUMNS: Final = 10
_GAP: Final = " "
_DIGITS: Final = "0123456789"
_HUES: Final = (24, 130, 28, 90, 94, 61, 23, 52)  # of the 256 colours, dark enough for white letters
_OFF: Final = "\x1b[0m"


@dataclass(frozen=True, slots=True)
class Paper:
    """What is drawn on: how wide it is, whether it has colours, and its steps from low to high."""

    width: int
    colour: bool = False
    steps: str = BLOCKS

    @property
    def columns(self) -> int:
        """What is left for a curve beside its label."""
        return max(_LEAST_COLUMNS, self.width - len(_MARGIN) - _LABEL_WIDTH - 1)


def sparkline_lines(curves: Sequence[NodeCurves], duration_seconds: float, paper: Paper) -> list[str]:
    """Power of every node over the run, gaps as gaps, and its phases; nothing without a curve."""
    lines: list[str] = []
    drawn = [curve for curve in curves if curve.power is not None]
    for curve in drawn:
        label = "power" if len(drawn) == 1 else curve.node
        lines += _power_lines(label, curve.power, duration_seconds, paper)
    if drawn and drawn[0].bands:
        lines += _phase_lines(drawn[0].bands, duration_seconds, paper)
    return lines


def _power_lines(label: str, trace: Trace | None, duration_seconds: float, paper: Paper) -> Iterator[str]:
    values = [] if trace is None else column_values(trace.lines, duration_seconds, paper.columns)
    known = [value for value in values if value is not None]
    if known:
        lowest, highest = min(known), max(known)
        yield _line(label, "".join(_step(value, lowest, highest, paper.steps) for value in values))
        low, high = paper.steps[0], paper.steps[-1]
        yield _line("", f"{low} {watts_text(lowest)}  {high} {watts_text(highest)}")


def column_values(
    lines: Iterable[Sequence[Point]], duration_seconds: float, columns: int
) -> list[float | None]:
    """The mean power of every column: of its readings, else between those around it; None in a gap."""
    width_seconds = duration_seconds / columns
    sums: dict[int, list[float]] = defaultdict(list)
    between: dict[int, float] = {}
    for line in lines:
        for point in line:
            if width_seconds > 0 and 0 <= point.seconds <= duration_seconds:
                sums[min(int(point.seconds / width_seconds), columns - 1)].append(point.value)
        between |= dict(_between(line, width_seconds, columns))
    return [
        sum(sums[column]) / len(sums[column]) if column in sums else between.get(column)
        for column in range(columns)
    ]


def _between(line: Sequence[Point], width_seconds: float, columns: int) -> Iterator[tuple[int, float]]:
    """The curve in the middle of every column that a line goes over."""
    times = [point.seconds for point in line]
    for column in range(columns):
        middle = (column + 0.5) * width_seconds
        right = bisect_left(times, middle)
        if 0 < right < len(line):
            before, after = line[right - 1], line[right]
            share = (middle - before.seconds) / ((after.seconds - before.seconds) or 1.0)
            yield column, before.value + share * (after.value - before.value)


def _step(value: float | None, lowest: float, highest: float, steps: str) -> str:
    if value is None:
        return _GAP
    if highest == lowest:
        return steps[len(steps) // 2]
    return steps[min(int((value - lowest) / (highest - lowest) * len(steps)), len(steps) - 1)]


def _phase_lines(bands: Sequence[PhaseBand], duration_seconds: float, paper: Paper) -> Iterator[str]:
    phases = list(dict.fromkeys(band.phase for band in bands))
    letters = phase_letters(phases)
    hues = {phase: _HUES[number % len(_HUES)] for number, phase in enumerate(phases)}
    row = [_phase_of(bands, column, duration_seconds, paper.columns) for column in range(paper.columns)]
    cells = (_cell(letters[phase], hues[phase], paper) if phase else _GAP for phase in row)
    yield _line("phases", "".join(cells))
    seconds = _seconds_by_phase(bands)
    legend = (
        f"{_cell(letters[phase], hues[phase], paper)} {phase} {text_from_seconds(seconds[phase])}"
        for phase in phases
    )
    yield _line("", "  ".join(legend))


def _phase_of(bands: Sequence[PhaseBand], column: int, duration_seconds: float, columns: int) -> str | None:
    """The phase that has most of a column; None if most of it has none."""
    width = duration_seconds / columns
    start, end = column * width, (column + 1) * width
    shares: dict[str, float] = defaultdict(float)
    for band in bands:
        shares[band.phase] += max(0.0, min(end, band.end_seconds) - max(start, band.start_seconds))
    phase = max(shares, key=shares.__getitem__)
    return phase if shares[phase] > 0 and shares[phase] >= (end - start) - sum(shares.values()) else None


def phase_letters(phases: Iterable[str]) -> Mapping[str, str]:
    """A character for every phase, one of its own letters if one is free."""
    letters: dict[str, str] = {}
    for phase in phases:
        own = [letter for letter in phase.lower() if letter.isalnum() and letter.isascii()]
        spare = [*own, *phase.upper(), *_DIGITS]
        free = (c for c in spare if c.isalnum() and c.isascii() and c not in letters.values())
        letters[phase] = next(free, "?")
    return letters


def _seconds_by_phase(bands: Iterable[PhaseBand]) -> Mapping[str, float]:
    seconds: dict[str, float] = defaultdict(float)
    for band in bands:
        seconds[band.phase] += max(0.0, band.end_seconds - band.start_seconds)
    return seconds


def _cell(letter: str, hue: int, paper: Paper) -> str:
    return f"\x1b[97;48;5;{hue}m{letter}{_OFF}" if paper.colour else letter


def _line(label: str, text: str) -> str:
    return f"{_MARGIN}{label[:_LABEL_WIDTH]:<{_LABEL_WIDTH}} {text}".rstrip()
