"""Pages of readings: opaque cursors, times of a query, rows."""

import base64
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import Any, Final

from wattwatch.clock import rfc3339
from wattwatch.reading import Instant, Reading
from wattwatch.store.base import Span
from wattwatch.web.http import Problem
from wattwatch.web.view import DatedHistory

LARGEST_PAGE_ROWS: Final = 10_000
_LATEST_UTC_SECONDS: Final = 253_402_300_799.0  # the last second of the year 9999
_MICROSECOND: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row that was given: its instant, and its UTC should that boot be forgotten meanwhile."""

    at: Instant
    utc_seconds: float


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in order of time; `next` goes on after the last of them, `more` tells that there are some."""

    rows: list[dict[str, Any]]
    next: str | None
    more: bool


def readings_page(
    history: DatedHistory, channel_id: str, start_end: tuple[float, float], after: str | None, limit: int
) -> Page:
    """At most `limit` rows of a channel between two UTC times, after a cursor; Problem 400."""
    cursor = parse_cursor(after) if after else None
    found = list(islice(_readings(history, channel_id, start_end, cursor), limit + 1))
    kept, offsets = found[:limit], Offsets(history)
    rows = [_row(reading, offsets.utc_seconds(reading.at)) for reading in kept]
    following = after or None
    if kept:
        following = cursor_text(Cursor(kept[-1].at, offsets.utc_seconds(kept[-1].at)))
    return Page(rows, following, more=len(found) > limit)


def _readings(
    history: DatedHistory, channel_id: str, start_end: tuple[float, float], cursor: Cursor | None
) -> Iterator[Reading]:
    """Readings inside the spans only: a history gives one neighbour on each side besides."""
    for span in spans_after(history, start_end, cursor):
        for reading in history.readings(channel_id, span):
            if span.start.boot_seconds <= reading.at.boot_seconds <= span.end.boot_seconds:
                yield reading


def spans_after(
    history: DatedHistory, start_end: tuple[float, float], cursor: Cursor | None
) -> Sequence[Span]:
    """The spans between two UTC times, without what came up to the cursor."""
    spans = history.spans(*start_end)
    if cursor is None:
        return spans
    for index, span in enumerate(spans):
        if span.start.boot_id == cursor.at.boot_id and cursor.at.boot_seconds < span.end.boot_seconds:
            first = max(span.start.boot_seconds, round(cursor.at.boot_seconds + _MICROSECOND, 6))
            return [Span(Instant(span.start.boot_id, first), span.end), *spans[index + 1 :]]
    return _spans_of_later_boots(history, start_end, cursor, spans)


def _spans_of_later_boots(
    history: DatedHistory, start_end: tuple[float, float], cursor: Cursor, spans: Sequence[Span]
) -> Sequence[Span]:
    own = [index for index, span in enumerate(spans) if span.start.boot_id == cursor.at.boot_id]
    if own:
        return spans[own[-1] + 1 :]
    return history.spans(max(start_end[0], cursor.utc_seconds + _MICROSECOND), start_end[1])


class Offsets:
    """UTC of instants, asked of the history once a boot."""

    def __init__(self, history: DatedHistory) -> None:
        self._history = history
        self._by_boot: dict[str, float] = {}

    def utc_seconds(self, at: Instant) -> float:
        """UTC of an instant, in whole microseconds."""
        if at.boot_id not in self._by_boot:
            self._by_boot[at.boot_id] = self._history.utc_seconds(at)[0] - at.boot_seconds
        return round(at.boot_seconds + self._by_boot[at.boot_id], 6)


def _row(reading: Reading, utc_seconds: float) -> dict[str, Any]:
    return {
        "at": rfc3339(utc_seconds),
        "boot_id": reading.at.boot_id,
        "boot_seconds": reading.at.boot_seconds,
        "value": reading.value if math.isfinite(reading.value) else None,
    }


def cursor_text(cursor: Cursor) -> str:
    """A cursor as it is given to the other side."""
    fields = [cursor.at.boot_id, cursor.at.boot_seconds, cursor.utc_seconds]
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def parse_cursor(text: str) -> Cursor:
    """The cursor of a text; Problem 400 for one that is not ours."""
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        boot_id, boot_seconds, utc_seconds = json.loads(base64.urlsafe_b64decode(padded))
        return Cursor(Instant(str(boot_id), _finite(boot_seconds)), _finite(utc_seconds))
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "after: not a cursor; give back what `next` was") from error


def _finite(value: float | str) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def query_time(text: str, name: str) -> float:
    """UTC seconds of RFC 3339 or a number of unix seconds; Problem 400."""
    try:
        seconds = _finite(text) if _is_number(text) else _rfc3339_seconds(text)
    except (ValueError, OverflowError) as error:
        cause = f"{name}: expected RFC 3339 such as 2025-06-01T12:00:00Z, or unix seconds"
        raise Problem(HTTPStatus.BAD_REQUEST, cause) from error
    return min(max(seconds, 0.0), _LATEST_UTC_SECONDS)


def _is_number(text: str) -> bool:
    return text.lstrip("+-").replace(".", "", 1).isdecimal()


def _rfc3339_seconds(text: str) -> float:
    moment = datetime.fromisoformat(text.strip().replace(" ", "+"))  # a + that was not percent-encoded
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.timestamp()


def query_start_end(query: dict[str, str]) -> tuple[float, float]:
    """UTC seconds of `start` and `end`, by default everything; Problem 400."""
    start = query_time(query["start"], "start") if query.get("start") else 0.0
    end = query_time(query["end"], "end") if query.get("end") else _LATEST_UTC_SECONDS
    if end < start:
        raise Problem(HTTPStatus.BAD_REQUEST, "end is before start")
    return start, end


def query_limit(query: dict[str, str]) -> int:
    """Rows of a page; Problem 400 for what is no number from 1 to 10000."""
    text = query.get("limit") or str(LARGEST_PAGE_ROWS)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= LARGEST_PAGE_ROWS):
        raise Problem(HTTPStatus.BAD_REQUEST, f"limit: expected 1 to {LARGEST_PAGE_ROWS}, got {text[:20]!r}")
    return int(text)
