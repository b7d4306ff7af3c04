"""Full disks, broken files: measuring goes on, and what can be kept is kept."""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.store import ENERGY, POWER, commit, open_store, span, values
from wattwatch.store.database import Database
from wattwatch.store.local import LocalStore
from wattwatch.store.prune import Bounds
from wattwatch.store.segment import Segment

needs_mount = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("mount") is None, reason="mounting a small tmpfs needs root"
)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = tmp_path / "disk"
    mount.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", mount], check=False)
    if done.returncode != 0:
        pytest.skip("this machine does not let root mount a tmpfs")
    yield mount
    subprocess.run(["umount", "--lazy", mount], check=True)


def fill(store: LocalStore, start: int, end: int) -> None:
    for second in range(start, end, 10):
        store.append(commit(second, float(second), joules=float(second)))
        store.settle()


def expected(start: int, end: int) -> list[float]:
    return [float(second) for second in range(start, end, 10)]


@needs_mount
def test_a_full_disk_is_survived_in_memory_and_left_again(small_disk: Path) -> None:
    path, ballast = small_disk / "wattwatch.db", small_disk / "ballast"
    store = open_store(path)
    fill(store, 10, 100)
    hog(ballast)
    fill(store, 100, 2000)
    assert "No space left" in store.health().degraded or "full" in store.health().degraded
    assert values(store) == expected(10, 2000)
    ballast.unlink()
    fill(store, 2000, 2070)  # it tries again each minute
    assert store.health().degraded == ""
    fill(store, 2070, 2100)
    store.close()
    store = open_store(path)
    assert values(store) == expected(10, 2100)
    assert store.restored.counters == {ENERGY: 2090.0}
    store.close()


def hog(ballast: Path) -> None:
    """Take all the space there is, to the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(b"x" * size)
            except OSError:
                continue


@needs_mount
def test_on_a_full_disk_memory_holds_the_last_hour(small_disk: Path) -> None:
    path = small_disk / "wattwatch.db"
    store = open_store(path)
    hog(small_disk / "ballast")
    fill(store, 10, 9000)
    kept = values(store)
    assert kept == expected(round(kept[0]), 9000)
    assert 3600 <= 9000 - kept[0] <= 3600 + 2 * 310
    (small_disk / "ballast").unlink()
    fill(store, 9000, 9100)
    store.close()
    store = open_store(path)
    found = values(store)
    late = [*kept, *expected(9000, 9100)]
    assert found[-len(late) :] == late
    # The tail file that was begun before the disk was full waited for room: it is there too.
    assert found[: -len(late)] == expected(10, 10 + 10 * (len(found) - len(late)))
    store.close()


@needs_mount
def test_a_stretch_that_is_being_written_is_not_let_go_of(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk has room again just when memory would let go of its oldest hour."""
    path, ballast = small_disk / "wattwatch.db", small_disk / "ballast"
    store = open_store(path)
    hog(ballast)
    fill(store, 10, 3600)
    kept = values(store)
    ballast.unlink()
    write = Database.write

    def write_while_hours_pass(database: Database, segment: Segment, bounds: Bounds) -> bool:
        for second in range(3600, 20_000, 600):
            store.append(commit(second, float(second)))
        monkeypatch.setattr(Database, "write", write)
        return write(database, segment, bounds)

    monkeypatch.setattr(Database, "write", write_while_hours_pass)
    store.append(commit(3600, 3600.0))
    store.settle()
    store.append(commit(20_000, 20_000.0))
    store.settle()
    assert store.health().degraded == ""
    assert values(store)[:29] == kept[:29]
    store.close()


@needs_mount
def test_what_a_full_disk_holds_in_tail_files_is_not_lost_when_memory_is_short(small_disk: Path) -> None:
    """The disk fills just before a tail file becomes chunks: that file waits for room, however long."""
    path, ballast = small_disk / "wattwatch.db", small_disk / "ballast"
    store = open_store(path)
    fill(store, 10, 300)
    hog(ballast)
    fill(store, 300, 9000)
    ballast.unlink()
    fill(store, 9000, 9100)
    assert store.health().degraded == ""
    assert values(store)[:29] == expected(10, 300)
    store.close()


