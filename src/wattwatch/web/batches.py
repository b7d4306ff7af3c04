"""`/v1/readings?source=`: whole batches of a source, for the measured node's daemon (type relay)."""

import math
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.reading import Batch, Channel, Instant, MeterIdentity
from wattwatch.sampling.snapshot import Snapshot, SourceStatus
from wattwatch.sources.base import CounterLimits
from wattwatch.web.http import Problem
from wattwatch.web.paging import (
    Cursor,
    Offsets,
    cursor_text,
    parse_cursor,
    query_limit,
    query_start_end,
    spans_after,
)
from wattwatch.web.view import NodeView

_LONGEST_NAME: Final = 100
_Layout = tuple[tuple[Channel, ...], MeterIdentity | None]


def batches_document(node: NodeView, query: Mapping[str, str]) -> dict[str, Any]:
    """Batches after a cursor (`after`), or after an instant of this boot (`boot_seconds`), else from `start`.

    `received_boot_seconds` and `sent_boot_seconds` are this clock's time of the request and of the answer,
    from which the other side tells how far its own clock is away (as NTP does, RFC 5905 section 8).
    Problem 404 for a source that does not exist, 400 for a query that makes no sense.
    """
    received = node.now()
    start_end, limit = query_start_end(dict(query)), query_limit(dict(query))
    snapshot = node.commit()
    status = _known_source(snapshot, query["source"])
    cursor = _cursor(query, node, received)
    found = list(islice(_batches(node, query["source"], start_end, cursor), limit + 1))
    kept = found[:limit]
    offsets, layouts = Offsets(node.history), _Layouts()
    rows = [_row(batch, offsets, layouts) for batch in kept]
    following = query.get("after")
    if kept:
        following = cursor_text(Cursor(kept[-1].at, offsets.utc_seconds(kept[-1].at)))
    return {
        **_about(status),
        "node": snapshot.node,
        "layouts": layouts.rows(),
        "rows": rows,
        "next": following,
        "more": len(found) > limit,
        "boot_id": received.boot_id,
        "unix_minus_boot_seconds": snapshot.wall.unix_minus_boot_seconds,
        "received_boot_seconds": received.boot_seconds,
        "sent_boot_seconds": node.now().boot_seconds,
    }


def _cursor(query: Mapping[str, str], node: NodeView, now: Instant) -> Cursor | None:
    if after := query.get("after"):
        return parse_cursor(after)
    if "boot_seconds" not in query:
        return None
    try:
        seconds = float(query["boot_seconds"])
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise Problem(HTTPStatus.BAD_REQUEST, "boot_seconds: expected seconds of this daemon's boot clock")
    at = Instant(now.boot_id, seconds)
    return Cursor(at, Offsets(node.history).utc_seconds(at))


def _batches(
    node: NodeView, source: str, start_end: tuple[float, float], cursor: Cursor | None
) -> Iterator[Batch]:
    for span in spans_after(node.history, start_end, cursor):
        yield from node.history.batches(source, span)


def _known_source(snapshot: Snapshot, name: str) -> SourceStatus:
    by_name = {status.description.name: status for part in snapshot.everywhere() for status in part.sources}
    if name not in by_name:
        names = ", ".join(by_name) or "none"
        raise Problem(HTTPStatus.NOT_FOUND, f"no source {name[:_LONGEST_NAME]!r}; sources here: {names}")
    return by_name[name]


def _about(status: SourceStatus) -> dict[str, Any]:
    description, health = status.description, status.health
    return {
        "source": description.name,
        "type": description.type,
        "detail": description.detail,
        "interval_seconds": description.interval_seconds,
        "state": health.state,
        "last_error": health.last_error,
        "channels": [channel_document(channel) for channel in description.channels],
        "counter_limits": [_limits(channel, limits) for channel, limits in description.counter_limits],
    }


def channel_document(channel: Channel) -> dict[str, str]:
    """What a channel is, without its source and value."""
    return {
        "zone": channel.zone,
        "quantity": channel.quantity,
        "kind": channel.kind.value,
        "scope": channel.scope.value,
        "quality": channel.quality.value,
    }


def _limits(channel: Channel, limits: CounterLimits) -> dict[str, Any]:
    return {
        **channel_document(channel),
        "range_joules": limits.range_joules,
        "max_watts": limits.max_watts if math.isfinite(limits.max_watts) else None,
    }


class _Layouts:
    """Channels and identity of the rows, each once: the meter that a row is of changes hardly ever."""

    def __init__(self) -> None:
        self._numbers: dict[_Layout, int] = {}

    def number(self, batch: Batch) -> int:
        layout = (tuple(reading.channel for reading in batch.readings), batch.identity)
        return self._numbers.setdefault(layout, len(self._numbers))

    def rows(self) -> list[dict[str, Any]]:
        return [
            {"identity": _identity(identity), "channels": [channel_document(channel) for channel in channels]}
            for channels, identity in self._numbers
        ]


def _identity(identity: MeterIdentity | None) -> dict[str, Any] | None:
    if identity is None:
        return None
    return {
        "model": identity.model,
        "address": identity.address,
        "group": identity.group,
        "full_scale_watts": identity.full_scale_watts,
    }


def _row(batch: Batch, offsets: Offsets, layouts: _Layouts) -> dict[str, Any]:
    return {
        "at": rfc3339(offsets.utc_seconds(batch.at)),
        "boot_id": batch.at.boot_id,
        "boot_seconds": batch.at.boot_seconds,
        "layout": layouts.number(batch),
        "values": [r.value if math.isfinite(r.value) else None for r in batch.readings],
    }
