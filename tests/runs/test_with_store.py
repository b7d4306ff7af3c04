"""The embedded store keeps the promises that the figures of runs are built on."""

from itertools import groupby
from pathlib import Path

import pytest

from support.clock import FakeClock
from support.history import gap
from support.node import FACTS, FakeNode
from wattwatch.clock import WallOffset
from wattwatch.reading import Batch, Reading
from wattwatch.runs.evaluate import Evaluator
from wattwatch.runs.run import RunRequest, RunState
from wattwatch.store.base import Commit
from wattwatch.store.local import LocalStore, StoreLimits


def store_of(node: FakeNode, path: Path) -> LocalStore:
    """A store with everything that was read of the node, boot by boot."""
    everything = [reading for readings in node.history._readings.values() for reading in readings]
    boots = sorted({reading.at.boot_id for reading in everything})
    store = None
    for boot_id in boots:
        if store is not None:
            store.close()
        wall = WallOffset(node.history.offsets[boot_id], synchronised=True)
        clock = FakeClock(boot_id=boot_id)
        clock.offset = wall
        store = LocalStore.open(path, boot_id=boot_id, limits=StoreLimits(), simulated=False, clock=clock)
        of_boot = sorted(
            (reading for reading in everything if reading.at.boot_id == boot_id),
            key=lambda reading: reading.at.boot_seconds,
        )
        gaps = [
            record
            for record in node.history._gaps["meter/vbus/power_watts"]
            if record.start.boot_id == boot_id
        ]
        for at, readings in groupby(of_boot, key=lambda reading: reading.at):
            due = tuple(record for record in gaps if record.end == at)
            store.append(Commit(at, wall, _batches(list(readings)), due))
    assert store is not None
    return store


def _batches(readings: list[Reading]) -> tuple[Batch, ...]:
    by_source: dict[str, list[Reading]] = {}
    for reading in readings:
        by_source.setdefault(reading.channel.source, []).append(reading)
    return tuple(Batch(source, some[0].at, tuple(some)) for source, some in by_source.items())


@pytest.mark.parametrize("reboots", [False, True])
def test_figures_from_the_store_are_those_from_memory(tmp_path: Path, reboots: bool) -> None:
    node = FakeNode(tmp_path, watts=lambda seconds: 3.0 + seconds % 7)
    node.service.start(RunRequest("r"))
    node.play(100.25, ticks=False)
    node.metered = False
    node.play(20, ticks=False)
    node.metered = True
    node.play(0.5, ticks=False)
    node.history.put_gap(gap(1102.0, 1122.5, 80.0))
    node.service.open_phase("r", "training")
    if reboots:
        node.service.close()
        node.reboot("boot-2", 50.0)
        node.begin()
    node.play(200, ticks=False)
    node.service.end("r", RunState.SUCCEEDED, 0)
    node.play(2, ticks=False)
    run, now = node.service.known("r"), node.service.stamp(None)
    assert run is not None
    store = store_of(node, tmp_path / "readings.db")
    from_store = Evaluator(store).figures(run, now, FACTS)
    from_memory = Evaluator(node.history).figures(run, now, FACTS)
    store.close()
    assert from_store == from_memory
    assert from_store.whole.energy.recovered_seconds == 20.5
    assert from_store.whole.cpu is not None
    assert from_store.whole.energy.missing_seconds == pytest.approx(50.5 if reboots else 0.0)
