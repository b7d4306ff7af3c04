"""The tables of the store, and how a file of an earlier version becomes one of this version."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from wattwatch.errors import StoreError

_VERSION_1: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE boots (
    id INTEGER PRIMARY KEY,           -- boots in order
    boot_id TEXT NOT NULL UNIQUE,
    first_us INTEGER,                 -- of what is kept; NULL: nothing
    last_us INTEGER,                  -- the last commit
    offset_seconds REAL NOT NULL,     -- UTC minus boot seconds
    synchronised_offset_seconds REAL  -- the last one while the clock was synchronised
);
CREATE TABLE layouts (
    id INTEGER PRIMARY KEY,
    definition TEXT NOT NULL UNIQUE   -- JSON: source, identity, channels
);
CREATE TABLE layout_channels (
    channel_id TEXT NOT NULL,
    layout INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (channel_id, layout)
) WITHOUT ROWID;
CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,           -- in the order in which they were written
    layout INTEGER NOT NULL,
    boot INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    rows INTEGER NOT NULL,
    segment INTEGER NOT NULL          -- the tail file that it was made of
);
CREATE INDEX chunks_by_time ON chunks (layout, boot, start_us);
CREATE TABLE columns (
    id INTEGER PRIMARY KEY,           -- chunk * 65536 + column; column 0 is the time, then the channels
    data BLOB NOT NULL
);
CREATE TABLE gaps (
    id INTEGER PRIMARY KEY,
    channel_id TEXT NOT NULL,
    boot INTEGER NOT NULL,
    end_us INTEGER NOT NULL,
    start_us INTEGER NOT NULL,
    joules REAL NOT NULL,
    sampled_seconds REAL NOT NULL,
    recovered_seconds REAL NOT NULL,
    missing_seconds REAL NOT NULL,
    doubt_joules REAL NOT NULL,
    channel TEXT NOT NULL,            -- JSON
    segment INTEGER NOT NULL
);
CREATE INDEX gaps_by_end ON gaps (channel_id, boot, end_us);
"""

MIGRATIONS: Final = (_VERSION_1,)
"""Step n makes a file of version n into one of version n + 1; an empty file has version 0. Append only."""

COLUMNS_PER_CHUNK: Final = 65536
"""Places for columns in the ids of a chunk."""

_APPLICATION_ID: Final = 0x57617474  # "Watt"
_BUSY_SECONDS: Final = 5.0
_PAGE_BYTES: Final = 4096


def connect(path: Path, checkpoint_pages: int) -> sqlite3.Connection:
    """A connection in autocommit, for any thread that holds its lock; sqlite3.Error if there is none."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        if not connection.execute("PRAGMA page_count").fetchone()[0]:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # a tail file is deleted on the strength of a commit
        connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint_pages}")
        connection.execute(f"PRAGMA journal_size_limit = {checkpoint_pages * _PAGE_BYTES}")
        connection.execute("PRAGMA cache_size = -512")  # kB; a daemon on a small machine
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path, steps: tuple[str, ...] = MIGRATIONS) -> None:
    """Bring a file to the version that is known here; StoreError if a newer program made it."""
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    if version > len(steps):
        raise StoreError(
            f"{path} was written by a newer wattwatch (schema {version}, this one knows {len(steps)}): "
            "upgrade wattwatch, or give this daemon another [store] path"
        )
    if version == len(steps):
        return
    with transaction(connection):
        for step in steps[version:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(steps)}")
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block, or nothing of it."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _statements(script: str) -> Iterator[str]:
    """Statements one by one: `executescript` would commit a transaction that is open."""
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
