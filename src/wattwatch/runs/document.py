"""The JSON document of a run (DESIGN section 6), and the samples that are made of it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.runs.baseline import baseline_warnings
from wattwatch.runs.conditions import condition_warnings
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.epochs import epoch_documents
from wattwatch.runs.figures import Figures, NodeFacts, RunFigures
from wattwatch.runs.run import Completeness, Epoch, Run, RunState, Stamp

_MICROSECOND_DIGITS: Final = 6
_SHORT_RATIO: Final = 0.02  # edges that make more of the energy doubtful than that are a warning
_DISAGREEMENT_RATIO: Final = 0.03
_DISAGREEMENT_JOULES: Final = 500.0
_COMPARABLE_JOULES: Final = 100.0  # below that, the meter's own digits (3.6 J) are the larger part

NO_SOURCE: Final = (
    "no power source: energy is not known; connect a UM24C and name it in a [[source]] of the configuration "
    '(type = "um24c", url = "/dev/rfcomm0"), see wattwatch check-config'
)


@dataclass(frozen=True, slots=True)
class RunTimes:
    """UTC of a run's edges as known now, and how long it is or was."""

    started_seconds: float
    ended_seconds: float | None
    duration_seconds: float


def run_document(
    run: Run,
    times: RunTimes,
    figures: RunFigures | None,
    facts: NodeFacts | None,
    completeness: Completeness,
) -> dict[str, Any]:
    """The document of one run; without figures (nobody measures it any more) its nodes are empty."""
    nodes: list[dict[str, Any]] = []
    phases: list[dict[str, Any]] = []
    warnings: list[str] = []
    if figures is not None and facts is not None:
        whole = node_document(figures.whole, facts, figures.zone)
        nodes = [whole]
        phases = [
            {"phase": phase} | node_document(of_phase, facts, figures.zone)
            for phase, of_phase in figures.phases.items()
        ]
        models = set(facts.meter_model().split("+"))
        model = models.pop() if len(models) == 1 else ""
        warnings = [*_warnings(whole, facts), *condition_warnings(figures.whole.conditions, model)]
        if facts.baseline is not None and whole["energy_joules"] is not None:
            warnings += baseline_warnings(facts.baseline, whole, times.started_seconds)
    ended_seconds = times.ended_seconds
    return {
        "run_id": run.run_id,
        "name": run.name or None,
        "experiment": run.experiment or None,
        "labels": dict(run.labels),
        "phase": run.phase or None,
        "command": run.command or None,
        "exit_status": run.exit_status,
        "state": run.state.value,
        "started_at": rfc3339(times.started_seconds),
        "ended_at": None if ended_seconds is None else rfc3339(ended_seconds),
        "duration_seconds": times.duration_seconds,
        "completeness": completeness.value,
        "nodes": nodes,
        "phases": phases,
        "epochs": _bare_epochs(run) if figures is None else [],  # figured by who measures
        "warnings": warnings,
    }


def unmeasured_document(run: Run) -> dict[str, Any]:
    """The document of a run of which only the ledger is at hand: times and state, no figures."""
    end = run.end or (run.last_event if run.state is RunState.RUNNING else None)
    duration_seconds = max(0.0, end.utc_seconds - run.start.utc_seconds) if end else 0.0
    ended_seconds = None if run.end is None else run.end.utc_seconds
    times = RunTimes(run.start.utc_seconds, ended_seconds, duration_seconds)
    document = run_document(run, times, None, None, Completeness.INCOMPLETE)
    return document | {"warnings": ["the process that measured this run is gone: its energy is not known"]}


def _bare_epochs(run: Run) -> list[dict[str, Any]]:
    """Epochs by what the ledger says of them: who measures the run puts their figures in."""
    until = run.end or run.last_event or run.start
    return epoch_documents(run.epochs, {}, _believed_utc, lambda epoch: _believed_seconds(epoch, until))


def _believed_utc(stamp: Stamp) -> float:
    return stamp.utc_seconds


def _believed_seconds(epoch: Epoch, until: Stamp) -> float:
    seconds = (epoch.end or until).utc_seconds - epoch.start.utc_seconds
    return max(0.0, round(seconds, _MICROSECOND_DIGITS))