@needs_mount
def test_a_store_opens_on_a_full_disk(small_disk: Path) -> None:
    hog(small_disk / "ballast")
    store = open_store(small_disk / "wattwatch.db")
    fill(store, 10, 40)
    assert store.health().degraded
    assert values(store) == expected(10, 40)
    (small_disk / "ballast").unlink()
    fill(store, 40, 200)
    assert store.health().degraded == ""
    store.close()
    store = open_store(small_disk / "wattwatch.db")
    assert values(store) == expected(10, 200)
    store.close()


@pytest.mark.parametrize("spoil", ["garbage", "header", "truncated", "page"])
def test_a_damaged_file_found_at_opening_is_moved_aside(tmp_path: Path, spoil: str) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    fill(store, 10, 700)
    store.close()
    damage(path, spoil)
    store = open_store(path)
    fill(store, 700, 1100)
    health = store.health()
    store.close()
    assert health.damaged.startswith("wattwatch.db.damaged-2023")
    assert (tmp_path / health.damaged).exists()
    store = open_store(path)
    assert values(store) == expected(700, 1100)
    assert store.health().damaged == ""
    store.close()


def damage(path: Path, how: str) -> None:
    data = bytearray(path.read_bytes())
    if how == "garbage":
        data[:] = b"no database at all, only text. " * 1000
    elif how == "header":
        data[:100] = bytes(100)
        data[0] = 1
    elif how == "truncated":
        del data[len(data) // 2 :]
    else:  # every page but the first
        data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(bytes(data))


def test_counters_are_continued_from_a_damaged_file_as_far_as_it_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    fill(store, 10, 700)
    store.close()
    data = path.read_bytes()
    with sqlite3.connect(path) as connection:
        pages = connection.execute(
            "SELECT name, rootpage FROM sqlite_schema WHERE name = 'layouts'"
        ).fetchall()
    connection.close()
    start = (pages[0][1] - 1) * 4096
    path.write_bytes(data[:start] + b"\xff" * 4096 + data[start + 4096 :])
    store = open_store(path)
    assert store.health().damaged
    assert store.restored.counters == {ENERGY: 690.0}
    assert store.utc_seconds(POWER_AT)[1]
    store.close()


POWER_AT = span(10, 20).start


def test_damage_that_comes_later_costs_the_chunks_but_neither_tail_nor_counters(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    fill(store, 10, 700)
    spoil_in_place(path)
    fill(store, 700, 1100)
    values(store)  # what is in no cache is read now
    fill(store, 1100, 1400)
    health = store.health()
    assert health.damaged
    assert health.degraded == ""
    assert (tmp_path / health.damaged).exists()
    kept = values(store)
    assert kept == expected(round(kept[0]), 1400)
    assert kept[0] <= 1000
    store.close()
    store = open_store(path)
    assert values(store) == kept
    assert store.restored.counters == {ENERGY: 1390.0}
    store.close()


def spoil_in_place(path: Path) -> None:
    """Overwrite every page of the database and its log, under the feet of the process that has it open."""
    for file in (path, path.with_name(path.name + "-wal")):
        with file.open("r+b") as opened:
            opened.write(b"\xff" * file.stat().st_size)


def test_a_reader_that_meets_damage_still_gets_the_tail(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    fill(store, 10, 700)
    spoil_in_place(path)
    tail = [value for value in values(store) if value >= 630]
    assert tail == expected(630, 700)
    store.settle()
    fill(store, 700, 720)
    assert [value for value in values(store) if value >= 630] == expected(630, 720)
    assert store.channels() == (POWER,)
    store.close()


def test_a_damaged_chunk_is_a_gap_and_not_a_wrong_value(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    fill(store, 10, 1000)
    store.close()
    with sqlite3.connect(path) as connection:
        first = connection.execute("SELECT min(id) FROM columns WHERE id % 65536 = 1").fetchone()[0]
        data = bytearray(connection.execute("SELECT data FROM columns WHERE id = ?", (first,)).fetchone()[0])
        data[-1] ^= 1
        connection.execute("UPDATE columns SET data = ? WHERE id = ?", (bytes(data), first))
    connection.close()
    store = open_store(path)
    kept = values(store)
    assert kept == expected(round(kept[0]), 1000)
    assert kept[0] > 10
    assert "left out" in caplog.text
    store.close()
