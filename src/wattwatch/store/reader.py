"""The SQLite file, as it is read: only the chunks that a query needs, and of those only its columns."""

import json
import logging
import sqlite3
import threading
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any, Final

from wattwatch.errors import StoreError
from wattwatch.reading import Batch, Channel, EnergyRecord
from wattwatch.store.chunks import decode_floats, decode_times
from wattwatch.store.records import channel_of_text, layout_of
from wattwatch.store.schema import COLUMNS_PER_CHUNK
from wattwatch.store.segment import BootTimes, Layout, Layouts, Slice, Window, instant_of

logger = logging.getLogger(__name__)

_CHUNKS_AT_ONCE: Final = 32  # a slow consumer holds no transaction open
_BEFORE_ALL_US: Final = -(2**62)

_CHUNKS_SQL: Final = """
SELECT c.start_us, c.id, c.rows, t.data, v.data FROM chunks c
JOIN columns t ON t.id = c.id * :places JOIN columns v ON v.id = c.id * :places + :column
WHERE c.layout = :layout AND c.boot = :boot AND c.segment < :before AND c.start_us >= :first
AND (c.start_us, c.id) > (:start, :chunk) ORDER BY c.start_us, c.id LIMIT :limit
"""
_FIRST_SQL: Final = """
SELECT start_us FROM chunks WHERE layout = ? AND boot = ? AND segment < ? AND start_us < ?
ORDER BY start_us DESC LIMIT 1
"""
_LAYOUTS_SQL: Final = """
SELECT l.id, l.definition, c.position FROM layout_channels c JOIN layouts l ON l.id = c.layout
WHERE c.channel_id = ? ORDER BY l.id
"""
_GAPS_SQL: Final = """
SELECT channel, start_us, end_us, joules, sampled_seconds, recovered_seconds, missing_seconds, doubt_joules
FROM gaps WHERE channel_id = ? AND boot = (SELECT id FROM boots WHERE boot_id = ?)
AND end_us >= ? AND start_us <= ? AND segment < ? ORDER BY start_us, id
"""
_BOOTS_SQL: Final = """
SELECT boot_id, first_us, last_us, offset_seconds, synchronised_offset_seconds FROM boots ORDER BY id
"""
_WHOLE_SQL: Final = """
SELECT id, rows FROM chunks WHERE layout = :layout AND boot = (SELECT id FROM boots WHERE boot_id = :boot)
AND segment < :before AND end_us >= :start AND start_us <= :end ORDER BY start_us, id
"""
_COLUMNS_SQL: Final = "SELECT data FROM columns WHERE id >= ? AND id < ? ORDER BY id"
_LAST_SQL: Final = """
SELECT id, rows, end_us FROM chunks WHERE layout = ? AND boot = (SELECT id FROM boots WHERE boot_id = ?)
ORDER BY start_us DESC, id DESC LIMIT 1
"""


