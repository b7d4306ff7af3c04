"""What goes when readings become too old or the file too large: the oldest chunks, a few at a time."""

import sqlite3
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.store.schema import COLUMNS_PER_CHUNK

_CHUNKS_AT_ONCE: Final = 256  # what goes passes through the write-ahead log, too
_AFTER_ALL: Final = 2**62
_VACUUM_PAGES, _VACUUM_MOST_PAGES, _VACUUM_PART = 16, 1024, 4


@dataclass(frozen=True, slots=True)
class Bounds:
    """What may stay: bytes of the file; of each boot, the microsecond before which readings are too old."""

    bytes: int
    oldest_us: dict[str, int]


@dataclass(slots=True)
class Forgotten:
    """What went: how many chunks, and the layouts that no chunk is left of."""

    chunks: int
    layouts: frozenset[int] = frozenset()


def prune(connection: sqlite3.Connection, bounds: Bounds, coming_bytes: int) -> Forgotten:
    """Drop chunks, oldest first, until what is coming fits the bounds; to be called within a transaction."""
    dropped = _drop(connection, _too_old(connection, bounds.oldest_us))
    while dropped < _CHUNKS_AT_ONCE and _used_bytes(connection) + coming_bytes > bounds.bytes:
        if not (more := _drop(connection, _oldest(connection))):
            break
        dropped += more
    return Forgotten(dropped, _drop_orphans(connection)) if dropped else Forgotten(0)


def shrink(connection: sqlite3.Connection, bounds: Bounds) -> None:
    """Give free pages back if the file is larger than it may be: after its bound was lowered."""
    excess_bytes = _pragma(connection, "page_count") * _pragma(connection, "page_size") - bounds.bytes
    if excess_bytes > 0:
        # A part each time: every page that moves goes through the write-ahead log. (`execute` would stop
        # after the first page.)
        pages = excess_bytes // _pragma(connection, "page_size") // _VACUUM_PART + _VACUUM_PAGES
        connection.executescript(f"PRAGMA incremental_vacuum({min(pages, _VACUUM_MOST_PAGES)})")


def _too_old(connection: sqlite3.Connection, oldest_us: dict[str, int]) -> int:
    """The last of the oldest chunks that are too old, 0 if there is none."""
    rows = connection.execute(
        "SELECT c.id, b.boot_id, c.end_us FROM chunks c JOIN boots b ON b.id = c.boot ORDER BY c.id LIMIT ?",
        (_CHUNKS_AT_ONCE,),
    )
    last_id = 0
    for chunk_id, boot_id, end_us in rows:
        if boot_id not in oldest_us or end_us >= oldest_us[boot_id]:
            break
        last_id = chunk_id
    return last_id


def _oldest(connection: sqlite3.Connection) -> int:
    chunk_id: int | None = connection.execute("SELECT min(id) FROM chunks").fetchone()[0]
    return chunk_id or 0


def _drop(connection: sqlite3.Connection, last_id: int) -> int:
    if not last_id:
        return 0
    connection.execute("DELETE FROM columns WHERE id < ?", ((last_id + 1) * COLUMNS_PER_CHUNK,))
    return connection.execute("DELETE FROM chunks WHERE id <= ?", (last_id,)).rowcount


def _drop_orphans(connection: sqlite3.Connection) -> frozenset[int]:
    """Drop gaps older than the oldest chunk, extents of boots, and layouts of which no chunk is left."""
    oldest = connection.execute("SELECT segment, boot, start_us FROM chunks ORDER BY id LIMIT 1").fetchone()
    segment, boot, start_us = oldest or (_AFTER_ALL, _AFTER_ALL, None)
    connection.execute("DELETE FROM gaps WHERE segment < ?", (segment,))
    connection.execute("UPDATE boots SET first_us = NULL WHERE id < ?", (boot,))
    connection.execute("UPDATE boots SET first_us = ? WHERE id = ?", (start_us, boot))
    unused = "SELECT id FROM layouts WHERE NOT EXISTS (SELECT 1 FROM chunks WHERE layout = layouts.id)"
    layouts = [row[0] for row in connection.execute(unused)]
    for layout in layouts:
        connection.execute("DELETE FROM layout_channels WHERE layout = ?", (layout,))
        connection.execute("DELETE FROM layouts WHERE id = ?", (layout,))
    return frozenset(layouts)


def _used_bytes(connection: sqlite3.Connection) -> int:
    pages = _pragma(connection, "page_count") - _pragma(connection, "freelist_count")
    return pages * _pragma(connection, "page_size")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    value: Any = connection.execute(f"PRAGMA {name}").fetchone()[0]
    return int(value)
