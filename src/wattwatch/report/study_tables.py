"""Tables of several runs: groups, contrasts, phases, how it was measured, how sure it is, every run. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from wattwatch.report.epochs import median_of
from wattwatch.report.markup import table
from wattwatch.report.quantities import TIMES, Quantity, has_zero, measure_of, quantity
from wattwatch.report.repetitions import misses_time
from wattwatch.report.stats.records import Estimate, Summary
from wattwatch.report.study import MEASURES, Contrast, Group, Measure, Measured, Study
from wattwatch.report.temperatures import warming_of, warming_rows
from wattwatch.report.words import (
    UNKNOWN,
    celsius_text,
    joules_text,
    kelvin_text,
    number,
    percent_text,
    seconds_text,
    watts_text,
)

_LEAST_P: Final = 0.001
_PERCENT: Final = 100
_EFFECTS: Final = {"cliffs-delta": "Cliff's delta", "hedges-g": "Hedges' g"}
_METERED_UNITS: Final = ("J", "W")
_PHASE_MEASURES: Final = ("energy_joules", "mean_power_watts", "duration_seconds")
Document = Mapping[str, Any]


def groups_table(study: Study) -> str:
    """Every measure of every group: repetitions, median, mean, spread, range."""
    head = ("group", "runs", "median [95 %]", "mean [95 %]", "standard deviation", "lowest to highest")
    bodies = ((_title(measure, scale), rows) for measure, scale, rows in _measures(study))
    return table("The groups, by figure", head, bodies)


def _title(measure: Measure, scale: Quantity) -> str:
    return f"{measure.title}, {scale.unit}"


def _measures(study: Study) -> Iterator[tuple[Measure, Quantity, list[tuple[str, ...]]]]:
    for measure in MEASURES:
        found = [(group, group.summaries.get(measure.key)) for group in study.groups]
        known = [summary for _, summary in found if summary is not None]
        if known:
            scale = quantity(measure.unit, [summary.maximum for summary in known])
            bounds = ["≥ " if measure.unit == "J" and is_lower_bound(group) else "" for group in study.groups]
            rows = [(group.name, *_summary(summary, scale)) for group, summary in found]
            yield measure, scale, [_bounded(row, bound) for row, bound in zip(rows, bounds, strict=True)]


def is_lower_bound(group: Group) -> bool:
    """Whether time is missing in a run that counts: then the energies of the group are lower bounds."""
    return any(misses_time(repetition) for repetition in group.counted)


def _bounded(row: tuple[str, ...], bound: str) -> tuple[str, ...]:
    name, count, median, mean, *others = row
    return (name, count, bound + median, bound + mean, *others)


def _summary(summary: Summary | None, scale: Quantity) -> tuple[str, ...]:
    if summary is None:
        return ("0", *(UNKNOWN,) * 4)
    return (
        str(summary.count),
        scale.interval(summary.median),
        scale.interval(summary.mean),
        scale.number(summary.standard_deviation),
        f"{scale.number(summary.minimum)} to {scale.number(summary.maximum)}",
    )


def contrasts_table(study: Study) -> str:
    """The differences of whole runs; empty where nothing was compared."""
    whole = [contrast for contrast in study.contrasts if not contrast.phase]
    return _contrasts("Differences between the groups", whole)


def phase_contrasts_table(study: Study) -> str:
    """The differences of phases; empty where none were compared."""
    of_phases = [contrast for contrast in study.contrasts if contrast.phase]
    return _contrasts("Differences of the phases", of_phases)


def _contrasts(caption: str, contrasts: Sequence[Contrast]) -> str:
    head = ("figure", "ratio [95 %]", "difference [95 %]", "p (Holm)", "effect", "resolvable")
    pairs = dict.fromkeys((contrast.other, contrast.one) for contrast in contrasts)
    bodies = (
        (f"{other} against {one}", [_contrast(c) for c in contrasts if (c.other, c.one) == (other, one)])
        for other, one in pairs
    )
    return table(caption, head, bodies) if contrasts else ""


def _contrast(contrast: Contrast) -> tuple[str, ...]:
    measure, difference = measure_of(contrast.measure), contrast.difference
    shift = difference.shift
    scale = quantity(measure.unit, [shift.value, shift.low, shift.high])
    phase = f"{contrast.phase}: " if contrast.phase else ""
    return (
        f"{phase}{measure.title}",
        ratio_text(difference.ratio) if has_zero(measure) else "no ratio of °C",
        f"{scale.interval(shift)} {scale.unit}",
        p_text(contrast.p_value_holm if contrast.p_value_holm is not None else difference.p_value),
        _effect_text(difference.effect_name, difference.effect),
        _resolvable_text(contrast),
    )


def _resolvable_text(contrast: Contrast) -> str:
    """Whether the meters can tell it; that is a question of what they measure only."""
    if measure_of(contrast.measure).unit not in _METERED_UNITS:
        return "not metered"
    return {True: "yes", False: "no", None: UNKNOWN}[contrast.resolvable]


def ratio_text(ratio: Estimate | None) -> str:
    """`1.312 [1.290, 1.334]`, with the sign of multiplication."""
    if ratio is None:
        return "not defined"
    if ratio.low is None or ratio.high is None:
        return f"{ratio.value:.3f} {TIMES}"
    return f"{ratio.value:.3f} {TIMES} [{ratio.low:.3f}, {ratio.high:.3f}]"


def p_text(p_value: float | None) -> str:
    """A p value; very small ones as a bound."""
    if p_value is None:
        return "no test"
    return f"< {_LEAST_P}" if p_value < _LEAST_P else f"{p_value:.3f}"


def _effect_text(name: str, effect: Estimate | None) -> str:
    shown = _EFFECTS.get(name, name)
    return f"{shown} not defined" if effect is None else f"{shown} {effect.value:+.2f}"


def phases_table(study: Study) -> str:
    """Energy, mean power and time by phase; empty where no group has phases."""
    phases = list(dict.fromkeys(phase for group in study.groups for phase in group.phases))
    if not phases:
        return ""
    measures = [measure_of(key) for key in _PHASE_MEASURES]
    scales = {measure.key: _phase_scale(study, measure) for measure in measures}
    head = ("group", "runs", *(f"{m.title}, {scales[m.key].unit}: median [95 %]" for m in measures))
    bodies = ((phase, [_phase_row(group, phase, scales) for group in study.groups]) for phase in phases)
    return table("The phases of the groups", head, bodies)


def _phase_scale(study: Study, measure: Measure) -> Quantity:
    summaries = (of_phase.get(measure.key) for group in study.groups for of_phase in group.phases.values())
    return quantity(measure.unit, [summary.maximum for summary in summaries if summary is not None])


def _phase_row(group: Group, phase: str, scales: Mapping[str, Quantity]) -> tuple[str, ...]:
    of_phase = group.phases.get(phase, {})
    count = max((summary.count for summary in of_phase.values()), default=0)
    if not of_phase:
        return group.name, "0", *("no such phase",) * len(scales)
    found = ((of_phase.get(key), scale) for key, scale in scales.items())
    texts = (UNKNOWN if summary is None else scale.interval(summary.median) for summary, scale in found)
    return group.name, str(count), *texts


def warming_table(study: Study) -> str:
    """Start, highest and rise of the temperature by group; empty where none is known."""
    rows = warming_rows(study)
    head = ("group", "runs", "at the start", "highest", "rise, ΔT", "zone")
    return (
        table("Temperature: medians, and from the lowest to the highest", head, [("", rows)]) if rows else ""
    )


def measured_table(study: Study) -> str:
    """What measured the energy of each group."""
    head = ("node", "source", "meter", "scope", "quality", "least covered", "class of the meter")
    bodies = ((group.name, map(_measured, group.measured)) for group in study.groups)
    return table("Nodes and meters", head, bodies)


def _measured(measured: Measured) -> tuple[str, ...]:
    return (
        measured.node,
        measured.source or UNKNOWN,
        measured.meter_model or UNKNOWN,
        measured.scope or UNKNOWN,
        measured.quality or UNKNOWN,
        percent_text(measured.covered_ratio),
        _class_text(measured),
    )


def _class_text(measured: Measured) -> str:
    parts = []
    if measured.gain_ratio is not None:
        parts.append(f"± {measured.gain_ratio * _PERCENT:.3g} % of the reading")
    if measured.offset_watts is not None:
        parts.append(f"± {measured.offset_watts * 1000:.3g} mW")
    return " and ".join(parts) or UNKNOWN


def uncertainty_table(study: Study) -> str:
    """What makes the mean energy of each group doubtful, one cause a column, and all of it at k = 2."""
    head: tuple[str, ...] = (
        "group", "mean energy, all at k = 2", "spread of the runs", "class of the meters",
        "edges, of a run", "filled gaps, of a run", "missing, most of a run", "idle baseline",
    )  # fmt: skip
    rows = [_doubt(group, study) for group in study.groups]
    if any(group.net_uncertainty_joules for group in study.groups):
        head = (*head, "mean net energy, all at k = 2")
        rows = [(*row, _net(group)) for row, group in zip(rows, study.groups, strict=True)]
    return table("What the mean energy is doubtful by", head, [("", rows)])


def _net(group: Group) -> str:
    found = group.net_uncertainty_joules
    if found is None:
        return UNKNOWN
    scale = quantity("J", [found.value])
    return f"{scale.interval(found)} {scale.unit}"


def _doubt(group: Group, study: Study) -> tuple[str, ...]:
    ids = {repetition.run_id for repetition in group.counted}
    nodes = [node for d in study.documents if d.get("run_id") in ids for node in d.get("nodes") or ()]
    energy = group.summaries.get("energy_joules")
    combined = group.uncertainty_joules
    scale = quantity("J", [] if energy is None else [energy.maximum])
    spread = None if energy is None else energy.standard_deviation
    missing = [seconds for node in nodes if (seconds := number(node, "missing_seconds")) is not None]
    return (
        group.name,
        UNKNOWN if combined is None else f"{scale.interval(combined)} {scale.unit}",
        UNKNOWN if spread is None else f"sd {scale.text(spread)}",
        "; ".join(dict.fromkeys(map(_class_text, group.measured))) or UNKNOWN,
        _plus_minus(median_of(nodes, "edge_uncertainty_joules")),
        _plus_minus(median_of(nodes, "gap_doubt_joules")),
        seconds_text(max(missing, default=None)),
        _baselines(nodes),
    )


def _plus_minus(joules: float | None) -> str:
    return UNKNOWN if joules is None else f"± {joules_text(joules)}"


def _baselines(nodes: Sequence[Document]) -> str:
    found = dict.fromkeys(baseline_text(node) for node in nodes)
    return "; ".join(found) or UNKNOWN


def baseline_text(node: Document) -> str:
    """`2.90 W (bare, measured 2025-06-01)`."""
    baseline = node.get("baseline") or {}
    watts = number(baseline, "watts")
    if watts is None:
        return UNKNOWN
    at = str(baseline.get("measured_at") or "")[:10]
    doubt = number(baseline, "uncertainty_watts")
    doubt_text = "" if doubt is None else f", standard uncertainty {doubt * 1000:.3g} mW"
    kind, measured = baseline.get("kind") or UNKNOWN, f", measured {at}" if at else ""
    return f"{watts_text(watts)} ({kind}{measured}{doubt_text})"


def runs_table(study: Study) -> str:
    """Every run with its id, so that it can be found and computed again."""
    head = (
        "run", "repetition", "made as", "started, UTC", "state", "time", "energy", "mean power",
        "start → highest (ΔT)", "covered", "counted",
    )  # fmt: skip
    documents = {document.get("run_id"): document for document in study.documents}
    bodies = ((group.name, _run_rows(group, documents)) for group in study.groups)
    return table("All runs", head, bodies, "figures ids")


def _run_rows(group: Group, documents: Mapping[Any, Document]) -> Iterator[tuple[str, ...]]:
    for one in group.repetitions:
        figures = one.figures
        bound = "≥ " if misses_time(one) else ""
        joules = figures.get("energy_joules")
        yield (
            one.run_id,
            str(one.number),
            UNKNOWN if one.position is None else str(one.position),
            one.started_at[:19].replace("T", " "),
            one.state if one.completeness == "final" else f"{one.state}, {one.completeness}",
            seconds_text(figures.get("duration_seconds")),
            UNKNOWN if joules is None else f"{bound}{joules_text(joules)}",
            watts_text(figures.get("mean_power_watts")),
            _warming_text(documents.get(one.run_id, {})),
            percent_text(one.covered_ratio),
            f"no: {one.reason_left_out or 'left out'}" if one.is_left_out else "yes",
        )


def _warming_text(document: Document) -> str:
    warming = warming_of(document)
    if warming is None:
        return UNKNOWN
    start, highest = celsius_text(warming.start_celsius), celsius_text(warming.max_celsius)
    return f"{start} → {highest} ({kelvin_text(warming.rise_kelvin)})"