class Reader:
    """Queries of one SQLite file, from any thread. Every method may raise sqlite3.Error."""

    def __init__(self, connection: sqlite3.Connection | None, layouts: Layouts) -> None:
        """Of no connection: finds nothing."""
        self._connection = connection
        self._layouts = layouts
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection; queries that come later find nothing."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _fetch(self, sql: str, parameters: tuple[Any, ...] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return self._connection.execute(sql, parameters).fetchall() if self._connection else []

    def meta(self, key: str) -> Any:
        """The value kept under a key, None if there is none."""
        rows = self._fetch("SELECT value FROM meta WHERE key = ?", (key,))
        return rows[0][0] if rows else None

    def boots(self) -> list[BootTimes]:
        """All boots in order."""
        return [BootTimes(*row) for row in self._fetch(_BOOTS_SQL)]

    def channels(self) -> set[Channel]:
        """Channels that have chunks."""
        return {channel for layout in self._all_layouts().values() for channel in layout.channels}

    def _all_layouts(self) -> dict[int, Layout]:
        rows = self._fetch("SELECT id, definition FROM layouts")
        return {number: self._layout(text) for number, text in rows}

    def _layout(self, text: str) -> Layout:
        return layout_of(json.loads(text), self._layouts)

    def gaps(self, channel_id: str, window: Window, before_segment: int) -> list[EnergyRecord]:
        """Gaps of a channel that touch the window, of segments before the given one."""
        parameters = (channel_id, window.boot_id, window.start_us, window.end_us, before_segment)
        return [_gap(window.boot_id, row) for row in self._fetch(_GAPS_SQL, parameters)]

    def slices(self, channel_id: str, window: Window, before_segment: int) -> list[Iterator[Slice]]:
        """Per layout with the channel: its readings in the window and one on each side, chunk by chunk."""
        boot = self._fetch("SELECT id FROM boots WHERE boot_id = ?", (window.boot_id,))
        if not boot:
            return []
        key = {
            "boot": boot[0][0],
            "before": before_segment,
            "limit": _CHUNKS_AT_ONCE,
            "places": COLUMNS_PER_CHUNK,
        }
        return [
            self._chunks(
                self._layout(text).channels[place], window, key | {"layout": number, "column": place + 1}
            )
            for number, text, place in self._fetch(_LAYOUTS_SQL, (channel_id,))
        ]

    def _chunks(self, channel: Channel, window: Window, key: dict[str, int]) -> Iterator[Slice]:
        # The last chunk that begins before the window holds the neighbour before it, and maybe more.
        before = (key["layout"], key["boot"], key["before"], window.start_us)
        first = self._fetch(_FIRST_SQL, before)
        key |= {"first": first[0][0] if first else window.start_us, "start": _BEFORE_ALL_US, "chunk": 0}
        while rows := self._fetch(_CHUNKS_SQL, key):
            for start_us, _, count, times, values in rows:
                if (part := _slice(channel, window, count, (times, values))) is not None:
                    yield part
                if start_us > window.end_us:
                    return
            key |= {"start": rows[-1][0], "chunk": rows[-1][1]}

    def batches(self, source: str, window: Window, before_segment: int) -> list[Iterator[Batch]]:
        """Per layout of the source: its batches in the window, of segments before the given one."""
        boundaries = {"boot": window.boot_id, "start": window.start_us, "end": window.end_us}
        return [
            self._whole(layout, window, boundaries | {"layout": number, "before": before_segment})
            for number, layout in self._all_layouts().items()
            if layout.source == source
        ]

    def _whole(self, layout: Layout, window: Window, key: dict[str, Any]) -> Iterator[Batch]:
        for chunk, count in self._fetch(_WHOLE_SQL, key):
            first_id = chunk * COLUMNS_PER_CHUNK
            (times,), *columns = self._fetch(_COLUMNS_SQL, (first_id, first_id + COLUMNS_PER_CHUNK))
            try:
                times_us = decode_times(times, count)
                values = [decode_floats(data, count) for (data,) in columns]
            except StoreError as error:
                logger.warning("a chunk of %s is left out: %s", layout.source, error)
                continue
            for row in range(bisect_left(times_us, window.start_us), bisect_right(times_us, window.end_us)):
                at = instant_of(window.boot_id, times_us[row])
                yield layout.batch(at, array("d", [column[row] for column in values]))

    def last_batch_of_each(self, boot_id: str) -> list[Batch]:
        """The last batch of each layout in a boot."""
        found = (self._last(number, layout, boot_id) for number, layout in self._all_layouts().items())
        return [batch for batch in found if batch is not None]

    def _last(self, number: int, layout: Layout, boot_id: str) -> Batch | None:
        found = self._fetch(_LAST_SQL, (number, boot_id))
        if not found:
            return None
        chunk, count, end_us = found[0]
        first_id = chunk * COLUMNS_PER_CHUNK
        sql = "SELECT data FROM columns WHERE id > ? AND id < ? ORDER BY id"
        columns = self._fetch(sql, (first_id, first_id + COLUMNS_PER_CHUNK))
        try:
            values = array("d", [decode_floats(data, count)[-1] for (data,) in columns])
        except StoreError as error:
            logger.warning("a chunk of %s is left out: %s", layout.source, error)
            return None
        return layout.batch(instant_of(boot_id, end_us), values)


def _slice(channel: Channel, window: Window, count: int, columns: tuple[bytes, bytes]) -> Slice | None:
    """The rows of a chunk in the window and one on each side; None if the chunk is damaged."""
    try:
        times_us = decode_times(columns[0], count)
        values = decode_floats(columns[1], count)
    except StoreError as error:  # one chunk less is a gap; wrong values would be a lie
        logger.warning("a chunk of %s is left out: %s", channel.id, error)
        return None
    first = max(bisect_left(times_us, window.start_us) - 1, 0)
    end = bisect_right(times_us, window.end_us) + 1
    return Slice(channel, times_us[first:end], values[first:end])


def _gap(boot_id: str, row: tuple[Any, ...]) -> EnergyRecord:
    text, start_us, end_us, *figures = row
    start, end = instant_of(boot_id, start_us), instant_of(boot_id, end_us)
    return EnergyRecord(channel_of_text(text), start, end, *figures)
