"""What figures for papers show, by matplotlib: one column wide, told apart by shape as well as by colour."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wattwatch.report.boxplot import LEAST_FOR_BOX, box_of, group_values
from wattwatch.report.chart import NodeCurves, phase_hues
from wattwatch.report.overlay import Panel, panels
from wattwatch.report.phase_bars import pieces_of
from wattwatch.report.quantities import Quantity, measure_of, quantity
from wattwatch.report.repetitions import Made, in_order
from wattwatch.report.series import Trace
from wattwatch.report.study import Measure, Study

# The colours of the page in light: groups, and phases after Okabe and Ito, Color Universal Design, 2008.
_GROUP_COLOURS: Final = ("#0b62a8", "#cc5208", "#1a9a78", "#a8447f", "#6b4a00", "#3f454b")
_MARKERS: Final = ("o", "s", "^", "D", "v", "P")
_PHASE_COLOURS: Final = {
    "p0": "#e69f00", "p1": "#56b4e9", "p2": "#009e73", "p3": "#cc79a7", "p4": "#d55e00", "p5": "#7466b8",
    "p-untagged": "#b5babf", "p-mixed": "#6a7178",
}  # fmt: skip
_HATCHES: Final = {"p-mixed": "////"}
_WIDTH_INCHES: Final = 3.4
_ROW_INCHES: Final = 1.45
_BAR_INCHES: Final = 0.45
_MARGIN_INCHES: Final = 0.75
_MOST_PANELS: Final = 8
_BOXED: Final = ("energy_joules", "duration_seconds", "mean_power_watts")
_BY_REPETITION: Final = ("energy_joules", "duration_seconds")
_BOX_RATIO: Final = 0.5
_POINTS_RATIO: Final = 0.36
_ROTATED_FROM: Final = 5  # groups: their names no longer fit beside each other
_RC: Final[Any] = {
    "font.size": 7.5, "axes.titlesize": 8, "axes.labelsize": 7.5, "xtick.labelsize": 7, "ytick.labelsize": 7,
    "legend.fontsize": 6.5, "legend.frameon": False, "axes.spines.top": False, "axes.spines.right": False,
    "axes.linewidth": 0.6, "lines.linewidth": 0.9, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"], "pdf.fonttype": 42,
    "svg.hashsalt": "wattwatch", "svg.fonttype": "none", "text.parse_math": False,
    "axes.formatter.useoffset": False,
}  # fmt: skip

Curves = Mapping[str, Sequence[NodeCurves]]


def style() -> AbstractContextManager[None]:
    """The look of all figures, and what keeps their files the same from run to run."""
    return mpl.rc_context(_RC)


def all_figures(study: Study, curves: Curves) -> Iterator[tuple[str, Figure]]:
    """Names and figures, without those of which nothing is known."""
    runs = sum(len(group.repetitions) for group in study.groups)
    makers: list[tuple[str, Callable[[], Figure | None]]] = [
        ("power", lambda: _over_time(study, curves, "power")),
        ("temperature", lambda: _over_time(study, curves, "temperature")),
    ]
    if runs > 1:
        makers = [
            ("boxes", lambda: _boxes(study)),
            ("repetitions", lambda: _repetitions(study)),
            ("phases", lambda: _phases(study)),
            *makers,
        ]
    for name, make in makers:
        if (figure := make()) is not None:
            yield name, figure


def _figure(rows: int, row_inches: float, study: Study) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(_WIDTH_INCHES, rows * row_inches + _MARGIN_INCHES), layout="constrained")
    axes = [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]
    if study.is_simulated:
        figure.text(0.995, 0.995, "SIMULATED", ha="right", va="top", color="#b3261e", weight="bold", size=6)
    return figure, axes


def _known(study: Study, keys: Sequence[str]) -> list[Measure]:
    measures = (measure_of(key) for key in keys)
    return [measure for measure in measures if any(group_values(group, measure) for group in study.groups)]


def _boxes(study: Study) -> Figure | None:
    measures = _known(study, _BOXED)
    if not measures:
        return None
    figure, axes = _figure(len(measures), _ROW_INCHES, study)
    for measure, ax in zip(measures, axes, strict=True):
        values = [group_values(group, measure) for group in study.groups]
        scale = quantity(measure.unit, [value for of_group in values for value in of_group])
        for index, of_group in enumerate(values):
            _box(ax, index, [value / scale.factor for value in of_group])
        ax.set_ylabel(f"{measure.title} ({scale.unit})")
        rotation = 30 if len(values) >= _ROTATED_FROM else 0
        names = [group.name for group in study.groups]
        ax.set_xticks(range(len(values)), names, rotation=rotation, ha="right" if rotation else "center")
        ax.set_xlim(-0.6, len(values) - 0.4)
    return figure


def _box(ax: Axes, index: int, values: Sequence[float]) -> None:
    colour = _GROUP_COLOURS[index % len(_GROUP_COLOURS)]
    if len(values) >= LEAST_FOR_BOX:
        box = box_of(values)
        numbers = {
            "med": box.median, "q1": box.low_quartile, "q3": box.high_quartile,
            "whislo": box.low_whisker, "whishi": box.high_whisker,
        }  # fmt: skip
        line = {"color": colour, "linewidth": 0.8}
        ax.bxp(
            [numbers], positions=[index], widths=_BOX_RATIO, showfliers=False, patch_artist=True,
            boxprops={"facecolor": colour, "alpha": 0.22, "edgecolor": colour},
            medianprops={"color": colour, "linewidth": 1.6}, whiskerprops=line, capprops=line,
            manage_ticks=False,
        )  # fmt: skip
    places = [index + _POINTS_RATIO * ((order + 0.5) / len(values) - 0.5) for order in range(len(values))]
    marker = _MARKERS[index % len(_MARKERS)]
    ax.plot(places, values, marker, color=colour, markersize=2.6, markeredgewidth=0)


def _repetitions(study: Study) -> Figure | None:
    measures = _known(study, _BY_REPETITION)
    if not measures:
        return None
    figure, axes = _figure(len(measures), _ROW_INCHES, study)
    made = in_order(study)
    for measure, ax in zip(measures, axes, strict=True):
        scale = quantity(measure.unit, [one.repetition.figures.get(measure.key) for one in made])
        for index, group in enumerate(study.groups):
            own = [one for one in made if one.group == index]
            _series(ax, (index, group.name), own, measure, scale)
        ax.set_ylabel(f"{measure.title} ({scale.unit})")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes[-1].set_xlabel("run, in order of making\n(hollow: not counted; ring: first of its group)")
    axes[0].legend(loc="best", ncols=2)
    return figure


def _series(
    ax: Axes, group: tuple[int, str], made: Sequence[Made], measure: Measure, scale: Quantity
) -> None:
    index, name = group
    colour, marker = _GROUP_COLOURS[index % len(_GROUP_COLOURS)], _MARKERS[index % len(_MARKERS)]
    for one in made:
        value = one.repetition.figures.get(measure.key)
        if value is None:
            continue
        if one.is_first:
            ax.plot(one.place, value / scale.factor, "o", markersize=7, mfc="none", mec="black", mew=0.6)
        inside = "white" if one.repetition.is_left_out else colour
        ax.plot(one.place, value / scale.factor, marker, color=colour, mfc=inside, markersize=3, mew=0.8)
    ax.plot([], [], marker, color=colour, markersize=3, label=name)


def _phases(study: Study) -> Figure | None:
    bars = [pieces_of(group) for group in study.groups]
    if not any(bars):
        return None
    scale = quantity("J", [sum(piece.joules for piece in bar) for bar in bars])
    hues = phase_hues(piece.phase for bar in bars for piece in bar)
    figure, (ax,) = _figure(1, _BAR_INCHES * len(bars), study)
    for row, bar in enumerate(bars):
        left = 0.0
        for piece in bar:
            width = max(0.0, piece.joules) / scale.factor
            css = hues[piece.phase]
            ax.barh(
                row, width, left=left, height=0.6, color=_PHASE_COLOURS[css], hatch=_HATCHES.get(css),
                edgecolor="white", linewidth=0.5,
            )  # fmt: skip
            left += width
    for phase, css in hues.items():
        label = phase.lstrip("_") or "phase"  # what begins with _ has no place in a legend
        ax.barh(0, 0, color=_PHASE_COLOURS[css], hatch=_HATCHES.get(css), label=label)
    ax.set_yticks(range(len(bars)), [group.name for group in study.groups])
    ax.invert_yaxis()
    ax.set_xlabel(f"energy, mean of the repetitions ({scale.unit})")
    figure.legend(loc="outside upper left", ncols=4, handlelength=1.2, columnspacing=1.0)
    return figure


def _over_time(study: Study, curves: Curves, kind: str) -> Figure | None:
    drawn = [panel for panel in panels(study, curves) if panel.traces(kind)][:_MOST_PANELS]
    if not drawn:
        return None
    figure, axes = _figure(len(drawn), _ROW_INCHES, study)
    hues = phase_hues(band.phase for panel in drawn for band in panel.runs[0][1].bands)
    for panel, ax in zip(drawn, axes, strict=True):
        _panel(ax, panel, kind, hues)
    axes[-1].set_xlabel("time since the start of the run (s)")
    for phase, css in hues.items():
        label = phase.lstrip("_") or "phase"  # what begins with _ has no place in a legend
        axes[0].fill_between([], [], color=_PHASE_COLOURS[css], alpha=0.25, linewidth=0, label=label)
    if hues:
        figure.legend(loc="outside upper left", ncols=4, handlelength=1.2, columnspacing=1.0)
    return figure


def _panel(ax: Axes, panel: Panel, kind: str, hues: Mapping[str, str]) -> None:
    colour = _GROUP_COLOURS[panel.group_index % len(_GROUP_COLOURS)]
    for band in panel.runs[0][1].bands:
        shade = _PHASE_COLOURS[hues[band.phase]]
        ax.axvspan(band.start_seconds, band.end_seconds, color=shade, alpha=0.25, linewidth=0)
    first, *others = panel.traces(kind)
    for gap in first.gaps:
        ax.axvspan(gap.start_seconds, gap.end_seconds, color="#8a8f94", alpha=0.3, linewidth=0)
    for trace in others:
        _line(ax, trace, color=colour, alpha=0.3, linewidth=0.4)
    _line(ax, first, color=colour, linewidth=0.9)
    if kind == "power":
        ax.set_ylim(bottom=0)
    ax.set_title(f"{panel.group.name} on {panel.node}", loc="left", size=7)
    ax.set_ylabel(f"{kind} ({first.unit})")


def _line(ax: Axes, trace: Trace, **look: Any) -> None:
    """A line for each stretch without gaps; a lone reading is a dot."""
    for line in trace.lines:
        seconds, values = zip(*line, strict=True)
        ax.plot(seconds, values, marker="." if len(line) == 1 else "", markersize=1.5, **look)
