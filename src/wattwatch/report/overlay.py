"""Power and temperature over time: the runs of each group thinly over each other, one in full. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from wattwatch.report import plot
from wattwatch.report.chart import ChartFrame, NodeCurves, bands, gaps, labels, legend, path
from wattwatch.report.plot import Axis, Drawing
from wattwatch.report.series import Trace, thinned
from wattwatch.report.study import Group, Repetition, Study
from wattwatch.report.ticks import value_ticks

MOST_RUNS: Final = 60
"""Runs whose curves a page draws; of a group with more than its share, those nearest its median."""

_MOST_POINTS: Final = 60_000  # of all curves: some 12 bytes each
_LEAST_POINTS: Final = 100
_SAME_AXIS_RATIO: Final = 3.0  # groups whose spans differ by more have axes of their own
_LEAST_SECONDS: Final = 1e-3
_ENERGY: Final = "energy_joules"

Curves = Mapping[str, Sequence[NodeCurves]]


@dataclass(frozen=True, slots=True)
class Panel:
    """The curves of one group on one node; the first is drawn in full, with its bands and gaps."""

    group: Group
    group_index: int
    node: str
    runs: tuple[tuple[Repetition, NodeCurves], ...]

    def traces(self, kind: str) -> list[Trace]:
        """Its curves of `power` or `temperature`, as far as they are known."""
        found = (getattr(curves, kind) for _, curves in self.runs)
        return [trace for trace in found if trace is not None and trace.lines]

    @property
    def duration_seconds(self) -> float:
        """Of the longest run, as far as it is drawn."""
        last = [
            line[-1].seconds
            for kind in ("power", "temperature")
            for t in self.traces(kind)
            for line in t.lines
        ]
        return max([_LEAST_SECONDS, *last])


def drawn_runs(study: Study) -> list[str]:
    """Ids of the runs whose curves a page has room for, the most typical of each group first."""
    share = max(1, MOST_RUNS // max(1, len(study.groups)))
    return [one.run_id for group in study.groups for one in _typical_first(group)[:share]]


def _typical_first(group: Group) -> list[Repetition]:
    """Counted repetitions, those of an energy near the median first, then those left out."""
    known = [one.figures[_ENERGY] or 0.0 for one in group.counted if one.figures.get(_ENERGY) is not None]
    centre = median(known) if known else 0.0

    def distance(one: Repetition) -> tuple[bool, bool, float]:
        joules = one.figures.get(_ENERGY)
        return one.is_left_out, joules is None, abs((joules or 0.0) - centre)

    return sorted(group.repetitions, key=distance)


def overlays(study: Study, curves: Curves) -> Iterator[str]:
    """A figure for each group, node and quantity of which readings are at hand."""
    drawn = list(panels(study, curves))
    spans = [panel.duration_seconds for panel in drawn]
    together = bool(spans) and max(spans) <= _SAME_AXIS_RATIO * min(spans)
    for index, panel in enumerate(drawn):
        span = max(spans) if together else panel.duration_seconds
        yield from _figures(study, panel, index, span, drawn)


def panels(study: Study, curves: Curves) -> Iterator[Panel]:
    """What is drawn: for each group and node the curves that are at hand, thinned to a bounded size."""
    wanted = [run_id for run_id in drawn_runs(study) if curves.get(run_id)]
    total = sum(2 * len(curves[run_id]) for run_id in wanted)
    most_points = max(_LEAST_POINTS, _MOST_POINTS // max(1, total))
    for index, group in enumerate(study.groups):
        of_node: dict[str, list[tuple[Repetition, NodeCurves]]] = {}
        for one in _typical_first(group):
            for of_run in curves[one.run_id] if one.run_id in wanted else ():
                of_node.setdefault(of_run.node, []).append((one, _small(of_run, most_points)))
        for node, runs in of_node.items():
            panel = Panel(group, index, node, tuple(runs))
            if panel.traces("power") or panel.traces("temperature"):
                yield panel


def _small(curves: NodeCurves, most_points: int) -> NodeCurves:
    power, heat = curves.power, curves.temperature
    return NodeCurves(
        curves.node,
        None if power is None else thinned(power, most_points),
        None if heat is None else thinned(heat, most_points),
        curves.bands,
    )


def _figures(
    study: Study, panel: Panel, index: int, span_seconds: float, every: Sequence[Panel]
) -> Iterator[str]:
    first, curves = panel.runs[0]
    duration_seconds = first.figures.get("duration_seconds") or 0.0
    start_seconds = min([0.0, *(line[0].seconds for t in panel.traces("power") for line in t.lines)])
    frame = ChartFrame(
        start_seconds,
        max(span_seconds, start_seconds + _LEAST_SECONDS),
        (0.0, duration_seconds) if duration_seconds else (0.0,),
        curves.bands,
        study.is_simulated,
    )
    for kind in ("power", "temperature"):
        if traces := panel.traces(kind):
            axis = _axis(kind, traces, every)
            yield _figure(f"time-{index}-{kind}", panel, frame, axis, traces)
    yield legend(frame, gaps=any(t.gaps for t in panel.traces("power")))


def _axis(kind: str, traces: Sequence[Trace], panels_together: Sequence[Panel]) -> Axis:
    """The same for all panels where it can be."""
    own = _range(traces)
    everywhere = _range([trace for panel in panels_together for trace in panel.traces(kind)])
    if kind == "temperature":
        return Axis(value_ticks(everywhere[0] - 1, everywhere[1] + 1))
    low, high = everywhere if everywhere[1] <= _SAME_AXIS_RATIO * own[1] else own
    return Axis(value_ticks(min(0.0, low), high))


def _range(traces: Sequence[Trace]) -> tuple[float, float]:
    values = [point.value for trace in traces for point in trace.points]
    return min(values), max(values)


def _figure(name: str, panel: Panel, frame: ChartFrame, axis: Axis, traces: Sequence[Trace]) -> str:
    hue = f"g{panel.group_index % plot.HUES}"
    word = "Power" if traces[0].unit == "W" else "Temperature"
    runs = "1 run" if len(traces) == 1 else f"{len(traces)} runs"
    low, high = _range(traces)
    return plot.figure(
        Drawing(
            name=name,
            caption=f"{word} of {panel.group.name} on {panel.node}, {traces[0].unit}: {runs}",
            title=f"{word} over time of {panel.group.name} on {panel.node}",
            description=(
                f"From {low:.2f} to {high:.2f} {traces[0].unit} in {runs} up to {frame.end_seconds:.1f} s "
                f"after the start; in full: {panel.runs[0][0].run_id}, whose phases are shaded. "
                f"Its gaps without readings: {len(traces[0].gaps)}."
            ),
            shapes=(
                *bands(frame),
                *plot.grid(axis),
                *gaps(traces[0].gaps, frame),
                *(plot.upright(frame.x(edge), "edge") for edge in frame.edges_seconds),
                *(path(trace, frame, axis, f"curve thin {hue}") for trace in reversed(traces[1:])),
                path(traces[0], frame, axis, f"curve {hue}"),
            ),
            labels=(*labels(frame, axis),),
            is_simulated=frame.simulated,
            css="panel" if word == "Power" else "panel low",
        )
    )
