"""Tail files that end anywhere, or in which bits have flipped: what is whole is kept."""

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.store import ENERGY, commit, open_store, values
from wattwatch.store.local import LocalStore
from wattwatch.store.tail import tail_numbers, tail_path

COMMITS = 12


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a process that was killed leaves: copied while the store is open."""
    directory = tmp_path_factory.mktemp("killed")
    store = open_store(directory / "live" / "wattwatch.db")
    for second in range(1, COMMITS + 1):
        store.append(commit(second, float(second), joules=10.0 * second))
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
    bit = data.draw(st.integers(0, len(spoilt) * 8 - 1))
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
    whole = tail_bytes(killed)
    return whole.index(whole[:4], 1)


def test_a_tail_that_is_in_the_database_already_is_not_taken_twice(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    for second in range(1, 5):
        store.append(commit(second, float(second)))
    kept = tail_path(path, 1).read_bytes()
    store.close()
    tail_path(path, 1).write_bytes(kept)  # as if it had died between the transaction and the deletion
    store = open_store(path)
    assert values(store) == [1.0, 2.0, 3.0, 4.0]
    store.close()
