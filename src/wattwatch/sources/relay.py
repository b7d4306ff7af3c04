"""A source of this node that another daemon reads: its batches, carried over into this clock.

The other daemon keeps what it reads, so a lost connection or a restart of this daemon loses nothing: it
goes on where it stopped. Instants are mapped by the offset between the two boot clocks, which is measured
at every exchange; no wall clock has a part in it.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final
from urllib.parse import urlencode

from wattwatch.client import Client, Exchange
from wattwatch.clock import Clock, ClockOffset
from wattwatch.errors import ClientError, SourceUnavailable
from wattwatch.reading import (
    Batch,
    Channel,
    Instant,
    Kind,
    MeterIdentity,
    Quality,
    Reading,
    Scope,
    seconds_between,
)
from wattwatch.sources import relay_fields as fields
from wattwatch.sources.base import RelaySpec, SourceDescription
from wattwatch.sources.relay_fields import number, said, sense

_PAGE_ROWS: Final = 2000
_LONGEST_BACKLOG_SECONDS: Final = 3300.0
"""What is older has been refused as a gap, or is about to be (an hour): it cannot be counted any more."""

_REASONS: Final = {401: "permission", 403: "permission", 404: "absent"}
_NEVER_SECONDS: Final = 1e12
_PATIENCE_INTERVALS: Final = 3
_SHORTEST_PAUSE_SECONDS: Final = 0.1
_FUTURE_SECONDS: Final = 1.0  # beyond the doubt of the offset


class RelaySource:
    """Pulls the batches of one source from another daemon."""

    def __init__(self, spec: RelaySpec, clock: Clock, pause: Callable[[float], bool] | None = None) -> None:
        """`pause` waits that many seconds for the next batch, and tells whether to give up."""
        self._spec = spec
        self._clock = clock
        self._offset = ClockOffset()
        self._remote_boot_id = ""
        self._cursor = ""
        self._last = clock.now()  # of the last batch that was given
        self._description = _assumed(spec)
        self._nothing_new = ""
        self._closing = threading.Event()
        self._pause = pause or self._closing.wait

    @property
    def description(self) -> SourceDescription:
        """Until the first answer that of a UM meter, the usual thing to be relayed."""
        return self._description

    def resume(self, last: Instant) -> None:
        """Go on after a batch of this boot, given before this daemon was started."""
        self._last = last

    def read(self) -> Batch:
        """The newest batch, with those that came `earlier` since the last read.

        Raises SourceUnavailable: that daemon cannot be reached (`io`), refuses (`permission`), does not
        have the source (`absent`), or has nothing new of it (`timeout`: the meter's link is lost there).
        """
        self._closing.clear()
        started = self._clock.now()
        while not (batches := self._pull()):
            interval_seconds = self._description.interval_seconds
            waited_seconds = seconds_between(started, self._clock.now())
            if waited_seconds > _PATIENCE_INTERVALS * interval_seconds:
                raise SourceUnavailable(self._nothing_new, "timeout")
            if self._pause(max(_SHORTEST_PAUSE_SECONDS, interval_seconds / 2)):
                raise SourceUnavailable(f"{self._spec.name}: closed while waiting", "hangup")
        self._last = batches[-1].at
        return replace(batches[-1], earlier=tuple(batches[:-1]))

    def close(self) -> None:
        """End a read that waits; nothing else is held: every exchange has a connection of its own."""
        self._closing.set()

    def _pull(self) -> list[Batch]:
        if self._offset.is_unknown:
            self._take(self._ask({"limit": 1, "boot_seconds": _NEVER_SECONDS}))  # nothing but the two clocks
        document = self._take(self._ask(self._position() | {"limit": _PAGE_ROWS}))
        with sense(self._spec.url, "rows that make no sense"):
            batches = self._batches(document)
            cursor = str(document["next"] or "")
            cause = said(document["last_error"]) or "it has read nothing new"
            state = said(document["state"])
        self._cursor = cursor
        self._nothing_new = f"{self._spec.source} on {self._spec.url} is {state}: {cause}"
        return batches

    def _position(self) -> dict[str, Any]:
        """Where to go on: at the cursor, else at the other clock's time of the last batch."""
        now = self._clock.now()
        oldest = now.plus(-_LONGEST_BACKLOG_SECONDS)
        if self._last.boot_id != now.boot_id or self._last.boot_seconds < oldest.boot_seconds:
            self._last = now
            self._cursor = ""
        if self._cursor:
            return {"after": self._cursor}
        return {"boot_seconds": round(self._offset.there_seconds(self._last), 6)}

    def _ask(self, query: dict[str, Any]) -> Exchange:
        path = f"/v1/readings?{urlencode({'source': self._spec.source} | query)}"
        try:
            token = self._spec.token_file.read_text("utf-8").strip() if self._spec.token_file else ""
            client = Client(self._spec.url, token, self._spec.deadline_seconds, self._spec.ca_file)
            return client.exchange_json(path, self._clock.now)
        except ClientError as error:
            raise SourceUnavailable(str(error), _REASONS.get(error.status, "io")) from error
        except (OSError, UnicodeDecodeError) as error:
            raise SourceUnavailable(f"token_file {self._spec.token_file}: {error}", "permission") from error

    def _take(self, exchange: Exchange) -> dict[str, Any]:
        """The document, once it is known whose clock its instants are of."""
        with sense(self._spec.url, "not an answer of a daemon that relays"):
            document: dict[str, Any] = exchange.document
            boot_id = str(document["boot_id"])
            there = (number(document["received_boot_seconds"]), number(document["sent_boot_seconds"]))
            if there[1] < there[0]:
                raise ValueError("it was sent before it was asked for")
            utc_seconds = number(document["unix_minus_boot_seconds"])
            description = _description(self._spec, document)
        if boot_id != self._remote_boot_id:  # another boot, another clock
            self._remote_boot_id, self._cursor = boot_id, ""
            self._offset = ClockOffset()
        self._offset.add(exchange.sent_at, exchange.received_at, *there)
        here_seconds = self._clock.wall().unix_minus_boot_seconds
        ahead_seconds = round(self._offset.seconds + utc_seconds - here_seconds, 6)
        self._description = replace(description, clock_offset_seconds=ahead_seconds)
        return document

    def _batches(self, document: dict[str, Any]) -> list[Batch]:
        """The rows after the last one that was given; ValueError if they are not in order of time."""
        layouts = [_layout(self._spec, layout) for layout in document["layouts"]]
        rows = [row for row in document["rows"] if row["boot_id"] == self._remote_boot_id]
        found = [self._batch(row, *layouts[row["layout"]]) for row in rows]
        fresh = [batch for batch in found if batch.at.boot_seconds > self._last.boot_seconds]
        seconds = [batch.at.boot_seconds for batch in fresh]
        latest_seconds = self._clock.now().boot_seconds + self._offset.doubt_seconds + _FUTURE_SECONDS
        if any(later <= earlier for earlier, later in pairwise(seconds)) or seconds[-1:] > [latest_seconds]:
            raise ValueError("they are out of order, or from the future")
        return fresh

    def _batch(
        self, row: dict[str, Any], channels: tuple[Channel, ...], identity: MeterIdentity | None
    ) -> Batch:
        at = self._offset.here(number(row["boot_seconds"]), self._last.boot_id)
        pairs = zip(channels, row["values"], strict=True)
        readings = tuple(Reading(channel, number(value), at) for channel, value in pairs if value is not None)
        return Batch(self._spec.name, at, readings, identity)


def _assumed(spec: RelaySpec) -> SourceDescription:
    quality = Quality.SIMULATED if spec.simulated else Quality.METERED
    power = Channel(spec.name, "vbus", "power_watts", Kind.POWER, Scope.BOARD, quality)
    return SourceDescription(spec.name, "relay", spec.interval_seconds, (power,), _detail(spec))


def _detail(spec: RelaySpec, there: str = "") -> str:
    about = f" ({there})" if there else ""
    return f"{spec.source} on {spec.url}{about}"


def _description(spec: RelaySpec, document: dict[str, Any]) -> SourceDescription:
    counters = tuple((fields.channel(spec, row), fields.limits(row)) for row in document["counter_limits"])
    return SourceDescription(
        spec.name,
        "relay",
        max(spec.interval_seconds, fields.interval_seconds(document["interval_seconds"])),
        fields.channels(spec, document["channels"]),
        _detail(spec, said(document["detail"])),
        counters,
        peer=fields.text(document["node"]),
    )


def _layout(spec: RelaySpec, row: dict[str, Any]) -> tuple[tuple[Channel, ...], MeterIdentity | None]:
    return fields.channels(spec, row["channels"]), fields.identity(row["identity"])
