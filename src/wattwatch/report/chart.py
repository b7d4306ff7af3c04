"""Curves over time as inline SVG in a figure: phase bands, gaps, axes. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from wattwatch.report import plot
from wattwatch.report.plot import HUES, Axis, Drawing
from wattwatch.report.series import Gap, Trace
from wattwatch.report.ticks import time_ticks, value_ticks
from wattwatch.runs.run import MIXED, UNTAGGED

_SHORT_LABEL_RATIO: Final = 0.06  # no room for a name in a narrower band: the legend has it
_WITHOUT_HUE: Final = {UNTAGGED: "p-untagged", MIXED: "p-mixed"}
GAP_TEXT: Final = "no readings: the line is broken"


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

    def hues(self) -> dict[str, str]:
        """The class of the colour of every phase, in order of their first band."""
        return phase_hues(band.phase for band in self.bands)


def phase_hues(phases: Iterable[str]) -> dict[str, str]:
    """The class of the colour of every phase, in their order; time without a phase is grey."""
    known = list(dict.fromkeys(phases))
    named = [phase for phase in known if phase not in _WITHOUT_HUE]
    hues = {phase: f"p{index % HUES}" for index, phase in enumerate(named)}
    return {phase: hues.get(phase) or _WITHOUT_HUE[phase] for phase in known}


def power_chart(trace: Trace, frame: ChartFrame, mean_watts: float | None, name: str = "power") -> str:
    """The figure of a power curve, from 0 W on; `mean_watts` is drawn as a line."""
    values = [point.value for point in trace.points]
    axis = Axis(value_ticks(min(0.0, *values), max(values)))
    mean = "" if mean_watts is None else plot.level(axis.at(mean_watts), "mean")
    return _figure(name, trace, frame, axis, (mean, path(trace, frame, axis, "curve")))


def temperature_chart(trace: Trace, frame: ChartFrame, name: str = "temperature") -> str:
    """The figure of a temperature curve, its axis around what was read."""
    values = [point.value for point in trace.points]
    axis = Axis(value_ticks(min(values) - 1, max(values) + 1, most=4))
    return _figure(name, trace, frame, axis, (path(trace, frame, axis, "curve heat"),))


def legend(frame: ChartFrame, *, gaps: bool) -> str:
    """What the colours mean; empty if there are none."""
    items = {css: phase for phase, css in _merged(frame.hues())}
    return plot.legend(items | ({"gap": GAP_TEXT} if gaps else {}))


def _merged(hues: dict[str, str]) -> Iterator[tuple[str, str]]:
    """A colour that stands for several phases is named by all of them."""
    for css in dict.fromkeys(hues.values()):
        yield ", ".join(phase for phase, of_phase in hues.items() if of_phase == css), css


def _figure(name: str, trace: Trace, frame: ChartFrame, axis: Axis, curves: Sequence[str]) -> str:
    return plot.figure(
        Drawing(
            name=name,
            caption=f"{trace.label}, {trace.unit}",
            title=f"{trace.label} over time",
            description=_described(trace, frame),
            shapes=(
                *bands(frame),
                *plot.grid(axis),
                *gaps(trace.gaps, frame),
                *(plot.upright(frame.x(edge), "edge") for edge in frame.edges_seconds),
                *curves,
            ),
            labels=(*labels(frame, axis),),
            is_simulated=frame.simulated,
            css="" if trace.unit == "W" else "low",
        )
    )


def _described(trace: Trace, frame: ChartFrame) -> str:
    values = [point.value for point in trace.points]
    phases = ", ".join(frame.hues())
    return (
        f"From {min(values):.2f} to {max(values):.2f} {trace.unit} between {frame.start_seconds:.1f} and "
        f"{frame.end_seconds:.1f} s after the start of the run; dashed: its start and end. "
        f"Gaps without readings: {len(trace.gaps)}." + (f" Phases: {phases}." if phases else "")
    )


def bands(frame: ChartFrame) -> Iterator[str]:
    """The phases as coloured stretches."""
    hues = frame.hues()
    for band in frame.bands:
        left, right = frame.x(band.start_seconds), frame.x(band.end_seconds)
        yield plot.rectangle(left, right, f"band {hues[band.phase]}")


def gaps(stretches: Sequence[Gap], frame: ChartFrame) -> Iterator[str]:
    """Shaded stretches without readings."""
    for gap in stretches:
        yield plot.rectangle(frame.x(gap.start_seconds), frame.x(gap.end_seconds), "gap")


def path(trace: Trace, frame: ChartFrame, axis: Axis, css: str) -> str:
    """One `M` for every line; a single reading is a dot, a line of no length with round ends."""
    pieces = []
    for line in trace.lines:
        corners = [
            f"{plot.x_text(frame.x(point.seconds))} {plot.y_text(axis.at(point.value))}" for point in line
        ]
        pieces.append("M" + "L".join(corners) + ("h0" if len(corners) == 1 else ""))
    return f'<path class="{css}" d="{"".join(pieces)}"/>'


def labels(frame: ChartFrame, axis: Axis) -> Iterator[str]:
    """Values, times, and the names of phases that are long enough."""
    yield from plot.y_labels(axis)
    for index, tick in enumerate(time_ticks(frame.start_seconds, frame.end_seconds)):
        yield plot.label("x odd" if index % 2 else "x", f"left:{frame.x(tick.at):.2%}", tick.text)
    for band in frame.bands:
        left, right = frame.x(band.start_seconds), frame.x(band.end_seconds)
        if right - left >= _SHORT_LABEL_RATIO:
            yield plot.label("phase", f"left:{left:.2%};width:{right - left:.2%}", band.phase)
