"""Whether a run's document is what `document` writes: every reader of documents relies on that. Pure."""

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from wattwatch.errors import RunError
from wattwatch.runs.run import Completeness, RunState, check_command, check_labels, check_name, check_run_id

_MOST_NODES: Final = 1000
_MOST_ENTRIES: Final = 200_000
_MOST_WARNINGS: Final = 10_000
_WARNING_CHARACTERS: Final = 4096
_LARGEST: Final = 1e300
_NAMES: Final = ("node", "source", "meter_model", "scope", "quality")
_FIGURES: Final = (
    "interval_seconds",
    "energy_joules",
    "net_energy_joules",
    "mean_power_watts",
    "peak_power_watts",
    "sampled_seconds",
    "recovered_seconds",
    "missing_seconds",
    "covered_ratio",
    "edge_uncertainty_joules",
    "gap_doubt_joules",
    "accumulator_joules",
    "disagreement_ratio",
    "cpu_ratio",
    "memory_peak_bytes",
    "network_bytes",
    "observer_cpu_ratio",
    "observer_energy_joules",
)
_ALWAYS_KNOWN: Final = ("sampled_seconds", "recovered_seconds", "missing_seconds")
_PART_NAMES: Final = ("source", "scope", "quality")
_EPOCH_FIGURES: Final = (
    "energy_joules",
    "mean_power_watts",
    "temperature_max_celsius",
    "covered_ratio",
    "sampled_seconds",
    "recovered_seconds",
    "missing_seconds",
    "edge_uncertainty_joules",
)
_WRONG: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError)


def check_document(document: Mapping[str, Any]) -> None:
    """RunError says what of a run's document cannot be; what it does not know it leaves alone."""
    try:
        _check_head(document)
        for node in _entries(document, "nodes", _MOST_NODES):
            _check_node(node)
        for phase in _entries(document, "phases", _MOST_ENTRIES):
            check_name("phase", phase["phase"])
            _check_node(phase)
        for epoch in _entries(document, "epochs", _MOST_ENTRIES):
            _check_epoch(epoch)
        for overlap in document.get("overlaps", ()):
            check_run_id(overlap["run_id"])
            number(overlap["seconds"], 0.0)
        _check_warnings(document["warnings"])
    except _WRONG as error:
        raise RunError(f"not the document of a run: {type(error).__name__}: {error}") from error


def _check_head(document: Mapping[str, Any]) -> None:
    check_run_id(document["run_id"])
    for key in ("name", "experiment", "phase"):
        check_name(key, document[key] or "")
    check_command(document["command"] or "")
    check_labels(document["labels"])
    RunState(document["state"])
    Completeness(document["completeness"])
    _instant(document["started_at"])
    if document["ended_at"] is not None:
        _instant(document["ended_at"])
    number(document["duration_seconds"], 0.0)
    if document["exit_status"] is not None:
        number(document["exit_status"])


def _check_node(node: Mapping[str, Any]) -> None:
    for key in _NAMES:
        check_name(key, node[key] or "")
    check_name("node", node["node"])
    for key in _FIGURES:
        if node[key] is not None or key in _ALWAYS_KNOWN:
            number(node[key])
    _check_sub(node["temperature_celsius"], ("zone",), ("start", "mean", "max"))
    _check_sub(node["baseline"], (), ("watts",))
    for part in node.get("parts", ()):
        _check_sub(part, _PART_NAMES, ("energy_joules", "seconds"))


def _check_sub(entry: Mapping[str, Any] | None, names: Iterable[str], numbers: Iterable[str]) -> None:
    if entry is None:
        return
    for key in names:
        check_name(key, entry[key])
    for key in numbers:
        number(entry[key])


def _check_epoch(epoch: Mapping[str, Any]) -> None:
    number(epoch["epoch"])
    _instant(epoch["started_at"])
    if epoch["ended_at"] is not None:
        _instant(epoch["ended_at"])
    number(epoch["duration_seconds"])
    for key in _EPOCH_FIGURES:
        if epoch[key] is not None:
            number(epoch[key])
    for value in dict(epoch["values"]).values():
        if value is not None:
            number(value)


def _check_warnings(warnings: Any) -> None:
    if not isinstance(warnings, list) or len(warnings) > _MOST_WARNINGS:
        raise TypeError("its warnings are no list, or too many")
    if not all(isinstance(text, str) and len(text) <= _WARNING_CHARACTERS for text in warnings):
        raise TypeError("its warnings are no text, or too long")


def _entries(document: Mapping[str, Any], key: str, most: int) -> list[Mapping[str, Any]]:
    entries = document[key]
    if not isinstance(entries, list) or len(entries) > most:
        raise TypeError(f"its {key} are no list, or more than {most}")
    return entries


def _instant(text: str) -> None:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError(f"{text[:40]!r} has no time zone")


def number(value: Any, lowest: float = -_LARGEST, highest: float = _LARGEST) -> float:
    """The value, a finite number in its bounds; ValueError or TypeError for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{str(value)[:40]!r} is no number")
    if not lowest <= value <= highest or not math.isfinite(value):
        raise ValueError(f"{value} is not from {lowest:g} to {highest:g}")
    return float(value)