def node_document(figures: Figures, facts: NodeFacts, zone: str) -> dict[str, Any]:
    """The figures of a run or phase on this node; unknown is None, never 0."""
    energy, primary = figures.energy, facts.primary
    covered = energy.covered_seconds > 0
    duration_seconds = energy.duration_seconds
    cpu = figures.cpu
    return {
        "node": facts.node,
        "source": None if primary is None else primary.source,
        "meter_model": facts.meter_model() or None,
        "interval_seconds": None if primary is None else facts.interval_seconds,
        "scope": None if primary is None else primary.scope.value,
        "quality": None if primary is None else primary.quality.value,
        "energy_joules": energy.joules if covered else None,
        "net_energy_joules": _net_joules(energy, facts),
        "baseline": None if facts.baseline is None else facts.baseline.document(),
        "mean_power_watts": energy.mean_watts,
        "peak_power_watts": energy.peak_watts if covered else None,
        "sampled_seconds": energy.sampled_seconds,
        "recovered_seconds": energy.recovered_seconds,
        "missing_seconds": energy.missing_seconds,
        "covered_ratio": energy.covered_seconds / duration_seconds if duration_seconds else None,
        "edge_uncertainty_joules": figures.edge_uncertainty_joules if covered else None,
        "gap_doubt_joules": energy.gap_doubt_joules if covered else None,
        "accumulator_joules": figures.accumulator_joules,
        "disagreement_ratio": _disagreement_ratio(figures),
        "temperature_celsius": _temperature(figures, zone),
        "cpu_ratio": None if cpu is None else cpu.busy_seconds / cpu.all_seconds,
        "memory_peak_bytes": figures.memory.highest,
        "network_bytes": figures.network_bytes,
        **_observer(figures),
        **_parts(figures, facts),
    }


def _net_joules(energy: EnergyFigures, facts: NodeFacts) -> float | None:
    if facts.baseline is None or not energy.covered_seconds:
        return None
    return facts.baseline.net_joules(energy.joules, energy.covered_seconds)


def _parts(figures: Figures, facts: NodeFacts) -> dict[str, list[dict[str, Any]]]:
    """What was counted by whom, if that is more than one; the figures above are the primary's alone."""
    parts = ((facts.primary, figures.energy), (facts.fallback, figures.fallback))
    listed = [
        {
            "source": supply.source,
            "scope": supply.scope.value,
            "quality": supply.quality.value,
            "energy_joules": energy.joules,
            "seconds": energy.covered_seconds,
        }
        for supply, energy in parts
        if supply is not None
    ]
    return {"parts": listed} if figures.fallback.covered_seconds else {}


def _temperature(figures: Figures, zone: str) -> dict[str, Any] | None:
    degrees = figures.temperature
    if not degrees.count:
        return None
    return {"zone": zone, "start": degrees.first, "mean": degrees.mean, "max": degrees.highest}


def _observer(figures: Figures) -> dict[str, float | None]:
    """The daemon's share of the CPU, and of the energy by busy CPU time (an upper bound)."""
    cpu, seconds = figures.cpu, figures.observer_cpu_seconds
    if cpu is None or seconds is None:
        return {"observer_cpu_ratio": None, "observer_energy_joules": None}
    known = figures.energy.covered_seconds > 0 and cpu.busy_seconds > 0
    share = min(1.0, seconds / cpu.busy_seconds) if known else None
    return {
        "observer_cpu_ratio": seconds / cpu.all_seconds,
        "observer_energy_joules": None if share is None else figures.energy.joules * share,
    }


def _disagreement_ratio(figures: Figures) -> float | None:
    """Own integral over the meter's own count, minus 1; None where they are not of the same time."""
    counted_joules = figures.accumulator_joules
    if counted_joules is None or counted_joules < _COMPARABLE_JOULES or figures.energy.is_lower_bound:
        return None
    return figures.energy.joules / counted_joules - 1


def _warnings(node: Mapping[str, Any], facts: NodeFacts) -> Iterator[str]:
    if facts.primary is None:
        yield NO_SOURCE
        return
    for part in node.get("parts", [])[1:]:
        yield (
            f"{facts.primary.source} was missing for {part['seconds']:.1f} s in which {part['source']} "
            f"({part['scope']}, {part['quality']}) counted {part['energy_joules']:.4g} J: "
            "they are a part of their own, not in the energy"
        )
    joules, missing_seconds = node["energy_joules"], node["missing_seconds"]
    if joules is None:
        yield f"{facts.primary.source} gave no reading: energy is not known; see wattwatch sources"
        return
    if missing_seconds > 0:
        duration_seconds = missing_seconds + node["sampled_seconds"] + node["recovered_seconds"]
        yield (
            f"{missing_seconds:.1f} s of {duration_seconds:.1f} s are missing: the energy is a lower bound"
        )
    edge_joules = node["edge_uncertainty_joules"]
    if edge_joules > _SHORT_RATIO * abs(joules):
        yield (
            f"too short for this meter: its edges alone make ± {edge_joules:.2g} J doubtful, "
            f"over {_SHORT_RATIO:.0%} of the energy: repeat inside one run"
        )
    ratio = node["disagreement_ratio"]
    if ratio is not None and abs(ratio) > _DISAGREEMENT_RATIO and joules > _DISAGREEMENT_JOULES:
        yield f"own integral and the meter's own count differ by {ratio:+.1%}"
