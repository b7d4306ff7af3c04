"""Studies of simulated runs, put together by hand from the records of `report.study`."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from support.simulated_runs import PI, VM, Setup, SimulatedRun, series_of
from wattwatch.report.chart import NodeCurves
from wattwatch.report.stats.describe import summary
from wattwatch.report.stats.difference import difference
from wattwatch.report.stats.records import Caution, Estimate, Summary
from wattwatch.report.stats.verdict import Compared, Grounds, sentence
from wattwatch.report.study import MEASURES, Contrast, Group, Measured, Repetition, Study

_NODE_KEYS = ("energy_joules", "net_energy_joules", "mean_power_watts", "peak_power_watts")
NOT_COMPARABLE = Caution(
    "scopes-differ",
    "not comparable in absolute terms: pi was measured as board, vm as package; a package leaves out memory, "
    "disk and power supply",
)


def figures_of(node: dict[str, Any], seconds: float | None) -> dict[str, float | None]:
    degrees = node.get("temperature_celsius") or {}
    return {key: node[key] for key in _NODE_KEYS} | {
        "duration_seconds": seconds,
        "temperature_max_celsius": degrees.get("max"),
    }


def repetition(run: SimulatedRun, number: int, position: int, *, left_out: str = "") -> Repetition:
    document = run.document
    (node,) = document["nodes"]
    return Repetition(
        run_id=document["run_id"],
        number=number,
        position=position,
        started_at=document["started_at"],
        state=document["state"],
        completeness=document["completeness"],
        covered_ratio=node["covered_ratio"],
        figures=figures_of(node, document["duration_seconds"]),
        phases={
            phase["phase"]: figures_of(phase, phase["sampled_seconds"] + phase["missing_seconds"])
            for phase in document["phases"]
        },
        epochs=document["epochs"],
        is_left_out=bool(left_out),
        reason_left_out=left_out,
    )


def summaries(repetitions: Sequence[Repetition]) -> dict[str, Summary]:
    found = {}
    for measure in MEASURES:
        values = [one.figures.get(measure.key) for one in repetitions]
        known = [value for value in values if value is not None]
        if known:
            found[measure.key] = summary(known)
    return found


def group_of(name: str, setup: Setup, repetitions: tuple[Repetition, ...]) -> Group:
    counted = [one for one in repetitions if not one.is_left_out]
    phases = dict.fromkeys(phase for one in counted for phase in one.phases)
    parts = {
        phase: [replace(one, figures=one.phases[phase]) for one in counted if phase in one.phases]
        for phase in phases
    }
    own = summaries(counted)
    energy = own.get("energy_joules")
    return Group(
        name=name,
        factors=dict(setup.labels),
        repetitions=repetitions,
        measured=(
            Measured(
                setup.node,
                setup.source,
                setup.meter_model or "",
                setup.scope,
                setup.quality,
                min((one.covered_ratio for one in counted if one.covered_ratio is not None), default=None),
                0.012 if setup.meter_model else None,
                0.015 if setup.meter_model else None,
            ),
        ),
        quality=setup.quality,
        scopes=(setup.scope,),
        summaries=own,
        phases={phase: summaries(of_phase) for phase, of_phase in parts.items()},
        uncertainty_joules=None
        if energy is None
        else Estimate(energy.mean.value, energy.mean.value * 0.98, energy.mean.value * 1.02),
    )


def contrast_of(one: Group, other: Group, measure_key: str) -> Contrast:
    measure = next(measure for measure in MEASURES if measure.key == measure_key)
    values = [
        [value for r in group.counted if (value := r.figures[measure_key]) is not None]
        for group in (one, other)
    ]
    found = difference(*values)
    compared = Compared(one.name, other.name, measure.title, measure.unit, len(values[0]), len(values[1]))
    cautions = () if one.scopes == other.scopes else (NOT_COMPARABLE,)
    said = sentence(compared, found, Grounds(p_value_holm=found.p_value))
    return Contrast(one.name, other.name, measure_key, "", found, found.p_value, None, None, said, cautions)


def study_of(
    setups: Sequence[Setup] = (PI, VM), count: int = 10, *, warm_up: bool = True
) -> tuple[Study, dict[str, Sequence[NodeCurves]]]:
    """A study of so many runs of each set-up, and their curves; the first of all is a warm-up."""
    runs = series_of(setups, count)
    groups = []
    for index, setup in enumerate(setups):
        own = [(place, run) for place, run in enumerate(runs, 1) if (place - 1) % len(setups) == index]
        left_out = "warm-up" if warm_up and not index else ""
        repetitions = tuple(
            repetition(run, number, place, left_out=left_out if number == 1 else "")
            for number, (place, run) in enumerate(own, start=1)
        )
        groups.append(group_of(setup.name, setup, repetitions))
    contrasts = [
        contrast_of(one, other, key)
        for key in ("energy_joules", "duration_seconds", "mean_power_watts")
        for one, other in combinations(groups, 2)
    ]
    study = Study(
        title="mnist by device",
        by=("device",),
        groups=tuple(groups),
        contrasts=tuple(contrasts),
        interaction="",
        cautions=(),
        method=("Put together by hand for a test.",),
        documents=tuple(run.document for run in runs),
    )
    return study, {run.document["run_id"]: run.curves for run in runs}
