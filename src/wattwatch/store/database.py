"""The SQLite file, as it is written: a sealed segment becomes compressed chunks in one transaction."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

from wattwatch.errors import StoreError
from wattwatch.store.chunks import encode_floats, encode_times
from wattwatch.store.prune import Bounds, prune, shrink
from wattwatch.store.reader import Reader
from wattwatch.store.records import channel_text, gap_figures, layout_row
from wattwatch.store.schema import COLUMNS_PER_CHUNK, connect, migrate, transaction
from wattwatch.store.segment import BootTimes, Layout, Layouts, Rows, Segment, microseconds

_DAMAGE: Final = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_PRIMARY_CODE: Final = 0xFF
_PAGE_WASTE: Final = 2  # a column of more than half a page has the page for itself

_BOOT_SQL: Final = """
INSERT INTO boots (boot_id, first_us, last_us, offset_seconds, synchronised_offset_seconds)
VALUES (?, ?, ?, ?, ?) ON CONFLICT (boot_id) DO UPDATE SET
first_us = coalesce(min(first_us, excluded.first_us), first_us, excluded.first_us),
last_us = coalesce(max(last_us, excluded.last_us), last_us, excluded.last_us),
offset_seconds = excluded.offset_seconds, synchronised_offset_seconds =
coalesce(excluded.synchronised_offset_seconds, synchronised_offset_seconds)
"""

_EncodedRows = tuple[Layout, Rows, list[bytes]]


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is broken; other errors (full disk, no permission) may pass."""
    return (getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE) in _DAMAGE


class Database:
    """One open SQLite file. One thread at a time writes; any number of threads use the reader."""

    def __init__(self, path: Path, layouts: Layouts, checkpoint_pages: int) -> None:
        """sqlite3.Error if it cannot be opened; StoreError if a newer program made it."""
        self.path = path
        self._ids: WeakKeyDictionary[Layout, int] = WeakKeyDictionary()
        self._connection = connect(path, checkpoint_pages)
        try:
            migrate(self._connection, path)
            self.reader = Reader(connect(path, checkpoint_pages), layouts)
        except (sqlite3.Error, StoreError):
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file; readers that come later find nothing."""
        self.reader.close()
        self._connection.close()

    def keep(self, boots: Iterable[BootTimes], state: bytes) -> None:
        """Make boots known, in order, and the counters: what a new file is given of a damaged one."""
        with transaction(self._connection):
            for boot in boots:
                self._keep_boot(boot)
            self._keep_meta("state", state)

    def fold_log(self) -> None:
        """Move the write-ahead log into the file and give its space back, if that is possible now."""
        with suppress(sqlite3.Error):
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def write(self, segment: Segment, bounds: Bounds) -> bool:
        """A segment as chunks, in one transaction with the note that it is here; what is over bounds goes.

        True if chunks went.
        """
        encoded = [(layout, rows, _encoded(layout, rows)) for layout, rows in segment.rows.items()]
        try:
            with transaction(self._connection):
                forgotten = prune(self._connection, bounds, _PAGE_WASTE * _bytes(encoded))
                self._forget(forgotten.layouts)
                self._write(segment, encoded)
        except sqlite3.Error:
            self._ids.clear()  # what was looked up in a transaction that is undone may not be there
            raise
        shrink(self._connection, bounds)
        return forgotten.chunks > 0

    def _forget(self, layouts: frozenset[int]) -> None:
        for layout in [layout for layout, number in self._ids.items() if number in layouts]:
            del self._ids[layout]

    def _write(self, segment: Segment, encoded: list[_EncodedRows]) -> None:
        boot = self._keep_boot(segment.boot)
        for layout, rows, columns in encoded:
            self._write_chunk(segment.number, (self._id_of(layout), boot), rows, columns)
        self._write_gaps(segment, boot)
        self._keep_meta("consumed_segment", segment.number)
        self._keep_meta("state", segment.state)

    def _keep_meta(self, key: str, value: bytes | int) -> None:
        self._connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def _keep_boot(self, boot: BootTimes) -> int:
        extent = (boot.first_us, boot.last_us)
        offsets = (boot.offset_seconds, boot.synchronised_offset_seconds)
        self._connection.execute(_BOOT_SQL, (boot.boot_id, *extent, *offsets))
        return self._one("SELECT id FROM boots WHERE boot_id = ?", boot.boot_id)

    def _write_chunk(self, segment: int, key: tuple[int, int], rows: Rows, columns: list[bytes]) -> None:
        extent = (rows.times_us[0], rows.times_us[-1], len(rows.times_us))
        cursor = self._connection.execute(
            "INSERT INTO chunks (layout, boot, start_us, end_us, rows, segment) VALUES (?, ?, ?, ?, ?, ?)",
            (*key, *extent, segment),
        )
        first_id = (cursor.lastrowid or 0) * COLUMNS_PER_CHUNK
        self._connection.executemany("INSERT INTO columns VALUES (?, ?)", enumerate(columns, first_id))

    def _id_of(self, layout: Layout) -> int:
        if layout not in self._ids:
            text = json.dumps(layout_row(layout), separators=(",", ":"))
            cursor = self._connection.execute(
                "INSERT OR IGNORE INTO layouts (definition) VALUES (?)", (text,)
            )
            number = self._one("SELECT id FROM layouts WHERE definition = ?", text)
            if cursor.rowcount:
                places = [(channel_id, number, place) for channel_id, place in layout.positions.items()]
                self._connection.executemany("INSERT INTO layout_channels VALUES (?, ?, ?)", places)
            self._ids[layout] = number
        return self._ids[layout]

    def _write_gaps(self, segment: Segment, boot: int) -> None:
        for gap in segment.gaps:
            ends = (microseconds(gap.end), microseconds(gap.start))
            tail = (channel_text(gap.channel), segment.number)
            self._connection.execute(
                "INSERT INTO gaps VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (gap.channel.id, boot, *ends, *gap_figures(gap), *tail),
            )

    def _one(self, sql: str, *parameters: Any) -> int:
        value: int = self._connection.execute(sql, parameters).fetchone()[0]
        return value


def _encoded(layout: Layout, rows: Rows) -> list[bytes]:
    values = (encode_floats(rows.column(position)) for position in range(len(layout.channels)))
    return [encode_times(rows.times_us), *values]


def _bytes(encoded: list[_EncodedRows]) -> int:
    return sum(len(column) for _, _, columns in encoded for column in columns)
