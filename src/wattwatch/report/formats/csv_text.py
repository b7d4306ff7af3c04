"""A study as one tidy CSV table: a row for every run, figure and phase, in SI units. Pure."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from wattwatch.report.formats.content import cautions_of
from wattwatch.report.study import Group, Repetition, Study

_HEAD: Final = (
    "run_id", "group", "repetition", "position", "counted", "reason_left_out", "started_at", "state",
    "completeness", "covered_ratio", "quality", "scope", "phase", "figure", "value", "warnings",
    "group_warnings",
)  # fmt: skip


def text_of(study: Study) -> str:
    """Rows of `run_id … phase,figure,value,warnings,group_warnings`; then one column for each factor.

    Unknown is empty. `figure` has its unit in its name; `phase` is empty for the whole run. Numbers have all
    their digits. `warnings` are the run's own; `group_warnings` speak against figures of its group or against
    comparing it with another, and stand in each of its rows, so that a row taken alone does not lose them.
    """
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow((*_HEAD, *study.by))
    warnings = {document["run_id"]: _joined(document["warnings"]) for document in study.documents}
    for group in study.groups:
        of_group = _joined(cautions_of(study, group))
        for repetition in group.repetitions:
            said = (warnings[repetition.run_id], of_group)
            writer.writerows(_rows(study, group, repetition, said))
    return made.getvalue()


def _joined(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def _rows(
    study: Study, group: Group, one: Repetition, warnings: tuple[str, str]
) -> Iterator[tuple[object, ...]]:
    known = (
        one.run_id, group.name, one.number, one.position, "no" if one.is_left_out else "yes",
        one.reason_left_out, one.started_at, one.state, one.completeness, one.covered_ratio,
        group.quality, "+".join(group.scopes),
    )  # fmt: skip
    factors = tuple(group.factors[key] for key in study.by)
    for phase, figures in (("", one.figures), *one.phases.items()):
        for figure, value in figures.items():
            yield (*known, phase, figure, value, *warnings, *factors)
