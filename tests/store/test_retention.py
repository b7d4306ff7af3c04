"""What is too old or too much goes, oldest first; what a wrong clock calls old stays."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.store import WALL, at, commit, open_store, span, values
from wattwatch.clock import WallOffset
from wattwatch.reading import Batch, Channel, EnergyRecord, Kind, Reading
from wattwatch.store.base import Commit
from wattwatch.store.local import LocalStore, StoreLimits

HOUR = StoreLimits(retention_seconds=3600.0)


def fill(
    store: LocalStore, start: int, end: int, boot_id: str = "boot-1", wall: WallOffset | None = None
) -> None:
    for second in range(start, end, 20):
        one = commit(
            second, float(second), boot_id=boot_id, wall=wall or WallOffset(1.7e9, synchronised=True)
        )
        store.append(one)
        store.settle()


def test_readings_older_than_the_retention_go_with_their_gaps(tmp_path: Path) -> None:
    store = open_store(tmp_path / "wattwatch.db", limits=HOUR)
    old = EnergyRecord(
        commit(20, 1.0).batches[0].readings[0].channel, at(2.0), at(12.0), 0.0, missing_seconds=10.0
    )
    store.append(commit(15, 15.0, gaps=(old,)))
    fill(store, 20, 10000)
    kept = values(store)
    assert kept[-1] == 9980.0
    assert 3600 <= 9980 - kept[0] <= 3600 + 3 * 320
    assert list(store.gaps(old.channel.id, span(0, 1e6))) == []
    assert store.spans(0.0, 2e9)[0].start.boot_seconds == kept[0] - 0.5
    store.close()


def test_whole_boots_that_are_too_old_go_but_their_utc_stays_known(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path, limits=HOUR)
    fill(store, 20, 1000)
    store.close()
    later = WallOffset(1.7e9 + 86400, synchronised=True)
    store = open_store(path, "boot-2", HOUR, wall=later)
    fill(store, 20, 700, "boot-2", later)
    assert values(store) == []
    assert [found.start.boot_id for found in store.spans(0.0, 2e9)] == ["boot-2"]
    assert store.utc_seconds(at(10.0)) == (1.7e9 + 10.0, True)
    store.close()


@pytest.mark.parametrize("unset", [0.0, 2.5e9])
def test_a_clock_that_is_not_synchronised_makes_nothing_old(tmp_path: Path, unset: float) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path, limits=HOUR)
    fill(store, 20, 1000)
    store.close()
    wrong = WallOffset(unset, synchronised=False)
    store = open_store(path, "boot-2", HOUR, wall=wrong)
    fill(store, 20, 700, "boot-2", wrong)
    assert len(values(store)) == 49
    store.close()
    # The next boot knows the time: what came before it is at least as old as its own start.
    soon = WallOffset(1.7e9 + 2000.0, synchronised=True)
    store = open_store(path, "boot-3", HOUR, wall=soon)
    fill(store, 20, 700, "boot-3", soon)
    assert len(values(store, boot_id="boot-2")) == 34
    fill(store, 700, 5000, "boot-3", soon)
    assert values(store, boot_id="boot-2") == []
    store.close()


def test_without_any_synchronised_boot_the_wall_clock_is_all_there_is(tmp_path: Path) -> None:
    wall = WallOffset(1000.0, synchronised=False)
    store = open_store(tmp_path / "wattwatch.db", limits=HOUR, wall=wall)
    fill(store, 20, 10000, wall=wall)
    assert values(store)[0] > 5000
    store.close()


NOISE = tuple(Channel("noise", f"zone-{n}", "power_watts", Kind.POWER) for n in range(30))


def noise(start: int, end: int) -> Iterator[Commit]:
    """Thirty channels of random bits each second: nothing makes them smaller."""
    randomly = random.Random(start)
    for second in range(start, end):
        instant = at(float(second))
        readings = tuple(Reading(channel, randomly.random(), instant) for channel in NOISE)
        yield Commit(instant, WALL, (Batch("noise", instant, readings),))


def test_the_files_stay_within_their_bytes(tmp_path: Path) -> None:
    limits = StoreLimits(max_bytes=1_000_000)
    store = open_store(tmp_path / "wattwatch.db", limits=limits)
    sent, largest = [], 0
    for one in noise(1, 9000):
        sent.append(one.batches[0].readings[7])
        store.append(one)
        if len(sent) % 60 == 0:
            store.settle()
            largest = max(largest, store.health().bytes)
    # Of a store as small as this one, the write-ahead log of one transaction is a part that shows.
    assert 750_000 < largest <= 1.05 * limits.max_bytes
    kept = list(store.readings(NOISE[7].id, span(0, 1e6)))
    assert kept == sent[-len(kept) :]
    assert 1000 < len(kept) < 4500
    store.close()


def test_a_lowered_bound_gives_space_back(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    for one in noise(1, 6000):
        store.append(one)
    store.close()
    assert path.stat().st_size > 1_300_000
    store = open_store(path, limits=StoreLimits(max_bytes=700_000))
    for one in noise(6000, 10000):
        store.append(one)
        if one.at.boot_seconds % 60 == 0:
            store.settle()
    store.settle()
    assert store.health().bytes <= 1.15 * 700_000  # again, one transaction more or less shows
    store.close()
