"""Files of earlier versions are brought forward; files of later ones are refused."""

import sqlite3
from array import array
from pathlib import Path

import pytest

from support.store import POWER, commit, open_store, values
from wattwatch.errors import StoreError
from wattwatch.store.chunks import encode_floats, encode_times
from wattwatch.store.counters import CounterBook
from wattwatch.store.schema import MIGRATIONS, connect, migrate

# The first schema as it was released. This text never changes: it stands for the files that exist.
VERSION_1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE boots (id INTEGER PRIMARY KEY, boot_id TEXT NOT NULL UNIQUE, first_us INTEGER, last_us INTEGER,
    offset_seconds REAL NOT NULL, synchronised_offset_seconds REAL);
CREATE TABLE layouts (id INTEGER PRIMARY KEY, definition TEXT NOT NULL UNIQUE);
CREATE TABLE layout_channels (channel_id TEXT NOT NULL, layout INTEGER NOT NULL, position INTEGER NOT NULL,
    PRIMARY KEY (channel_id, layout)) WITHOUT ROWID;
CREATE TABLE chunks (id INTEGER PRIMARY KEY, layout INTEGER NOT NULL, boot INTEGER NOT NULL,
    start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, rows INTEGER NOT NULL, segment INTEGER NOT NULL);
CREATE INDEX chunks_by_time ON chunks (layout, boot, start_us);
CREATE TABLE columns (id INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE gaps (id INTEGER PRIMARY KEY, channel_id TEXT NOT NULL, boot INTEGER NOT NULL,
    end_us INTEGER NOT NULL, start_us INTEGER NOT NULL, joules REAL NOT NULL, sampled_seconds REAL NOT NULL,
    recovered_seconds REAL NOT NULL, missing_seconds REAL NOT NULL, doubt_joules REAL NOT NULL,
    channel TEXT NOT NULL, segment INTEGER NOT NULL);
CREATE INDEX gaps_by_end ON gaps (channel_id, boot, end_us);
PRAGMA user_version = 1;
"""
LAYOUT = '["meter",null,[["meter","vbus","power_watts","power","board","metered"]]]'


def write_version_1(path: Path) -> None:
    """A file as the first release wrote it: one boot, one layout, one chunk of three readings."""
    state = CounterBook("boot-1").state()
    connection = sqlite3.connect(path)
    connection.executescript(VERSION_1)
    connection.execute("INSERT INTO meta VALUES ('state', ?), ('consumed_segment', 4)", (state,))
    connection.execute("INSERT INTO boots VALUES (1, 'boot-1', 1000000, 3000000, 1.7e9, 1.7e9)")
    connection.execute("INSERT INTO layouts VALUES (1, ?)", (LAYOUT,))
    connection.execute("INSERT INTO layout_channels VALUES (?, 1, 0)", (POWER.id,))
    connection.execute("INSERT INTO chunks VALUES (1, 1, 1, 1000000, 3000000, 3, 4)")
    times, watts = array("q", [1000000, 2000000, 3000000]), array("d", [5.5, 6.25, 7.125])
    columns = [(65536, encode_times(times)), (65537, encode_floats(watts))]
    connection.executemany("INSERT INTO columns VALUES (?, ?)", columns)
    connection.commit()
    connection.close()


def test_a_file_of_version_1_is_read_and_written_on(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    write_version_1(path)
    store = open_store(path)
    assert store.restored.last_batches["meter"].readings[0].value == 7.125
    store.append(commit(10.0, 8.0))
    assert values(store) == [5.5, 6.25, 7.125, 8.0]
    store.close()
    store = open_store(path)
    assert values(store) == [5.5, 6.25, 7.125, 8.0]
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == len(MIGRATIONS)
    connection.close()


def test_later_steps_are_applied_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    write_version_1(path)
    steps = (*MIGRATIONS[:1], "ALTER TABLE boots ADD COLUMN name TEXT;", "UPDATE boots SET name = boot_id;\n")
    for _ in range(2):
        connection = connect(path, 8)
        migrate(connection, path, steps)
        assert connection.execute("SELECT name FROM boots").fetchall() == [("boot-1",)]
        assert connection.execute("PRAGMA user_version").fetchone()[0] == 3
        connection.close()


def test_a_step_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    write_version_1(path)
    connection = connect(path, 8)
    with pytest.raises(sqlite3.Error):
        migrate(connection, path, (*MIGRATIONS[:1], "DROP TABLE gaps;\nDROP TABLE no_such_table;\n"))
    connection.close()
    store = open_store(path)
    assert values(store) == [5.5, 6.25, 7.125]
    store.close()


def test_a_file_from_the_future_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    open_store(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(
        StoreError, match=rf"newer wattwatch \(schema 99, this one knows {len(MIGRATIONS)}\): upgrade"
    ):
        open_store(path)
    assert path.read_bytes() == before
