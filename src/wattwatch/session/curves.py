"""The curves of a run: its readings, fetched, and small enough to draw."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any, Final
from urllib.parse import urlencode

from wattwatch.client import Client
from wattwatch.clock import rfc3339
from wattwatch.errors import ClientError
from wattwatch.report.chart import NodeCurves, PhaseBand
from wattwatch.report.series import step_powers, summed, trace

_AROUND_SECONDS: Final = 5.0
_GAP_SECONDS: Final = 3.0  # where the daemon does not tell its own limit
_GAP_INTERVALS: Final = 3
_NOT_FOUND: Final = 404

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Windows:
    """When the phases of a run were, and how far apart readings may be."""

    bands: Sequence[PhaseBand]
    gap_seconds: float


def run_curves(client: Client, document: Document) -> tuple[NodeCurves, ...]:
    """Power and temperature of a run's nodes as far as the daemon has their readings; ClientError."""
    sources = client.get_json("/v1/sources")
    node = next((node for node in document["nodes"] if node["node"] == sources.get("node")), None)
    if node is None:
        return ()
    windows = _windows(client, document, node)
    zone = (node["temperature_celsius"] or {}).get("zone")
    channels = list(_channels(sources))
    powers = _power_channels(channels, sources, node)
    heat = next((c["channel"] for c in channels if _is_temperature_of(c, zone)), None)
    gap_seconds = windows.gap_seconds
    power = _summed_power(client, document, powers, gap_seconds)
    degrees = [] if heat is None else _points(client, document, heat)
    label = node["node"]
    curves = NodeCurves(
        label,
        trace(f"Power of {label}", "W", power, gap_seconds) if powers else None,
        None if heat is None else trace(f"Temperature of {zone}", "°C", degrees, gap_seconds),
        windows.bands,
    )
    return (curves,)


def _channels(sources: Document) -> Iterator[dict[str, Any]]:
    for source in sources["sources"]:
        yield from (channel | {"source": source["name"]} for channel in source["channels"])


def _is_temperature_of(channel: Document, zone: str | None) -> bool:
    return bool(zone) and channel["zone"] == zone and channel["quantity"] == "temperature_celsius"


def _power_channels(
    channels: list[dict[str, Any]], sources: Document, node: Document
) -> list[dict[str, Any]]:
    """The channels that stood for the node: those of the primary if it still is of these sources."""
    primary = sources.get("primary") or {}
    if primary.get("source") == node["source"]:
        wanted = primary.get("channels") or [primary.get("channel")]
        if found := [channel for channel in channels if channel["channel"] in wanted]:
            return found
    return [c for c in channels if c["source"] == node["source"] and c["unit"] == "watts"][:1]


def _summed_power(
    client: Client, document: Document, channels: Sequence[Document], gap_seconds: float
) -> Sequence[tuple[float, float]]:
    """The power of these channels together; of counters, by the mean of their steps."""
    curves: list[Sequence[tuple[float, float]]] = []
    for channel in channels:
        points = _points(client, document, channel["channel"])
        curves.append(points if channel["unit"] == "watts" else step_powers(points, gap_seconds))
    return reduce(lambda one, other: summed(one, other, gap_seconds), curves) if curves else []


def _windows(client: Client, document: Document, node: Document) -> _Windows:
    """The phases by their edges; of a daemon that cannot tell them, the one phase of the whole run."""
    try:
        answer = client.get_json(f"/v1/runs/{document['run_id']}/phases")
    except ClientError as error:
        if error.status != _NOT_FOUND:
            raise
        gap_seconds = max(_GAP_SECONDS, _GAP_INTERVALS * (node["interval_seconds"] or 0.0))
        return _Windows(_whole_run(document), gap_seconds)
    bands = (_band(window, document) for window in answer["windows"] if window["phase"])
    return _Windows(tuple(bands), answer["gap_seconds"])


def _whole_run(document: Document) -> tuple[PhaseBand, ...]:
    phase = document["phase"] if len(document["phases"]) == 1 else None
    return (PhaseBand(phase, 0.0, document["duration_seconds"]),) if phase else ()


def _band(window: Document, document: Document) -> PhaseBand:
    started_seconds = _utc_seconds(document["started_at"])
    ended = window["ended_at"]
    end_seconds = document["duration_seconds"] if ended is None else _utc_seconds(ended) - started_seconds
    return PhaseBand(window["phase"], _utc_seconds(window["started_at"]) - started_seconds, end_seconds)


def _points(client: Client, document: Document, channel: str) -> list[tuple[float, float]]:
    """Readings around a run, in seconds from its start."""
    started_seconds = _utc_seconds(document["started_at"])
    end_seconds = started_seconds + document["duration_seconds"] + _AROUND_SECONDS
    query = {
        "channel": channel,
        "start": rfc3339(started_seconds - _AROUND_SECONDS),
        "end": rfc3339(end_seconds),
    }
    return [
        (_utc_seconds(row["at"]) - started_seconds, row["value"])
        for row in _rows(client, query)
        if row["value"] is not None
    ]


def _rows(client: Client, query: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Readings page by page, in order of time."""
    page: dict[str, Any] = {"more": True, "next": None}
    while page["more"]:
        page = client.get_json(f"/v1/readings?{urlencode(query | {'after': page['next'] or ''})}")
        yield from page["rows"]


def _utc_seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
