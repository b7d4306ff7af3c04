"""Tail files that end anywhere, or in which bits have flipped: what is whole is kept."""

import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.store import ENERGY, commit, open_store, values
from wattwatch.store import tailfile
from wattwatch.store.local import LocalStore
from wattwatch.store.tail import tail_numbers, tail_path
from wattwatch.store.tailfile import read

COMMITS = 12
PREAMBLE_BYTES = 16  # names the live copy; nothing else hangs on it


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process that was killed leaves: copied while the store is open."""
    directory = tmp_path_factory.mktemp("killed")
    store = open_store(directory / "live" / "wattwatch.db")
    for second in range(1, COMMITS + 1):
        store.append(commit(second, float(second), joules=10.0 * second))
    store.sync()
    shutil.copytree(directory / "live", directory / "copy")
    store.close()
    return directory / "copy"


def reopened(killed: Path, directory: str, spoil: bytes | None = None) -> LocalStore:
    """The store of a killed process, its tail file replaced by other bytes."""
    copy = Path(directory) / "state"
    shutil.copytree(killed, copy)
    path = copy / "wattwatch.db"
    if spoil is not None:
        tail_path(path, 1).write_bytes(spoil)
    return open_store(path)


def tail_bytes(killed: Path) -> bytes:
    return tail_path(killed / "wattwatch.db", 1).read_bytes()


def test_nothing_that_was_acknowledged_is_lost(killed: Path, tmp_path: Path) -> None:
    store = reopened(killed, str(tmp_path))
    assert values(store) == [float(second) for second in range(1, COMMITS + 1)]
    assert store.restored.counters == {ENERGY: 10.0 * COMMITS}
    store.settle()
    assert values(store) == [float(second) for second in range(1, COMMITS + 1)]
    store.close()
    assert tail_numbers(tmp_path / "state" / "wattwatch.db") == []


def test_after_a_power_cut_there_is_what_was_synced(tmp_path: Path) -> None:
    """A copy of the directory is what a power cut leaves: it has no live copies."""
    store = open_store(tmp_path / "state" / "wattwatch.db")
    for second in range(1, 7):
        store.append(commit(second, float(second), joules=float(second)))
    store.settle()  # the keeper syncs after the first commit; the next time is 30 s later
    store.sync()
    store.append(commit(7, 7.0, joules=7.0))
    shutil.copytree(tmp_path / "state", tmp_path / "cut")
    store.close()
    store = open_store(tmp_path / "cut" / "wattwatch.db")
    assert values(store) == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert store.restored.counters == {ENERGY: 6.0}
    store.close()


def test_what_was_not_synced_is_in_the_live_copy(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    store.append(commit(1, 1.0))
    store.settle()
    on_disk_bytes = tail_path(path, 1).stat().st_size
    store.append(commit(2, 2.0))
    assert tail_path(path, 1).stat().st_size == on_disk_bytes
    assert len(read(tail_path(path, 1))) > on_disk_bytes
    store.sync()
    assert tail_path(path, 1).stat().st_size == len(read(tail_path(path, 1))) + PREAMBLE_BYTES
    store.close()


def test_without_shared_memory_every_commit_is_written_to_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tailfile, "LIVE_DIRECTORY", tmp_path / "none")
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    for second in (1, 2):
        before_bytes = tail_path(path, 1).stat().st_size
        store.append(commit(second, float(second)))
        assert tail_path(path, 1).stat().st_size > before_bytes
    store.close()


def fill_live_copy(store: LocalStore) -> None:
    """Exchange the descriptor of the live copy for one that is always full."""
    (_, writer) = next(iter(store._disk._tails.values()))
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, writer._file._live)
    os.close(full)


def test_when_shared_memory_is_full_the_disk_takes_over(tmp_path: Path) -> None:
    """/dev/full stands in for a tmpfs without room: ENOSPC either way."""
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    store.append(commit(1, 1.0))
    store.settle()
    store.append(commit(2, 2.0))
    fill_live_copy(store)
    for second in (3, 4):
        store.append(commit(second, float(second)))
    assert store.health().degraded == ""
    shutil.copytree(tmp_path, tmp_path.with_name(tmp_path.name + "-copy"))
    store.close()
    store = open_store(tmp_path.with_name(tmp_path.name + "-copy") / "wattwatch.db")
    assert values(store) == [1.0, 2.0, 3.0, 4.0]
    store.close()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_tail_that_ends_anywhere_gives_the_commits_before(killed: Path, data: st.DataObject) -> None:
    whole = tail_bytes(killed)
    end = data.draw(st.integers(0, len(whole)))
    with TemporaryDirectory() as directory:
        store = reopened(killed, directory, whole[:end])
        found = values(store)
        assert found == [float(second) for second in range(1, len(found) + 1)]
        assert store.restored.counters == ({ENERGY: 10.0 * len(found)} if found else {})
        assert store.health().degraded == ""
        store.append(commit(100.0, 100.0))
        assert values(store) == [*found, 100.0]
        store.close()


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_flipped_bit_costs_its_own_commit_at_most(killed: Path, data: st.DataObject) -> None:
    spoilt = bytearray(tail_bytes(killed))
    bit = data.draw(st.integers(PREAMBLE_BYTES * 8, len(spoilt) * 8 - 1))
    spoilt[bit // 8] ^= 1 << bit % 8
    with TemporaryDirectory() as directory:
        store = reopened(killed, directory, bytes(spoilt))
        found = values(store)
        store.close()
        aside = [file.name for file in (Path(directory) / "state").iterdir() if ".damaged-" in file.name]
    everything = [float(second) for second in range(1, COMMITS + 1)]
    # Without the header, or the first commit, which names the layout, the others cannot be understood.
    assert found in ([], *([v for v in everything if v != lost] for lost in everything))
    assert bool(aside) == (bit // 8 < header_bytes(killed))


def header_bytes(killed: Path) -> int:
    mark = b"\xabWw1"
    whole = tail_bytes(killed)
    return whole.index(mark, whole.index(mark) + 1)


def test_a_tail_that_is_in_the_database_already_is_not_taken_twice(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    for second in range(1, 5):
        store.append(commit(second, float(second)))
    store.sync()
    kept = tail_path(path, 1).read_bytes()
    store.close()
    tail_path(path, 1).write_bytes(kept)  # as if it had died between the transaction and the deletion
    store = open_store(path)
    assert values(store) == [1.0, 2.0, 3.0, 4.0]
    store.close()
