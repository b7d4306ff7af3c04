"""What all texts of a study say, in the same words: tables of strings, verdicts, cautions. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wattwatch.report.group_cautions import LOWER_BOUND, RUN_WARNING
from wattwatch.report.quantities import Quantity, has_zero, measure_of, quantity
from wattwatch.report.stats.records import Caution, Estimate, Summary
from wattwatch.report.study import MEASURES, Contrast, Group, Measure, Study
from wattwatch.report.study_tables import p_text, ratio_text
from wattwatch.report.words import UNKNOWN

SIMULATED: Final = "SIMULATED: these figures are not measurements."
_PHASE_MEASURES: Final = ("energy_joules", "mean_power_watts", "duration_seconds")
_SAID: Final = ("energy_joules", "net_energy_joules", "mean_power_watts", "duration_seconds")
_BOUNDED: Final = ("energy_joules",)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of strings; the first column of each row names it."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(study: Study) -> Iterator[Table]:
    """Groups by figure, differences, phases, and how it was measured; those that are empty are left out."""
    found = (_groups(study), _differences(study), *_phases(study), _measured(study))
    return (table for table in found if table.rows)


def verdicts(study: Study) -> Iterator[str]:
    """The sentences on energy, net energy, mean power and time of whole runs, and on the interaction."""
    pairs = dict.fromkeys((contrast.one, contrast.other) for contrast in study.contrasts)
    for one, other in pairs:
        for key in _SAID:
            yield from (c.verdict for c in study.contrasts if _is_whole(c, one, other) and c.measure == key)
    if study.interaction:
        yield study.interaction


def cautions(study: Study) -> list[tuple[str, str]]:
    """Whom a caution is about ("" is everything), and its text; each once."""
    found = [("", caution.text) for caution in study.cautions]
    for group in study.groups:
        found += [(group.name, caution.text) for caution in _own_cautions(group)]
    for contrast in study.contrasts:
        found += [(_pair_name(contrast), caution.text) for caution in contrast.cautions]
    return list(dict.fromkeys(found))


def cautions_of(study: Study, group: Group) -> list[str]:
    """All that has to be known of a group besides the warnings of its runs, its comparisons included."""
    found = [caution.text for caution in study.cautions]
    found += [caution.text for caution in _own_cautions(group) if caution.code != RUN_WARNING]
    for contrast in study.contrasts:
        if group.name in (contrast.one, contrast.other):
            found += [f"{_pair_name(contrast)}: {caution.text}" for caution in contrast.cautions]
    return list(dict.fromkeys(found))


def _own_cautions(group: Group) -> Iterator[Caution]:
    yield from group.cautions
    for key, summary in group.summaries.items():
        title = measure_of(key).title
        yield from (Caution(caution.code, f"{title}: {caution.text}") for caution in summary.cautions)


def _pair_name(contrast: Contrast) -> str:
    return f"{contrast.other} against {contrast.one}"


def scope_text(study: Study) -> str:
    """`20 runs in 2 groups by device`."""
    runs = sum(len(group.repetitions) for group in study.groups)
    by = f" by {', '.join(study.by)}" if study.by else ""
    return f"{runs} run{'s' * (runs != 1)} in {len(study.groups)} group{'s' * (len(study.groups) != 1)}{by}"


def _is_whole(contrast: Contrast, one: str, other: str) -> bool:
    return not contrast.phase and (contrast.one, contrast.other) == (one, other)


def _groups(study: Study) -> Table:
    head = ("group", "figure", "runs", "median [95 %]", "mean [95 %]", "sd", "lowest", "highest")
    rows: list[tuple[str, ...]] = []
    for measure in MEASURES:
        found = [group.summaries.get(measure.key) for group in study.groups]
        known = [summary for summary in found if summary is not None]
        scale = quantity(measure.unit, [summary.maximum for summary in known])
        if known:
            rows += (_group_row(g, measure, s, scale) for g, s in zip(study.groups, found, strict=True))
    return Table("Groups", head, tuple(rows))


def _group_row(group: Group, measure: Measure, found: Summary | None, scale: Quantity) -> tuple[str, ...]:
    title = f"{measure.title}, {scale.unit}"
    if found is None:
        return (group.name, title, "0", *(UNKNOWN,) * 5)
    bound = "≥ " if measure.key in _BOUNDED and is_lower_bound(group) else ""
    return (
        group.name,
        title,
        str(found.count),
        bound + scale.interval(found.median),
        bound + scale.interval(found.mean),
        UNKNOWN if found.standard_deviation is None else scale.number(found.standard_deviation),
        scale.number(found.minimum),
        scale.number(found.maximum),
    )


def is_lower_bound(group: Group) -> bool:
    """Whether time is missing in a run of a group: its energies are then lower bounds."""
    return any(caution.code == LOWER_BOUND for caution in group.cautions)


def _differences(study: Study) -> Table:
    head = ("groups", "figure", "ratio [95 %]", "difference [95 %]", "p (Holm)", "effect", "resolvable")
    return Table("Differences", head, tuple(map(_difference, study.contrasts)))


def _difference(contrast: Contrast) -> tuple[str, ...]:
    measure, found = measure_of(contrast.measure), contrast.difference
    scale = quantity(measure.unit, [found.shift.value, found.shift.low, found.shift.high])
    phase = f", {contrast.phase}" if contrast.phase else ""
    p_value = found.p_value if contrast.p_value_holm is None else contrast.p_value_holm
    return (
        f"{contrast.other} / {contrast.one}",
        f"{measure.title}{phase}",
        ratio_text(found.ratio) if has_zero(measure) else "no zero",
        f"{scale.interval(found.shift)} {scale.unit}",
        p_text(p_value),
        _effect(found.effect_name, found.effect),
        {True: "yes", False: "no", None: UNKNOWN}[contrast.resolvable],
    )


def _effect(name: str, effect: Estimate | None) -> str:
    return "not defined" if effect is None else f"{name} {effect.value:+.2f}"


def _phases(study: Study) -> Iterator[Table]:
    phases = list(dict.fromkeys(phase for group in study.groups for phase in group.phases))
    if not phases:
        return
    measures = [measure_of(key) for key in _PHASE_MEASURES]
    scales = {measure.key: _phase_scale(study, measure) for measure in measures}
    titles = (f"{m.title}, {scales[m.key].unit}: median [95 %]" for m in measures)
    rows = ((phase, group.name, *_phase(group, phase, scales)) for phase in phases for group in study.groups)
    yield Table("Phases", ("phase", "group", "runs", *titles), tuple(rows))


def _phase_scale(study: Study, measure: Measure) -> Quantity:
    of_phases = (of_phase.get(measure.key) for group in study.groups for of_phase in group.phases.values())
    return quantity(measure.unit, [summary.maximum for summary in of_phases if summary is not None])


def _phase(group: Group, phase: str, scales: Mapping[str, Quantity]) -> tuple[str, ...]:
    found = group.phases.get(phase, {})
    count = max((summary.count for summary in found.values()), default=0)
    texts = (
        scale.interval(None if (s := found.get(key)) is None else s.median) for key, scale in scales.items()
    )
    return (str(count), *texts)


def _measured(study: Study) -> Table:
    head: tuple[str, ...] = (
        "group", "node", "source", "meter", "scope", "quality", "least covered", "mean energy at k = 2"
    )  # fmt: skip
    rows = [row for group in study.groups for row in _measured_rows(group)]
    if any(group.net_uncertainty_joules for group in study.groups):
        head = (*head, "mean net energy at k = 2")
        nets = (_sure(g.net_uncertainty_joules) for g in study.groups for _ in g.measured)
        rows = [(*row, net) for row, net in zip(rows, nets, strict=True)]
    return Table("How it was measured", head, tuple(rows))


def _sure(joules: Estimate | None) -> str:
    if joules is None:
        return UNKNOWN
    scale = quantity("J", [joules.value])
    return f"{scale.interval(joules)} {scale.unit}"


def _measured_rows(group: Group) -> Iterator[tuple[str, ...]]:
    sure = _sure(group.uncertainty_joules)
    for entry in group.measured:
        known: Sequence[str] = (entry.node, entry.source, entry.meter_model, entry.scope, entry.quality)
        covered = UNKNOWN if entry.covered_ratio is None else f"{entry.covered_ratio:.1%}"
        yield (group.name, *(text or UNKNOWN for text in known), covered, sure)
