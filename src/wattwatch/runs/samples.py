"""Samples of runs: their value is the run's energy, so they never fall and stay until they were read."""

from collections.abc import Iterator, Mapping
from typing import Any

from wattwatch.metrics import (
    NODE_BASELINE,
    NODE_BASELINE_TIME,
    RUN_ACTIVE,
    RUN_EPOCHS,
    RUN_GROSS_ENERGY,
    RUN_INFO,
    RUN_NET_ENERGY,
    RUN_PEAK_POWER,
    RUN_SECONDS,
    RUN_STATE,
    RUN_TEMPERATURE,
    Sample,
)
from wattwatch.runs.baseline import Baseline
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.figures import NodeFacts, Progress
from wattwatch.runs.run import UNTAGGED, Run


def progress_samples(run: Run, progress: Progress, facts: NodeFacts) -> Iterator[Sample]:
    """Samples of a run whose result is not final."""
    yield from _names(run)
    window = run.open_window
    if window is not None and run.is_open:
        yield Sample(RUN_ACTIVE, (run.run_id, window.step, window.phase or UNTAGGED), 1.0)
    degrees = progress.temperature
    yield from _temperature(run.run_id, degrees.first, degrees.mean, degrees.highest)
    if facts.primary is None:
        return
    for phase, energy in progress.phases.items():
        labels = (run.run_id, phase, *facts.primary.labels)
        yield Sample(RUN_GROSS_ENERGY, labels, energy.joules)
    yield from _fallback_energy(run.run_id, progress, facts)
    whole = sum(progress.phases.values(), EnergyFigures())
    yield from _seconds(run.run_id, whole.sampled_seconds, whole.recovered_seconds, whole.missing_seconds)
    if whole.peak_watts is not None:
        yield Sample(RUN_PEAK_POWER, (run.run_id,), whole.peak_watts)


def final_samples(run: Run, document: Mapping[str, Any]) -> Iterator[Sample]:
    """Samples of a run by its final document."""
    yield from _names(run)
    for phase in document["phases"]:
        if phase["source"] is not None:
            labels = (run.run_id, phase["phase"], phase["scope"], phase["quality"])
            yield Sample(RUN_GROSS_ENERGY, labels, phase["energy_joules"] or 0.0)
        for part in phase.get("parts", [])[1:]:
            labels = (run.run_id, phase["phase"], part["scope"], part["quality"])
            yield Sample(RUN_GROSS_ENERGY, labels, part["energy_joules"])
    for node in document["nodes"]:
        if node["net_energy_joules"] is not None:
            yield Sample(RUN_NET_ENERGY, (run.run_id, node["baseline"]["kind"]), node["net_energy_joules"])
        degrees = node["temperature_celsius"] or {}
        yield from _temperature(run.run_id, degrees.get("start"), degrees.get("mean"), degrees.get("max"))
        if node["source"] is not None:
            yield from _seconds(
                run.run_id, node["sampled_seconds"], node["recovered_seconds"], node["missing_seconds"]
            )
        if node["peak_power_watts"] is not None:
            yield Sample(RUN_PEAK_POWER, (run.run_id,), node["peak_power_watts"])


def baseline_samples(baseline: Baseline | None) -> Iterator[Sample]:
    """Samples of the idle power that net energy is reckoned with now; none if it is not known."""
    if baseline is not None:
        yield Sample(NODE_BASELINE, (baseline.kind.value,), baseline.watts)
        yield Sample(NODE_BASELINE_TIME, (baseline.kind.value,), baseline.measured_utc_seconds)


def _fallback_energy(run_id: str, progress: Progress, facts: NodeFacts) -> Iterator[Sample]:
    """What the fallback counted while the primary was missing, under its own labels."""
    for phase, energy in progress.fallback_phases.items():
        if facts.fallback is not None and energy.covered_seconds:
            yield Sample(RUN_GROSS_ENERGY, (run_id, phase, *facts.fallback.labels), energy.joules)


def _names(run: Run) -> Iterator[Sample]:
    yield Sample(RUN_INFO, (run.run_id, run.name, run.experiment, "", "", ""), 1.0)
    yield Sample(RUN_STATE, (run.run_id, run.state.value), 1.0)
    if run.epochs:
        ended = sum(epoch.end is not None for epoch in run.epochs)
        yield Sample(RUN_EPOCHS, (run.run_id,), float(ended))


def _seconds(run_id: str, sampled: float, recovered: float, missing: float) -> Iterator[Sample]:
    for state, seconds in (("sampled", sampled), ("recovered", recovered), ("missing", missing)):
        yield Sample(RUN_SECONDS, (run_id, state), seconds)


def _temperature(
    run_id: str, first: float | None, mean: float | None, highest: float | None
) -> Iterator[Sample]:
    for stat, celsius in (("start", first), ("mean", mean), ("max", highest)):
        if celsius is not None:
            yield Sample(RUN_TEMPERATURE, (run_id, stat), celsius)
