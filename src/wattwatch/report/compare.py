"""Runs compared: groups, their figures with intervals, and the differences between them.

Needs numpy and scipy (the `report` extra); everything that shows a study does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final

from wattwatch.errors import RunError
from wattwatch.report.contrasts import ContrastOptions, contrasts_of
from wattwatch.report.grouping import default_factors, group_name, grouped
from wattwatch.report.groups import group_of
from wattwatch.report.interaction import interaction_text
from wattwatch.report.planned import detection_text
from wattwatch.report.stats.difference import Method
from wattwatch.report.stats.records import Caution
from wattwatch.report.study import Group, Study

_MOST_PAIRED: Final = 8  # groups; of more, each is compared with the first only
_METHODS: Final = {
    "mann-whitney": "Differences: Mann-Whitney U (exact for small groups without equal values), "
    "Hodges-Lehmann shift, Cliff's delta, ratio of medians.",
    "welch": "Differences: Welch's t, difference of means, Hedges' g, ratio of means.",
}
_ENERGY: Final = (
    "Energy is read off the cumulative energy curve at the exact edges of each run; missing time adds "
    "nothing and is never scaled up."
)
_INTERVALS: Final = "Intervals are at 95 %: BCa bootstrap, seeded."
_HOLM: Final = "p values of a figure are adjusted for its number of pairs after Holm."
_UNCERTAINTY: Final = (
    "Uncertainty at k = 2, after the GUM: spread of the runs, meter class (rectangular), edges, filled gaps."
)
Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CompareOptions:
    """How runs are compared. Ratios are of the first group's mean: 0.05 is 5 %."""

    method: Method = "mann-whitney"
    equivalence_ratio: float | None = None
    detect_ratio: float | None = None
    reference: str = ""  # name of the group that the others are compared with; "": all pairs
    seed: int = 0


def compare(
    documents: Sequence[Document],
    by: Sequence[str] = (),
    *,
    title: str = "",
    options: CompareOptions = CompareOptions(),
) -> Study:
    """The study of run documents, grouped by labels or `name`, `experiment`, `node`, `scope`, `variant` …

    Without `by`: by variant, else by name. RunError for no runs, a factor that no run has, or a reference
    that is no group.
    """
    if not documents:
        raise RunError("no runs to compare: see wattwatch runs list")
    by = tuple(by) or default_factors(documents)
    members = grouped(documents, by)
    groups = tuple(
        group_of(group_name(factors), dict(factors), of_group, options.seed)
        for factors, of_group in members.items()
    )
    pairs, cautions = _pairs(groups, options.reference)
    settings = ContrastOptions(options.method, options.equivalence_ratio, options.seed)
    series = {document["run_id"]: document for document in documents}
    return Study(
        title=title or _title(documents),
        by=by,
        groups=groups,
        contrasts=tuple(contrasts_of(pairs, series, settings)),
        interaction=interaction_text(groups, by, options.seed),
        cautions=tuple(cautions),
        method=tuple(_method(groups, options)),
        documents=tuple(document for of_group in members.values() for document in of_group),
    )


def _pairs(groups: Sequence[Group], reference: str) -> tuple[list[tuple[Group, Group]], list[Caution]]:
    """Which groups are compared with which, the reference first."""
    if reference:
        first = next((group for group in groups if group.name == reference), None)
        if first is None:
            names = ", ".join(repr(group.name) for group in groups)
            raise RunError(f"--reference {reference!r}: there is no such group, only {names}")
        return [(first, group) for group in groups if group is not first], []
    if len(groups) <= _MOST_PAIRED:
        return list(combinations(groups, 2)), []
    text = f"{len(groups)} groups: each is compared with {groups[0].name!r} only; --reference names another"
    return [(groups[0], group) for group in groups[1:]], [Caution("many-groups", text)]


def _title(documents: Sequence[Document]) -> str:
    experiments = {document.get("experiment") for document in documents}
    experiment = experiments.pop() if len(experiments) == 1 else None
    return str(experiment or "Comparison of runs")


def _method(groups: Sequence[Group], options: CompareOptions) -> list[str]:
    said = [_ENERGY, _INTERVALS]
    if len(groups) > 1:
        said += [_METHODS[options.method], _HOLM]
    said.append(_UNCERTAINTY)
    if options.detect_ratio is not None:
        said += [detection_text(group, options.detect_ratio, options.method) for group in groups]
    return said
