"""Several runs as one HTML file that opens without a network: verdict, figures, charts, method. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Final

from wattwatch.report import study_tables as tables
from wattwatch.report.boxplot import box_chart
from wattwatch.report.chart import NodeCurves
from wattwatch.report.epochs import epochs_section, study_epochs
from wattwatch.report.markup import page, quiet
from wattwatch.report.overlay import overlays
from wattwatch.report.phase_bars import phase_chart
from wattwatch.report.plot import legend
from wattwatch.report.quantities import measure_of
from wattwatch.report.repetitions import group_items, order_legend, repetition_chart
from wattwatch.report.study import Study
from wattwatch.report.temperatures import warming_chart
from wattwatch.report.verdicts import caution_section, verdict_section

_BOXED: Final = (
    "energy_joules", "net_energy_joules", "duration_seconds", "mean_power_watts", "temperature_max_celsius",
)  # fmt: skip
_BY_REPETITION: Final = ("energy_joules", "duration_seconds")
_READING_BOXES: Final = (
    "Box: from the lower to the upper quartile, with the median; whiskers: to the last run within 1.5 times "
    "its height. Every run that counts is a dot, from left to right in order of repetition."
)
_READING_CURVES: Final = (
    "Strong line: the run nearest the median energy of its group, with its phases shaded, its gaps "
    "shaded grey, its start and end dashed. Thin lines: the other runs. Time since the start of each run."
)
_NO_CURVES: Final = (
    "No curves: the readings of these runs are not at hand. They are kept by the daemon for the time of its "
    "[store] retention."
)
_READING_DOUBT: Final = (
    "At k = 2 (about 95 %): spread of the runs, class of the meters, edges and filled gaps together. "
    "Unknown is not zero: what is unknown is not in it. Missing time adds nothing, and makes ≥ of the energy."
)


def study_page(study: Study, curves: Mapping[str, Sequence[NodeCurves]] | None = None) -> str:
    """The report of a study, with the curves that are at hand, by run id.

    Traces and bands are in seconds since the start of their run. At most 60 runs are drawn over time.
    """
    return page(study.title, _body(study, curves or {}), simulated=study.is_simulated)


def _body(study: Study, curves: Mapping[str, Sequence[NodeCurves]]) -> Iterator[str]:
    yield f'<header><h1>{escape(study.title)}</h1><p class="lead">{escape(_scope(study))}</p></header><main>'
    yield from verdict_section(study)
    yield from caution_section(study)
    yield "<h2>Figures of the groups</h2>"
    yield tables.groups_table(study)
    yield from _boxes(study)
    yield from _titled("Differences", [tables.contrasts_table(study)])
    yield from _repetitions(study)
    yield from _titled("Energy by phase", _phases(study))
    yield from _titled("Temperature", _temperature(study))
    yield from _over_time(study, curves)
    yield from epochs_section(study_epochs(study), simulated=study.is_simulated)
    yield from _method(study)
    yield "</main>"


def _scope(study: Study) -> str:
    runs = sum(len(group.repetitions) for group in study.groups)
    counted = sum(len(group.counted) for group in study.groups)
    groups = "1 group" if len(study.groups) == 1 else f"{len(study.groups)} groups"
    by = f" by {', '.join(study.by)}" if study.by else ""
    left_out = "" if counted == runs else f", {runs - counted} of them not counted"
    return f"{'1 run' if runs == 1 else f'{runs} runs'} in {groups}{by}{left_out}."


def _titled(title: str, parts: Iterable[str]) -> Iterator[str]:
    """A section, if there is anything in it."""
    if shown := [part for part in parts if part]:
        yield f"<h2>{escape(title)}</h2>"
        yield from shown


def _boxes(study: Study) -> Iterator[str]:
    charts = (box_chart(f"box-{index}", study, measure_of(key)) for index, key in enumerate(_BOXED))
    yield f'<div class="grid-of-charts">{"".join(charts)}</div>'
    yield quiet(_READING_BOXES)


def _repetitions(study: Study) -> Iterator[str]:
    yield "<h2>Run by run</h2>"
    for index, key in enumerate(_BY_REPETITION):
        yield repetition_chart(f"order-{index}", study, measure_of(key))
    yield order_legend(study)
    yield quiet("From left to right in the order in which they were made; lines: the median of each group.")


def _phases(study: Study) -> Iterator[str]:
    yield phase_chart("phases", study)
    yield tables.phases_table(study)
    yield tables.phase_contrasts_table(study)


def _temperature(study: Study) -> Iterator[str]:
    chart = warming_chart("warming", study)
    yield chart
    if chart:
        yield legend(group_items(study))
        yield quiet(
            "Small dot: at the start of the run; large dot: its highest; the line between them is ΔT."
        )
    yield tables.warming_table(study)


def _over_time(study: Study, curves: Mapping[str, Sequence[NodeCurves]]) -> Iterator[str]:
    yield "<h2>Over time</h2>"
    drawn = list(overlays(study, curves))
    if not drawn:
        yield quiet(_NO_CURVES)
        return
    yield quiet(_READING_CURVES)
    yield from drawn


def _method(study: Study) -> Iterator[str]:
    yield "<h2>How it was measured, and how sure it is</h2>"
    yield tables.measured_table(study)
    yield tables.uncertainty_table(study)
    yield quiet(_READING_DOUBT)
    if study.method:
        yield "<h2>How it was computed</h2>"
        yield f"<ul>{''.join(f'<li>{escape(sentence)}</li>' for sentence in study.method)}</ul>"
    yield "<h2>The runs</h2>"
    yield tables.runs_table(study)
