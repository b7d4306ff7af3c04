"""Curves over time as inline SVG in a figure: phase bands, gaps, axes. Pure.

The drawing is stretched to the width of the page; all text stands beside it in HTML, so that it stays
readable on a phone.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from wattwatch.report.series import Trace
from wattwatch.report.ticks import Tick, time_ticks, value_ticks

_WIDTH: Final = 1000.0
_HEIGHT: Final = 300.0
_SVG: Final = (
    f'<svg viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" preserveAspectRatio="none" role="img" '
    'aria-labelledby="{name}-title {name}-desc">'
)
_HUES: Final = 6
_SHORT_LABEL_RATIO: Final = 0.06  # no room for a name in a narrower band: the legend has it


@dataclass(frozen=True, slots=True)
class PhaseBand:
    """When a phase went on, in seconds since the start of the run."""

    phase: str
    start_seconds: float
    end_seconds: float


@dataclass(frozen=True, slots=True)
class NodeCurves:
    """What is drawn of a run on a node; None where its readings are not at hand."""

    node: str
    power: Trace | None = None
    temperature: Trace | None = None
    bands: Sequence[PhaseBand] = ()


@dataclass(frozen=True, slots=True)
class ChartFrame:
    """What all charts of a run share: their time axis, the run's edges, its phases."""

    start_seconds: float
    end_seconds: float
    edges_seconds: tuple[float, ...] = (0.0,)  # the run's start, and its end if it has ended
    bands: Sequence[PhaseBand] = ()
    simulated: bool = False

    def x(self, seconds: float) -> float:
        """Where an instant is, 0 at the left and 1 at the right edge; what lies outside is put there."""
        span = self.end_seconds - self.start_seconds
        return min(max((seconds - self.start_seconds) / span, 0.0), 1.0)

    def hues(self) -> dict[str, int]:
        """A colour for every phase, in order of their first band."""
        return {phase: index % _HUES for index, phase in enumerate(_phases(self.bands))}


@dataclass(frozen=True, slots=True)
class _Axis:
    ticks: list[Tick]

    def y(self, value: float) -> float:
        """Where a value is: 0 at the bottom, 1 at the top."""
        low, high = self.ticks[0].at, self.ticks[-1].at
        return (value - low) / (high - low)


def _phases(bands: Sequence[PhaseBand]) -> list[str]:
    return list(dict.fromkeys(band.phase for band in bands))


def power_chart(trace: Trace, frame: ChartFrame, mean_watts: float | None) -> str:
    """The figure of a power curve, from 0 W on; `mean_watts` is drawn as a line."""
    values = [point.value for point in trace.points]
    axis = _Axis(value_ticks(min(0.0, *values), max(values)))
    mean = "" if mean_watts is None else _level(axis.y(mean_watts), "mean")
    return _figure("power", trace, frame, axis, mean)


def temperature_chart(trace: Trace, frame: ChartFrame) -> str:
    """The figure of a temperature curve, its axis around what was read."""
    values = [point.value for point in trace.points]
    axis = _Axis(value_ticks(min(values) - 1, max(values) + 1, most=4))
    return _figure("temperature", trace, frame, axis, "")


def legend(frame: ChartFrame, *, gaps: bool) -> str:
    """What the colours mean; empty if there are none."""
    items = [f'<li><i class="p{hue}"></i>{escape(phase)}</li>' for phase, hue in frame.hues().items()]
    if gaps:
        items.append('<li><i class="gap"></i>no readings: the line is broken</li>')
    return f'<ul class="legend">{"".join(items)}</ul>' if items else ""


