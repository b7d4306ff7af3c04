"""What can be read: metrics, health, sources, readings, and the page for people."""

import difflib
import math
import threading
from collections.abc import Iterable, Iterator
from http import HTTPStatus
from typing import Any

from wattwatch import metrics
from wattwatch.clock import rfc3339
from wattwatch.exposition.prometheus import OPENMETRICS, TEXT, render, wants_openmetrics
from wattwatch.exposition.samples import cap_series, node_samples
from wattwatch.metrics import Sample
from wattwatch.reading import Channel, Instant
from wattwatch.sampling.snapshot import Primary, Snapshot, SourceStatus
from wattwatch.web.batches import batches_document, channel_document
from wattwatch.web.http import Problem, Request, Response, Route, json_response
from wattwatch.web.page import fragment, page
from wattwatch.web.paging import query_limit, query_start_end, readings_page
from wattwatch.web.view import NodeView

_SHOWN_NAMES = 5
_LONGEST_CHANNEL = 400


def read_routes(node: NodeView) -> list[Route]:
    """Every route that reads, for the web server."""
    scrape = _Scrape(node)
    return [
        Route("GET", "/", lambda _: page(node)),
        Route("GET", "/-/page", lambda _: fragment(node)),
        Route("GET", "/metrics", scrape.answer),
        Route("GET", "/-/healthy", lambda _: Response(b"wattwatch is healthy\n")),
        Route("GET", "/-/ready", lambda _: Response(b"wattwatch is ready\n")),
        Route("GET", "/v1/clock", lambda _: json_response(clock_document(node))),
        Route("GET", "/v1/sources", lambda _: json_response(sources_document(node.commit()))),
        Route("GET", "/v1/readings", lambda request: _readings(node, request)),
    ]


class _Scrape:
    """/metrics; counts the series that the cap has left out since this process began."""

    def __init__(self, node: NodeView) -> None:
        self._node = node
        self._dropped = 0
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        snapshot = self._node.commit()
        openmetrics = wants_openmetrics(request.headers.get("accept", ""))
        body = render(self._samples(snapshot), snapshot.node, openmetrics=openmetrics)
        return Response(body, OPENMETRICS if openmetrics else TEXT)

    def _samples(self, snapshot: Snapshot) -> Iterable[Sample]:
        kept, left_out = cap_series(self._all(snapshot), self._node.series_limit)
        with self._lock:
            self._dropped += left_out
            dropped = self._dropped
        return [*kept, Sample(metrics.SERIES_DROPPED, (), float(dropped))]

    def _all(self, snapshot: Snapshot) -> Iterator[Sample]:
        yield from node_samples(snapshot, self._node.store_health(), self._node.machine)
        yield from self._node.run_samples()


def clock_document(node: NodeView) -> dict[str, Any]:
    """The JSON of `/v1/clock`: whose clock this is, and what it shows as the request came and was answered.

    From the instants the other side tells how far its own clock is away (RFC 5905, section 8).
    """
    received = node.now()
    snapshot = node.commit()
    return {
        "node": snapshot.node,
        "boot_id": received.boot_id,
        "unix_minus_boot_seconds": snapshot.wall.unix_minus_boot_seconds,
        "synchronised": snapshot.wall.synchronised,
        "received_boot_seconds": received.boot_seconds,
        "sent_boot_seconds": node.now().boot_seconds,
    }


def sources_document(snapshot: Snapshot) -> dict[str, Any]:
    """The JSON of `/v1/sources`."""
    return {
        "node": snapshot.node,
        "at": _rfc3339(snapshot.at, snapshot),
        "simulated": snapshot.simulated,
        "primary": _primary(snapshot.primary),
        "sources": [_source(status, part) for part in snapshot.everywhere() for status in part.sources],
    }


def _primary(primary: Primary | None) -> dict[str, Any] | None:
    if primary is None:
        return None
    return {
        "source": primary.source,
        "channel": primary.channel_id,
        "channels": list(primary.channel_ids),
        "scope": primary.scope.value,
        "quality": primary.quality.value,
    }


def _source(status: SourceStatus, snapshot: Snapshot) -> dict[str, Any]:
    description, health = status.description, status.health
    return {
        "name": description.name,
        "measures": snapshot.node or None,  # None: relayed, the measured node's daemon knows
        "type": description.type,
        "detail": description.detail,
        "interval_seconds": description.interval_seconds,
        "up": health.up,
        "state": health.state,
        "last_success": _rfc3339(health.last_success, snapshot),
        "consecutive_failures": health.consecutive_failures,
        "last_error": health.last_error,
        "channels": [_channel(channel, snapshot) for channel in source_channels(status, snapshot)],
    }


def source_channels(status: SourceStatus, snapshot: Snapshot) -> list[Channel]:
    """Channels that a source was expected to have, and those that came with its readings."""
    own = {channel.id: channel for channel in status.description.channels}
    for reading in snapshot.readings.values():
        if reading.channel.source == status.description.name:
            own[reading.channel.id] = reading.channel
    return list(own.values())


def _channel(channel: Channel, snapshot: Snapshot) -> dict[str, Any]:
    reading = snapshot.readings.get(channel.id)
    return {
        "channel": channel.id,
        **channel_document(channel),
        "unit": unit(channel),
        "value": reading.value if reading and math.isfinite(reading.value) else None,
        "at": _rfc3339(reading.at if reading else None, snapshot),
    }


def unit(channel: Channel) -> str:
    """The unit in a channel's quantity: `watts` of `power_watts`."""
    return channel.quantity.rpartition("_")[2]


def _rfc3339(at: Instant | None, snapshot: Snapshot) -> str | None:
    """UTC of an instant of this boot; None for none, and for one of another boot."""
    if at is None or at.boot_id != snapshot.at.boot_id:
        return None
    return rfc3339(at.boot_seconds + snapshot.wall.unix_minus_boot_seconds)


def _readings(node: NodeView, request: Request) -> Response:
    query = dict(request.query)
    if "source" in query:
        return json_response(batches_document(node, query))
    start_end, limit = query_start_end(query), query_limit(query)
    snapshot = node.commit()
    channel = _known_channel(node, snapshot, query.get("channel", ""))
    found = readings_page(node.history, channel.id, start_end, query.get("after"), limit)
    return json_response(
        {
            "channel": channel.id,
            "unit": unit(channel),
            "kind": channel.kind.value,
            "scope": channel.scope.value,
            "quality": channel.quality.value,
            "rows": found.rows,
            "next": found.next,
            "more": found.more,
        }
    )


def _known_channel(node: NodeView, snapshot: Snapshot, channel_id: str) -> Channel:
    parts = tuple(snapshot.everywhere())
    described = (status.description for part in parts for status in part.sources)
    known = {channel.id: channel for description in described for channel in description.channels}
    known |= {channel.id: channel for channel in node.history.channels()}
    known |= {reading.channel.id: reading.channel for part in parts for reading in part.readings.values()}
    if channel_id in known:
        return known[channel_id]
    if not channel_id:
        raise Problem(HTTPStatus.BAD_REQUEST, "channel= or source= is missing; /v1/sources lists both")
    near = difflib.get_close_matches(channel_id[:_LONGEST_CHANNEL], known, n=_SHOWN_NAMES, cutoff=0.3)
    names = ", ".join(near) or "none is like it"
    raise Problem(HTTPStatus.NOT_FOUND, f"no channel {channel_id[:_LONGEST_CHANNEL]!r}; nearest: {names}")
