"""A group of runs: its figures with intervals, how they were measured, and what speaks against them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any, Final

from wattwatch.reading import Quality, worst_quality
from wattwatch.report.group_cautions import group_cautions
from wattwatch.report.members import repetition_of
from wattwatch.report.stats.describe import summary
from wattwatch.report.stats.records import Estimate, Summary
from wattwatch.report.stats.uncertainty import (
    MeteredEnergy,
    gross_budget,
    mean_energy,
    net_budget,
    power_class,
)
from wattwatch.report.study import MEASURES, Group, Measured, Repetition
from wattwatch.report.words import covered_seconds, number
from wattwatch.runs.run import UNTAGGED

PHASE_MEASURES: Final = ("energy_joules", "duration_seconds", "mean_power_watts")
Document = Mapping[str, Any]
Figures = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class _NodeRuns:
    """What one node of a group measured, over the runs that count."""

    measured: Measured
    joules: float | None
    seconds: float


def group_of(name: str, factors: Mapping[str, str], documents: Sequence[Document], seed: int) -> Group:
    """The group of these run documents, in order of start."""
    repetitions = tuple(repetition_of(document, order) for order, document in enumerate(documents, 1))
    kept = [(r, d) for r, d in zip(repetitions, documents, strict=True) if not r.is_left_out]
    counted, nodes = [r for r, _ in kept], [node for _, d in kept for node in d["nodes"]]
    of_nodes = list(_node_runs(nodes))
    qualities = [Quality(node["quality"]) for node in nodes if node.get("quality")]
    return Group(
        name=name,
        factors=factors,
        repetitions=repetitions,
        measured=tuple(of_node.measured for of_node in of_nodes),
        quality=worst_quality(qualities).value if qualities else "",
        scopes=tuple(sorted({node["scope"] for node in nodes if node.get("scope")})),
        summaries=_summaries([r.figures for r in counted], (measure.key for measure in MEASURES), seed),
        phases=_phases(counted, seed),
        uncertainty_joules=_uncertainty(counted, [d for _, d in kept], of_nodes),
        cautions=tuple(group_cautions(repetitions, documents)),
        net_uncertainty_joules=_net_uncertainty(counted, [d for _, d in kept]),
    )


def known_values(repetitions: Iterable[Repetition], key: str, phase: str = "") -> list[float]:
    """A figure of the runs that know it, whole or in a phase, in order."""
    figures = (r.phases.get(phase, {}) if phase else r.figures for r in repetitions)
    return [value for of_run in figures if (value := of_run.get(key)) is not None]


def _summaries(figures: Sequence[Figures], keys: Iterable[str], seed: int) -> dict[str, Summary]:
    found = {key: [v for of_run in figures if (v := of_run.get(key)) is not None] for key in keys}
    return {key: summary(values, seed=seed) for key, values in found.items() if values}


def _phases(counted: Sequence[Repetition], seed: int) -> dict[str, dict[str, Summary]]:
    """None where no run has a phase: untagged time is then the whole run, which is told already."""
    phases = dict.fromkeys(phase for repetition in counted for phase in repetition.phases)
    if phases.keys() <= {UNTAGGED}:
        return {}
    return {
        phase: _summaries([r.phases[phase] for r in counted if phase in r.phases], PHASE_MEASURES, seed)
        for phase in phases
    }


def _node_runs(nodes: Sequence[Document]) -> Iterator[_NodeRuns]:
    by_source: dict[tuple[str, ...], list[Document]] = {}
    for node in nodes:
        key = tuple(
            str(node.get(part) or "") for part in ("node", "source", "meter_model", "scope", "quality")
        )
        by_source.setdefault(key, []).append(node)
    for (name, source, model, scope, quality), of_source in by_source.items():
        meter = power_class(model)
        ratios = (number(node, "covered_ratio") for node in of_source)
        covered = min((ratio for ratio in ratios if ratio is not None), default=None)
        gain, offset = (meter.gain_ratio, meter.offset_watts) if meter else (None, None)
        measured = Measured(name, source, model, scope, quality, covered, gain, offset)
        joules = [value for node in of_source if (value := number(node, "energy_joules")) is not None]
        seconds = fmean(covered_seconds(node) for node in of_source)
        yield _NodeRuns(measured, fmean(joules) if joules else None, seconds)


def _uncertainty(
    counted: Sequence[Repetition], documents: Sequence[Document], of_nodes: Sequence[_NodeRuns]
) -> Estimate | None:
    """The mean energy at k = 2; None where a part of its uncertainty is not known, as a meter's class."""
    joules = known_values(counted, "energy_joules")
    if not joules or len(joules) < len(counted):
        return None
    metered = [
        MeteredEnergy(n.joules, n.seconds, power_class(n.measured.meter_model))
        for n in of_nodes
        if n.joules is not None
    ]
    edges = [_total(document, "edge_uncertainty_joules") for document in documents]
    gaps = [_total(document, "gap_doubt_joules") for document in documents]
    budget = gross_budget(joules, metered, edges_joules=_mean(edges), gaps_joules=_mean(gaps))
    return mean_energy(joules, budget)


def _net_uncertainty(counted: Sequence[Repetition], documents: Sequence[Document]) -> Estimate | None:
    """The mean net energy at k = 2; None where a part of its uncertainty is not known, as idle power's."""
    joules = known_values(counted, "net_energy_joules")
    if not joules or len(joules) < len(counted):
        return None
    by_node: dict[tuple[str, str], list[Document]] = {}
    for node in (node for document in documents for node in document["nodes"]):
        by_node.setdefault((node["node"], node.get("meter_model") or ""), []).append(node)
    metered = [
        MeteredEnergy(
            fmean(number(node, "net_energy_joules") or 0.0 for node in nodes),
            fmean(map(covered_seconds, nodes)),
            power_class(model),
        )
        for (_, model), nodes in by_node.items()
    ]
    edges = [_total(document, "edge_uncertainty_joules") for document in documents]
    gaps = [_total(document, "gap_doubt_joules") for document in documents]
    budget = net_budget(
        joules,
        metered,
        baseline_uncertainty_joules=_baseline_doubt(by_node.values()),
        edges_joules=_mean(edges),
        gaps_joules=_mean(gaps),
    )
    return mean_energy(joules, budget)


def _baseline_doubt(by_node: Iterable[Sequence[Document]]) -> float | None:
    """t·u of idle power in joules: one baseline is in all runs of a node, so that n does not lessen it."""
    squares = []
    for nodes in by_node:
        doubts = [number(node.get("baseline") or {}, "uncertainty_watts") for node in nodes]
        known = [watts for watts in doubts if watts is not None]
        if len(known) < len(doubts):
            return None
        squares.append((max(known) * fmean(map(covered_seconds, nodes))) ** 2)
    return sqrt(sum(squares))


def metered_of(group: Group, key: str) -> list[MeteredEnergy]:
    """A group's mean of a figure by node, as the meters' functions take it; power is joules over a second."""
    found = group.summaries.get(key)
    if found is None or not group.measured:
        return []
    seconds = 1.0
    if key != "mean_power_watts":
        duration = group.summaries.get("duration_seconds")
        seconds = 0.0 if duration is None else duration.mean.value
    share = found.mean.value / len(group.measured)
    return [MeteredEnergy(share, seconds, power_class(m.meter_model)) for m in group.measured]


def _total(document: Document, key: str) -> float | None:
    values = [number(node, key) for node in document["nodes"]]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known and len(known) == len(values) else None
