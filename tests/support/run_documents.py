"""Run documents by hand: small, and with exactly the figures that a test gives them."""

from typing import Any

FIRST = "2025-06-01T12:{:02d}:00.000000Z"


def node(
    joules: float | None = 100.0, seconds: float = 50.0, *, missing: float = 0.0, **other: Any
) -> dict[str, Any]:
    covered = seconds - missing if joules is not None else 0.0
    known = {
        "node": "pi-1",
        "source": "meter",
        "meter_model": "UM24C",
        "interval_seconds": 0.5,
        "scope": "board",
        "quality": "simulated",
        "energy_joules": joules,
        "net_energy_joules": None,
        "baseline": None,
        "mean_power_watts": None if joules is None else joules / covered,
        "peak_power_watts": None if joules is None else 2 * joules / covered,
        "sampled_seconds": covered,
        "recovered_seconds": 0.0,
        "missing_seconds": seconds - covered,
        "covered_ratio": covered / seconds,
        "edge_uncertainty_joules": None if joules is None else 0.5,
        "gap_doubt_joules": None if joules is None else 0.0,
        "accumulator_joules": None,
        "disagreement_ratio": None,
        "temperature_celsius": {"zone": "cpu-thermal", "start": 50.0, "mean": 55.0, "max": 60.0},
        "cpu_ratio": 0.5,
        "memory_peak_bytes": 1e9,
        "network_bytes": 0.0,
        "observer_cpu_ratio": 0.003,
        "observer_energy_joules": 0.1,
    }
    return known | other


def run(
    number: int, *nodes: dict[str, Any], labels: dict[str, str] | None = None, **other: Any
) -> dict[str, Any]:
    """Run `number`, which began in that minute; its phase is training throughout."""
    measured = list(nodes) or [node()]
    seconds = max(
        sum(n[f"{state}_seconds"] for state in ("sampled", "recovered", "missing")) for n in measured
    )
    known = {
        "run_id": f"01RUN{number:03d}",
        "name": "mnist",
        "experiment": "study",
        "labels": labels or {},
        "phase": None,
        "command": "python train.py",
        "exit_status": 0,
        "state": "succeeded",
        "started_at": FIRST.format(number),
        "ended_at": FIRST.format(number),
        "duration_seconds": seconds,
        "completeness": "final",
        "nodes": measured,
        "phases": [{"phase": "training"} | n for n in measured],
        "epochs": [],
        "warnings": [],
    }
    return known | other


def series(
    device: str, joules: list[float], first: int = 0, step: int = 1, **other: Any
) -> list[dict[str, Any]]:
    """Runs of a device with these energies, one every `step` minutes."""
    return [
        run(first + index * step, node(value, **other), labels={"device": device})
        for index, value in enumerate(joules)
    ]
