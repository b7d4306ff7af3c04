"""What a series says when it is over: a table, verdicts, and one JSON document."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from wattwatch.errors import MissingExtra, WattwatchError
from wattwatch.report.formats.json_text import study_document
from wattwatch.report.stats.records import Estimate, Summary
from wattwatch.report.study import Study
from wattwatch.report.words import joules_text, number, seconds_text, watts_text
from wattwatch.runs.labels import VARIANT
from wattwatch.session.series import SeriesResult, SeriesRun
from wattwatch.session.summary import table_lines

_NEEDS_REPORT: Final = "comparison and intervals need numpy and scipy: pip install 'wattwatch[report]'"
_FIGURES: Final = (
    ("energy_joules", joules_text),
    ("duration_seconds", seconds_text),
    ("mean_power_watts", watts_text),
)

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlainGroup:
    """Runs of one command, summarised without numpy: count, median, minimum and maximum."""

    name: str
    factors: Mapping[str, str]
    summaries: Mapping[str, Summary]


@dataclass(frozen=True, slots=True)
class SeriesReport:
    """A series that is over, as far as it can be compared."""

    result: SeriesResult
    study: Study | None
    groups: tuple[PlainGroup, ...]  # where there is no study
    warnings: tuple[str, ...]


def series_report(result: SeriesResult, title: str, more_warnings: Iterable[str] = ()) -> SeriesReport:
    """The report of a series; without the `report` extra it has no comparison, and says so."""
    counted = [run for run in result.runs if run.is_whole and run.measured.document is not None]
    warnings = [*result.warnings, *more_warnings]
    if result.shortfall:
        warnings.append(result.shortfall)
    study = None
    if counted:
        try:
            study = _study([run.measured.document or {} for run in counted], title)
        except WattwatchError as error:
            warnings.append(str(error))
    if study is None:  # its cautions have the warnings of its runs
        warnings += _run_warnings(result.runs)
    groups = () if study else tuple(_plain_groups(counted))
    return SeriesReport(result, study, groups, tuple(dict.fromkeys(warnings)))


def _study(documents: Sequence[Document], title: str) -> Study:
    try:
        from wattwatch.report.compare import compare  # noqa: PLC0415 - numpy and scipy, needed only here
    except ImportError as error:
        raise MissingExtra(_NEEDS_REPORT) from error
    study: Study = compare(documents, (VARIANT,), title=title)
    return study


def _run_warnings(runs: Sequence[SeriesRun]) -> Iterator[str]:
    """Warnings of the runs, each once, with the number of runs that have it."""
    counts: dict[str, int] = {}
    for run in runs:
        told = run.measured.document["warnings"] if run.measured.document else ()
        for warning in dict.fromkeys((*told, *_lost(run))):
            counts[warning] = counts.get(warning, 0) + 1
    for warning, count in counts.items():
        yield f"{count} of {len(runs)} runs: {warning}"


def _lost(run: SeriesRun) -> Iterator[str]:
    if run.measured.document is None:
        yield f"energy unknown: {run.measured.lost or 'no answer'}"


def _plain_groups(runs: Sequence[SeriesRun]) -> Iterator[PlainGroup]:
    by_variant: dict[str, list[Document]] = {}
    for run in runs:
        if not run.turn.is_warmup and run.measured.document is not None:
            by_variant.setdefault(run.measured.document["labels"][VARIANT], []).append(run.measured.document)
    for variant, documents in sorted(by_variant.items()):
        yield PlainGroup(variant, {VARIANT: variant}, dict(_plain_summaries(documents)))


def _plain_summaries(documents: Sequence[Document]) -> Iterator[tuple[str, Summary]]:
    for key, _ in _FIGURES:
        values = [value for document in documents if (value := _figure(document, key)) is not None]
        if values:
            deviation = statistics.stdev(values) if len(values) > 1 else None
            median, mean = Estimate(statistics.median(values)), Estimate(statistics.fmean(values))
            yield key, Summary(len(values), median, mean, deviation, min(values), max(values))


def _figure(document: Document, key: str) -> float | None:
    """A figure of a run over all of its nodes; None where one of them does not know."""
    if key == "duration_seconds":
        return number(document, key)
    values = [number(node, key) for node in document["nodes"]]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def report_lines(report: SeriesReport) -> list[str]:
    """The report for people: a table with a row for each command, verdicts, and what to mind."""
    groups = report.study.groups if report.study else report.groups
    lines = []
    if groups:
        head = (
            "median [95 % interval]" if report.study else "median",
            "runs",
            "energy",
            "time",
            "mean power",
        )
        lines += [f"  {line}" for line in table_lines([head, *map(_row, groups)])]
    if report.study:
        lines += [f"  {contrast.verdict}" for contrast in report.study.contrasts if not contrast.phase]
        lines += [f"  caution: {caution}" for caution in _cautions(report.study)]
    return [*lines, *(f"  warning: {warning}" for warning in report.warnings)]


def _cautions(study: Study) -> Iterator[str]:
    cautions = [*study.cautions]
    for group in study.groups:
        cautions += group.cautions
    yield from dict.fromkeys(map(str, cautions))


def _row(group: Any) -> tuple[str, ...]:
    summaries: Mapping[str, Summary] = group.summaries
    count = max((summary.count for summary in summaries.values()), default=0)
    return (group.name, str(count), *(_cell(summaries.get(key), text) for key, text in _FIGURES))


def _cell(summary: Summary | None, text: Any) -> str:
    if summary is None:
        return str(text(None))
    estimate = summary.median
    if estimate.low is None or estimate.high is None:
        return str(text(estimate.value))
    return f"{text(estimate.value)} [{text(estimate.low)}, {text(estimate.high)}]"


def report_document(report: SeriesReport) -> dict[str, Any]:
    """The document of a series: runs, groups, comparison (null without one), warnings."""
    runs = [run.measured.document for run in report.result.runs if run.measured.document is not None]
    groups: list[Any] = [asdict(group) for group in report.groups]
    comparison = None
    if report.study is not None:
        comparison = study_document(report.study)
        groups = comparison.pop("groups")
        del comparison["runs"]  # they are here already
    return {"runs": runs, "groups": groups, "comparison": comparison, "warnings": list(report.warnings)}
