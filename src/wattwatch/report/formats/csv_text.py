"""A study as one tidy CSV table: a row for every run, figure and phase, in SI units. Pure."""

import csv
import io
from collections.abc import Iterator
from typing import Final

from wattwatch.report.study import Group, Repetition, Study

_HEAD: Final = (
    "run_id", "group", "repetition", "position", "counted", "reason_left_out", "started_at", "state",
    "completeness", "covered_ratio", "quality", "scope", "phase", "figure", "value",
)  # fmt: skip


def text_of(study: Study) -> str:
    """Rows of `run_id … phase,figure,value`; after them one column for each factor. Unknown is empty.

    `figure` has its unit in its name; `phase` is empty for the whole run. Numbers have all their digits.
    """
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow((*_HEAD, *study.by))
    for group in study.groups:
        for repetition in group.repetitions:
            writer.writerows(_rows(study, group, repetition))
    return made.getvalue()


def _rows(study: Study, group: Group, one: Repetition) -> Iterator[tuple[object, ...]]:
    known = (
        one.run_id, group.name, one.number, one.position, "no" if one.is_left_out else "yes",
        one.reason_left_out, one.started_at, one.state, one.completeness, one.covered_ratio,
        group.quality, "+".join(group.scopes),
    )  # fmt: skip
    factors = tuple(group.factors[key] for key in study.by)
    for phase, figures in (("", one.figures), *one.phases.items()):
        for figure, value in figures.items():
            yield (*known, phase, figure, value, *factors)
