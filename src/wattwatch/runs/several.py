"""A run over several nodes: its document with what the daemons of the other nodes measured. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.errors import RunError
from wattwatch.runs.document import NO_SOURCE
from wattwatch.runs.run import Completeness, check_name

CLOCK_WARNING_SECONDS: Final = 0.2
"""Clocks that are further apart make times of the nodes hard to compare."""

_NODES: Final = 100
_URL_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class NodePart:
    """What another node's daemon says of a run; `document` is None where it could not be asked.

    `clock_ahead_seconds` is its UTC minus ours, `edge_doubt_seconds` how far its edges may be off ours.
    """

    node: str
    url: str
    clock_ahead_seconds: float
    edge_doubt_seconds: float
    document: Mapping[str, Any] | None = None
    lost: str = ""

    def to_json(self) -> dict[str, Any]:
        """The part as JSON."""
        return {
            "node": self.node,
            "url": self.url,
            "clock_ahead_seconds": self.clock_ahead_seconds,
            "edge_doubt_seconds": self.edge_doubt_seconds,
            "document": None if self.document is None else dict(self.document),
            "lost": self.lost,
        }

    @classmethod
    def from_json(cls, part: Mapping[str, Any]) -> "NodePart":
        """The part that `to_json` wrote; RunError if it is none."""
        try:
            document = part["document"]
            if document is not None:
                _check_document(document)
            ahead, doubt = _seconds(part["clock_ahead_seconds"]), _seconds(part["edge_doubt_seconds"])
            url, lost = str(part["url"])[:_URL_CHARACTERS], str(part["lost"])[:_URL_CHARACTERS]
            return cls(check_name("node", str(part["node"])), url, ahead, doubt, document, lost)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"not a node's part of a run: {error!r}") from error


def _seconds(value: Any) -> float:
    if not math.isfinite(value):
        raise ValueError("seconds that are no number")
    return float(value)


def _check_document(document: Mapping[str, Any]) -> None:
    lists = (document["nodes"], document["phases"])
    if not all(isinstance(entry.get("node"), str) for entries in lists for entry in entries):
        raise TypeError("its nodes have no names")
    if not all(isinstance(warning, str) for warning in document["warnings"]):
        raise TypeError("its warnings are no text")
    Completeness(document["completeness"])


def checked_parts(parts: Any) -> list[dict[str, Any]]:
    """Parts as they came as JSON, checked; RunError if they are not what they should be."""
    if not isinstance(parts, list) or not 1 <= len(parts) <= _NODES:
        raise RunError(f"parts: a list of 1 to {_NODES} nodes")
    if not all(isinstance(part, dict) for part in parts):
        raise RunError("parts: each one an object")
    return [NodePart.from_json(part).to_json() for part in parts]


def with_nodes(document: Mapping[str, Any], parts: Sequence[NodePart]) -> dict[str, Any]:
    """The document of a run with the nodes, phases and warnings of its other parts.

    A machine that only started the run, having no power source itself, is not among the nodes.
    """
    if not parts:
        return dict(document)
    own = _without_sourceless(document)
    known = [part for part in parts if part.document is not None]
    whole = {
        **own,
        "completeness": _completeness(document, parts),
        "nodes": [*own["nodes"], *(node for part in known for node in _of(part, "nodes"))],
        "phases": _in_order_of_phase(own["phases"], [p for part in known for p in _of(part, "phases")]),
        "warnings": [*own["warnings"], *(text for part in parts for text in _warnings(part))],
    }
    return whole | {"clocks": [_clock(part) for part in parts]}


def _without_sourceless(document: Mapping[str, Any]) -> dict[str, Any]:
    gone = {node["node"] for node in document["nodes"] if node.get("source") is None}
    if not gone:
        return dict(document)
    warnings = [warning for warning in document["warnings"] if warning != NO_SOURCE]
    warnings += [f"{node} has no power source: it only started the run" for node in sorted(gone)]
    kept = {key: [e for e in document[key] if e["node"] not in gone] for key in ("nodes", "phases")}
    return {**document, **kept, "warnings": warnings}


def _of(part: NodePart, key: str) -> list[dict[str, Any]]:
    return [] if part.document is None else list(part.document[key])


def _in_order_of_phase(
    own: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Phases in order of their first node's, each with its nodes beside each other."""
    every = [*own, *others]
    order = list(dict.fromkeys(entry["phase"] for entry in every))
    return sorted(every, key=lambda entry: order.index(entry["phase"]))


def _completeness(document: Mapping[str, Any], parts: Sequence[NodePart]) -> str:
    """The least certain of all; a node that could not be asked makes the run incomplete."""
    said = {document["completeness"]} | {
        Completeness.INCOMPLETE.value if part.document is None else part.document["completeness"]
        for part in parts
    }
    order = (Completeness.INCOMPLETE, Completeness.PROVISIONAL, Completeness.FINAL)
    return next(kind.value for kind in order if kind.value in said)


def _warnings(part: NodePart) -> list[str]:
    told = [] if part.document is None else [f"{part.node}: {text}" for text in part.document["warnings"]]
    if part.document is None:
        told.append(f"{part.node}: its part of the run is not known: {part.lost or 'no answer'}")
    elif part.document["state"] == "lost":
        told.append(f"{part.node}: it lost this run before its end: its figures are of a part of it")
    if abs(part.clock_ahead_seconds) > CLOCK_WARNING_SECONDS:
        way = "ahead of" if part.clock_ahead_seconds > 0 else "behind"
        seconds = abs(part.clock_ahead_seconds)
        told.append(f"{part.node}: its clock is {seconds:.3g} s {way} this one's: set both by NTP")
    if part.edge_doubt_seconds > CLOCK_WARNING_SECONDS:
        told.append(f"{part.node}: its edges are in doubt by ± {part.edge_doubt_seconds:.3g} s: slow network")
    return told


def _clock(part: NodePart) -> dict[str, Any]:
    return {
        "node": part.node,
        "ahead_seconds": part.clock_ahead_seconds,
        "edge_doubt_seconds": part.edge_doubt_seconds,
        "url": part.url,
    }
