"""One run as a repetition: its figures over all of its nodes, and why it may not count. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from wattwatch.report.study import Repetition
from wattwatch.report.words import number
from wattwatch.runs.labels import POSITION, REPETITION, WARMUP

_SUMMED: Final = ("energy_joules", "net_energy_joules", "mean_power_watts")
_ENDED_WELL: Final = "succeeded"
_RUNNING: Final = "running"

Document = Mapping[str, Any]


def repetition_of(document: Document, order: int) -> Repetition:
    """A run document as a repetition; `order` (from 1) is its number where its labels have none."""
    labels, nodes = labels_of(document), document["nodes"]
    reason = _reason_left_out(document)
    return Repetition(
        run_id=document["run_id"],
        number=_whole(labels.get(REPETITION)) or order,
        position=_whole(labels.get(POSITION)),
        started_at=document["started_at"],
        state=document["state"],
        completeness=document["completeness"],
        covered_ratio=min(_known(nodes, "covered_ratio"), default=None),
        figures=_figures(nodes, number(document, "duration_seconds")),
        phases=_phases(document["phases"]),
        epochs=tuple(document.get("epochs") or ()),
        is_left_out=bool(reason),
        reason_left_out=reason,
    )


def labels_of(document: Document) -> Mapping[str, str]:
    """The labels of a run; none for a document that has no such key."""
    return document.get("labels") or {}


def _reason_left_out(document: Document) -> str:
    if labels_of(document).get(WARMUP) == "true":
        return "warm-up"
    if document["state"] == _RUNNING:
        return "it still runs"
    return "" if document["state"] == _ENDED_WELL else str(document["state"])


def _phases(entries: Sequence[Document]) -> dict[str, dict[str, float | None]]:
    by_phase: dict[str, list[Document]] = {}
    for entry in entries:
        by_phase.setdefault(entry["phase"], []).append(entry)
    return {phase: _figures(of_phase, _seconds(of_phase)) for phase, of_phase in by_phase.items()}


def _figures(nodes: Sequence[Document], duration_seconds: float | None) -> dict[str, float | None]:
    """Energy and power of all nodes together, unknown if one of them is; the highest temperature of all."""
    figures: dict[str, float | None] = {key: _sum(nodes, key) for key in _SUMMED}
    # Nodes need not have their peaks at the same time: of several the peak of the sum is not known.
    figures["peak_power_watts"] = number(nodes[0], "peak_power_watts") if len(nodes) == 1 else None
    degrees = (number(node.get("temperature_celsius") or {}, "max") for node in nodes)
    figures["temperature_max_celsius"] = max((d for d in degrees if d is not None), default=None)
    figures["duration_seconds"] = duration_seconds
    return figures


def _seconds(entries: Sequence[Document]) -> float | None:
    """How long a phase was: as long as at the node where it took longest."""
    states = ("sampled_seconds", "recovered_seconds", "missing_seconds")
    return max((sum(number(entry, state) or 0.0 for state in states) for entry in entries), default=None)


def _sum(nodes: Sequence[Document], key: str) -> float | None:
    known = _known(nodes, key)
    return sum(known) if known and len(known) == len(nodes) else None


def _known(nodes: Iterable[Document], key: str) -> list[float]:
    return [value for node in nodes if (value := number(node, key)) is not None]


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