def _figure(name: str, trace: Trace, frame: ChartFrame, axis: _Axis, mean: str) -> str:
    low = name != "power"
    parts = (
        f'<figure class="chart"><figcaption>{escape(trace.label)}, {escape(trace.unit)}</figcaption>',
        f'<div class="plot{" low" if low else ""}">',
        _SVG.format(name=name),
        f'<title id="{name}-title">{escape(trace.label)} over time</title>',
        f'<desc id="{name}-desc">{escape(_described(trace, frame))}</desc>',
        *_bands(frame),
        *(_level(axis.y(tick.at), "grid") for tick in axis.ticks),
        *_gaps(trace, frame),
        *(_upright(frame.x(edge), "edge") for edge in frame.edges_seconds),
        mean,
        f'<path class="curve{" heat" if low else ""}" d="{_path(trace, frame, axis)}"/></svg>',
        *_labels(frame, axis),
        "</div></figure>",
    )
    return "\n".join(filter(None, parts))


def _described(trace: Trace, frame: ChartFrame) -> str:
    values = [point.value for point in trace.points]
    phases = ", ".join(_phases(frame.bands))
    return (
        f"From {min(values):.2f} to {max(values):.2f} {trace.unit} between {frame.start_seconds:.1f} and "
        f"{frame.end_seconds:.1f} s after the start of the run; dashed: its start and end. "
        f"Gaps without readings: {len(trace.gaps)}." + (f" Phases: {phases}." if phases else "")
    )


def _bands(frame: ChartFrame) -> Iterator[str]:
    hues = frame.hues()
    for band in frame.bands:
        left, right = frame.x(band.start_seconds), frame.x(band.end_seconds)
        yield _rectangle(left, right, f"band p{hues[band.phase]}")


def _gaps(trace: Trace, frame: ChartFrame) -> Iterator[str]:
    for gap in trace.gaps:
        yield _rectangle(frame.x(gap.start_seconds), frame.x(gap.end_seconds), "gap")


def _rectangle(left: float, right: float, css: str) -> str:
    size = f'x="{left * _WIDTH:.1f}" width="{(right - left) * _WIDTH:.1f}" y="0" height="{_HEIGHT:g}"'
    return f'<rect class="{css}" {size}/>'


def _level(ratio: float, css: str) -> str:
    return f'<path class="{css}" d="M0 {_down(ratio)}H{_WIDTH:g}"/>'


def _upright(ratio: float, css: str) -> str:
    return f'<path class="{css}" d="M{ratio * _WIDTH:.1f} 0V{_HEIGHT:g}"/>'


def _down(ratio: float) -> str:
    return f"{(1 - ratio) * _HEIGHT:.1f}"


def _path(trace: Trace, frame: ChartFrame, axis: _Axis) -> str:
    """One `M` for every line; a single reading is a dot, a line of no length with round ends."""
    pieces = []
    for line in trace.lines:
        corners = [f"{frame.x(point.seconds) * _WIDTH:.1f} {_down(axis.y(point.value))}" for point in line]
        pieces.append("M" + "L".join(corners) + ("h0" if len(corners) == 1 else ""))
    return "".join(pieces)


def _labels(frame: ChartFrame, axis: _Axis) -> Iterator[str]:
    """Text beside the drawing; hidden from screen readers, which are given the description instead."""
    for tick in axis.ticks:
        yield _label("y", f"bottom:{axis.y(tick.at):.2%}", tick.text)
    for index, tick in enumerate(time_ticks(frame.start_seconds, frame.end_seconds)):
        yield _label("x odd" if index % 2 else "x", f"left:{frame.x(tick.at):.2%}", tick.text)
    for band in frame.bands:
        left, right = frame.x(band.start_seconds), frame.x(band.end_seconds)
        if right - left >= _SHORT_LABEL_RATIO:
            yield _label("phase", f"left:{left:.2%};width:{right - left:.2%}", band.phase)
    if frame.simulated:
        yield _label("mark", "", "SIMULATED")


def _label(css: str, place: str, text: str) -> str:
    style = f' style="{place}"' if place else ""
    return f'<span class="{css}"{style} aria-hidden="true">{escape(text)}</span>'
