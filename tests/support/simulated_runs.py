"""Runs that nobody made: the simulated meter's loads, as run documents with their curves. All say so."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from wattwatch.clock import rfc3339
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.series import trace
from wattwatch.sources.um.simulator_profiles import TRAINING_SECONDS, training

FIRST_START = 1_748_779_200.0  # 2025-06-01 12:00 UTC
GAP_LIMIT_SECONDS = 3.0
EPOCHS = 10
_PHASES = (("load", 0.0, 0.05), ("training", 0.05, 0.94), ("evaluation", 0.94, 0.99), ("untagged", 0.99, 1.0))
Points = list[tuple[float, float]]


@dataclass(frozen=True)
class Setup:
    """A machine and how it does the work: factors on the profile of a Raspberry Pi 4."""

    name: str
    labels: Mapping[str, str]
    node: str = "pi-1"
    source: str = "meter"
    meter_model: str | None = "UM24C"
    scope: str = "board"
    power_factor: float = 1.0
    time_factor: float = 1.0
    warm_kelvin: float = 0.0
    spread: float = 0.015
    quality: str = "simulated"


@dataclass(frozen=True)
class SimulatedRun:
    document: dict[str, Any]
    curves: tuple[NodeCurves, ...] = field(repr=False)


PI = Setup("pi", {"device": "pi", "platform": "bare"})
PI_K3S = Setup("pi, k3s", {"device": "pi", "platform": "k3s"}, power_factor=1.06, time_factor=1.04)
VM = Setup(
    "vm", {"device": "vm", "platform": "bare"}, "vm-1", "rapl", None, "package", 3.85, 0.2, warm_kelvin=-8.0
)
VM_K3S = Setup(
    "vm, k3s", {"device": "vm", "platform": "k3s"}, "vm-1", "rapl", None, "package", 3.95, 0.205, -8.0
)


def simulated_run(
    setup: Setup, place: tuple[int, int], *, cold: bool = False, gap: bool = False, seed: int = 0
) -> SimulatedRun:
    """One run of the set-up; the first of a day is cold, and in one the meter is not heard for 12 s."""
    number, _ = place  # of the set-up's runs, and of all
    rng = random.Random(f"{setup.name} {number} {seed}")
    profile = training(seed + number)
    duration = TRAINING_SECONDS * setup.time_factor * rng.gauss(1, setup.spread) * (1.07 if cold else 1.0)
    factor = setup.power_factor * rng.gauss(1, setup.spread)
    cooler = -9.0 if cold else rng.gauss(0, 0.8)
    interval = 0.5 if duration > 300 else 0.25
    times = [index * interval for index in range(-8, int(duration / interval) + 9)]
    power: Points = []
    heat: Points = []
    for at in times:
        inside = min(max(at / duration, 0.0), 1.0) * TRAINING_SECONDS
        here = profile.point(inside)
        watts = 2.9 * factor if not 0 <= at <= duration else here.watts * factor
        power.append((at, watts * rng.gauss(1, 0.006)))
        heat.append((at, here.temperature_celsius + setup.warm_kelvin + cooler * (1 - 0.5 * at / duration)))
    if gap:
        power = [point for point in power if not duration * 0.5 < point[0] < duration * 0.5 + 12]
    bands = [PhaseBand(name, duration * a, duration * b) for name, a, b in _PHASES if name != "untagged"]
    curves = NodeCurves(
        setup.node,
        trace(f"Power of {setup.node}", "W", power, GAP_LIMIT_SECONDS),
        trace("Temperature of cpu-thermal", "°C", heat[::4], GAP_LIMIT_SECONDS),
        tuple(bands),
    )
    return SimulatedRun(_document(setup, place, duration, (power, heat)), (curves,))


def _document(
    setup: Setup, place: tuple[int, int], duration: float, curves: tuple[Points, Points]
) -> dict[str, Any]:
    number, position = place
    started = FIRST_START + position * 900.0
    phases = [{"phase": name} | _figures(setup, duration * a, duration * b, curves) for name, a, b in _PHASES]
    run_id = (
        f"01SIM{setup.node.upper().replace('-', '')}{setup.labels.get('platform', '').upper()}{number:02d}"
    )
    return {
        "run_id": run_id,
        "name": "mnist-cnn",
        "experiment": "mnist",
        "labels": dict(setup.labels),
        "phase": None,
        "command": "python train.py",
        "exit_status": 0,
        "state": "succeeded",
        "started_at": rfc3339(started),
        "ended_at": rfc3339(started + duration),
        "duration_seconds": duration,
        "completeness": "final",
        "nodes": [_figures(setup, 0.0, duration, curves)],
        "phases": phases,
        "warnings": [],
        "epochs": _epochs(setup, started, duration, curves),
    }


def _figures(setup: Setup, start: float, end: float, curves: tuple[Points, Points]) -> dict[str, Any]:
    power, heat = ([point for point in curve if start <= point[0] <= end] for curve in curves)
    steps = [(a, b) for a, b in pairwise(power) if b[0] - a[0] <= GAP_LIMIT_SECONDS]
    joules = sum((a[1] + b[1]) / 2 * (b[0] - a[0]) for a, b in steps)
    sampled = sum(b[0] - a[0] for a, b in steps)
    missing = sum(b[0] - a[0] for a, b in pairwise(power) if b[0] - a[0] > GAP_LIMIT_SECONDS)
    degrees = [value for _, value in heat]
    known = sampled > 0
    return {
        "node": setup.node,
        "source": setup.source,
        "meter_model": setup.meter_model,
        "interval_seconds": 0.5,
        "scope": setup.scope,
        "quality": setup.quality,
        "energy_joules": joules if known else None,
        "net_energy_joules": None,
        "baseline": None,
        "mean_power_watts": joules / sampled if known else None,
        "peak_power_watts": max(value for _, value in power) if known else None,
        "sampled_seconds": sampled,
        "recovered_seconds": 0.0,
        "missing_seconds": missing,
        "covered_ratio": sampled / (sampled + missing) if known else None,
        "edge_uncertainty_joules": 1.1 if known else None,
        "gap_doubt_joules": 0.0 if known else None,
        "accumulator_joules": None,
        "disagreement_ratio": None,
        "temperature_celsius": {
            "zone": "cpu-thermal",
            "start": degrees[0],
            "mean": sum(degrees) / len(degrees),
            "max": max(degrees),
        }
        if degrees
        else None,
        "cpu_ratio": 0.93,
        "memory_peak_bytes": 1.4 * 2**30,
        "network_bytes": 0,
        "observer_cpu_ratio": 0.004,
        "observer_energy_joules": joules * 0.004 if known else None,
    }


def _epochs(
    setup: Setup, started: float, duration: float, curves: tuple[Points, Points]
) -> list[dict[str, Any]]:
    _, first, last = _PHASES[1]
    edges = [duration * (first + (last - first) * index / EPOCHS) for index in range(EPOCHS + 1)]
    epochs = []
    for number, (a, b) in enumerate(pairwise(edges), start=1):
        figures = _figures(setup, a, b, curves)
        epochs.append({
            "epoch": number,
            "started_at": rfc3339(started + a),
            "ended_at": rfc3339(started + b),
            "duration_seconds": b - a,
            "energy_joules": figures["energy_joules"],
            "mean_power_watts": figures["mean_power_watts"],
            "temperature_max_celsius": figures["temperature_celsius"]["max"],
            "covered_ratio": figures["covered_ratio"],
            "values": {"loss": 1.9 * 0.62**number, "accuracy": 1 - 0.4 * 0.7**number},
        })  # fmt: skip
    return epochs


def series_of(setups: Sequence[Setup], count: int, *, seed: int = 0) -> list[SimulatedRun]:
    """Runs of all set-ups in turn; the very first is cold, the third of the first set-up has a gap."""
    order = [(number, setup) for number in range(1, count + 1) for setup in setups]
    return [
        simulated_run(
            setup,
            (number, position),
            cold=position == 1,
            gap=(number, setup) == (3, setups[0]),
            seed=seed,
        )
        for position, (number, setup) in enumerate(order, start=1)
    ]
