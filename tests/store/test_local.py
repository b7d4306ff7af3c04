"""What went in comes out: readings, neighbours, gaps, counters, over chunks, tail, restarts and boots."""

import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.store import ENERGY, POWER, TEMPERATURE, WALL, at, commit, open_store, span, values
from wattwatch.clock import WallOffset
from wattwatch.errors import StoreError
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Kind, MeterIdentity, Reading
from wattwatch.store.base import Commit, Span
from wattwatch.store.local import LocalStore

POOL = tuple(Channel("meter", f"zone-{n}", "power_watts", Kind.POWER) for n in range(3)) + tuple(
    Channel("host", f"zone-{n}", "used_bytes", Kind.GAUGE) for n in range(3)
)
IDENTITIES = (None, MeterIdentity("UM24C", "00:15:A6", 0, 93.6), MeterIdentity("UM24C", "00:15:A6", 1, 93.6))
any_value = st.one_of(st.floats(allow_nan=False), st.integers(-(2**53), 2**53), st.sampled_from((5.12, -0.0)))


@dataclass
class Model:
    """The plainest store there is."""

    boot: int = 1
    seconds: float = 10.0
    readings: dict[tuple[str, str], list[Reading]] = field(default_factory=dict)
    gaps: dict[tuple[str, str], list[EnergyRecord]] = field(default_factory=dict)
    batches: dict[tuple[str, str], list[Batch]] = field(default_factory=dict)
    last: dict[str, Batch] = field(default_factory=dict)
    last_commit: Instant | None = None

    @property
    def boot_id(self) -> str:
        return f"boot-{self.boot}"

    def take(self, one: Commit) -> None:
        self.last_commit = one.at
        for batch in one.batches:
            self.last[batch.source] = batch
            self.batches.setdefault((self.boot_id, batch.source), []).append(batch)
            for reading in batch.readings:
                self.readings.setdefault((self.boot_id, reading.channel.id), []).append(reading)
        for gap in one.gaps:
            self.gaps.setdefault((self.boot_id, gap.channel.id), []).append(gap)

    def in_span(self, channel_id: str, asked: Span) -> list[Reading]:
        known = self.readings.get((asked.start.boot_id, channel_id), [])
        inside = [i for i, r in enumerate(known) if asked.start.boot_seconds <= r.at.boot_seconds]
        first = inside[0] if inside else len(known)
        after = [i for i, r in enumerate(known) if r.at.boot_seconds > asked.end.boot_seconds]
        end = after[0] if after else len(known)
        return known[max(first - 1, 0) : end + 1]


def draw_commit(data: st.DataObject, model: Model) -> Commit:
    # Two steps of more than CHUNK_SECONDS in ten make chunks of what was before.
    model.seconds += data.draw(st.sampled_from((0.25, 1.0, 1.0, 1.0, 2.0, 30.0, 299.0, 400.0)))
    batches = tuple(
        draw_batch(data, model, source) for source in data.draw(st.sets(st.sampled_from(("meter", "host"))))
    )
    gaps: tuple[EnergyRecord, ...] = ()
    if data.draw(st.integers(0, 5)) == 0:
        start = at(model.seconds - data.draw(st.sampled_from((3.5, 100.0))), model.boot_id)
        gaps = (EnergyRecord(POOL[0], start, at(model.seconds, model.boot_id), 7.2, 0.0, 3.5, 0.0, 3.6),)
    return Commit(at(model.seconds, model.boot_id), WALL, batches, gaps)


def draw_batch(data: st.DataObject, model: Model, source: str) -> Batch:
    channels = data.draw(
        st.lists(st.sampled_from([c for c in POOL if c.source == source]), unique=True, max_size=3)
    )
    identity = data.draw(st.sampled_from(IDENTITIES)) if source == "meter" else None
    instant = at(round(model.seconds - 0.1, 6), model.boot_id)
    return Batch(
        source, instant, tuple(Reading(c, data.draw(any_value), instant) for c in channels), identity
    )


def same(found: list[Reading], expected: list[Reading]) -> bool:
    """Equal, and bit by bit: -0.0 is not 0.0."""
    bits = [[struct.pack("<d", reading.value) for reading in some] for some in (found, expected)]
    return found == expected and bits[0] == bits[1]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_what_went_in_comes_out(data: st.DataObject) -> None:
    with TemporaryDirectory() as directory, ExitStack() as last:
        path, model = Path(directory) / "wattwatch.db", Model()
        store = last.enter_context(closing(open_store(path, model.boot_id)))
        for _ in range(data.draw(st.integers(1, 25))):
            if (event := data.draw(st.sampled_from(("go on",) * 12 + ("restart", "boot")))) != "go on":
                last.close()
                model.boot += event == "boot"
                if event == "boot":
                    model.seconds, model.last, model.last_commit = 10.0, {}, None
                store = last.enter_context(closing(open_store(path, model.boot_id)))
                assert store.restored.last_commit == model.last_commit
                assert store.restored.last_batches == model.last
            one = draw_commit(data, model)
            model.take(one)
            store.append(one)
        check_spans(data, store, model)


def check_spans(data: st.DataObject, store: LocalStore, model: Model) -> None:
    for boot in range(1, model.boot + 1):
        start, length = (
            data.draw(st.sampled_from((0.0, 11.0, 300.0, 410.25))),
            data.draw(st.sampled_from((0.0, 1.0, 500.0, 1e6))),
        )
        asked = span(start, start + length, f"boot-{boot}")
        for channel in POOL:
            assert same(list(store.readings(channel.id, asked)), model.in_span(channel.id, asked))
        for source in ("meter", "host"):
            known = model.batches.get((f"boot-{boot}", source), [])
            inside = [b for b in known if start <= b.at.boot_seconds <= start + length]
            assert list(store.batches(source, asked)) == inside
        gaps = model.gaps.get((f"boot-{boot}", POOL[0].id), [])
        touching = [g for g in gaps if g.end.boot_seconds >= start and g.start.boot_seconds <= start + length]
        assert list(store.gaps(POOL[0].id, asked)) == sorted(touching, key=lambda gap: gap.start.boot_seconds)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    opened = open_store(tmp_path / "wattwatch.db")
    yield opened
    opened.close()


def fill(store: LocalStore, start: int, end: int, step: int = 10) -> None:
    for second in range(start, end, step):
        store.append(commit(second, float(second)))


def test_neighbours_are_found_beyond_chunk_borders(store: LocalStore) -> None:
    fill(store, 10, 1000)
    store.settle()
    assert values(store, 309.5, 309.5) == [300.0, 310.0, 320.0]
    assert values(store, 304, 306) == [300.0, 310.0]
    assert values(store, 0, 1) == [10.0]
    assert values(store, 5000, 6000) == [990.0]
    assert len(values(store)) == 99


def test_a_relayed_reading_that_steps_back_is_put_in_its_place(store: LocalStore) -> None:
    for second in (10.0, 12.0, 11.0, 13.0):
        store.append(commit(second, second))
    assert values(store) == [10.0, 11.0, 12.0, 13.0]


def test_a_slow_reader_sees_everything_once_while_chunks_are_made(store: LocalStore) -> None:
    fill(store, 10, 900)
    readings = store.readings(POWER.id, span(0, 1e6))
    first = [next(readings).value for _ in range(3)]
    fill(store, 900, 2000)
    store.settle()
    assert first + [reading.value for reading in readings] == [float(second) for second in range(10, 900, 10)]


def test_readers_in_other_threads_see_every_commit_once(store: LocalStore) -> None:
    appended, wrong = [0], []

    def read() -> None:
        while appended[0] < 3000:
            least = appended[0]
            found = values(store)
            if found != [float(second) for second in range(1, len(found) + 1)] or len(found) < least:
                wrong.append((least, found))

    readers = [Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for second in range(1, 3001):
        store.append(commit(second, float(second)))
        appended[0] = second
    for reader in readers:
        reader.join()
    assert wrong == []


def test_channels_of_tail_and_chunks(store: LocalStore) -> None:
    fill(store, 10, 700)
    store.settle()
    instant = at(700.0)
    store.append(Commit(instant, WALL, (Batch("thermal", instant, (Reading(TEMPERATURE, 50.5, instant),)),)))
    assert store.channels() == (POWER, TEMPERATURE)


def test_an_unknown_channel_or_boot_has_nothing(store: LocalStore) -> None:
    fill(store, 10, 50)
    assert list(store.readings("meter/vbus/voltage_volts", span(0, 100))) == []
    assert list(store.readings(POWER.id, span(0, 100, "boot-0"))) == []
    assert list(store.gaps(POWER.id, span(0, 100, "boot-0"))) == []


def test_a_span_and_a_commit_lie_in_one_boot(store: LocalStore) -> None:
    with pytest.raises(ValueError, match="one boot"):
        list(store.readings(POWER.id, Span(at(1.0), at(2.0, "boot-2"))))
    with pytest.raises(ValueError, match="boot-2"):
        store.append(commit(10.0, 1.0, boot_id="boot-2"))


def test_a_new_boot_begins_with_nothing_but_runs_and_pods_go_on(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    run, pod = (
        ("wattwatch_run_seconds_total", ("r", "sampled")),
        ("wattwatch_pod_cpu_seconds_total", ("a", "b", "c")),
    )
    store = open_store(path)
    store.append(Commit(at(10.0), WALL, counters={ENERGY: 100.0, run: 7.0, pod: 0.0}))
    store.close()
    store = open_store(path)
    assert store.restored.counters == {ENERGY: 100.0, run: 7.0, pod: 0.0}
    store.close()
    store = open_store(path, "boot-2")
    assert store.restored.counters == {run: 7.0, pod: 0.0}
    assert store.restored.last_commit is None
    store.append(Commit(at(5.0, "boot-2"), WALL, counters={ENERGY: 0.5}))
    assert store.lifetime_counters() == {ENERGY: 100.5, run: 7.0, pod: 0.0}
    store.close()
    store = open_store(path, "boot-2")
    assert store.restored.counters == {ENERGY: 0.5, run: 7.0, pod: 0.0}
    assert store.lifetime_counters()[ENERGY] == 100.5
    store.close()


def test_utc_is_corrected_by_a_later_synchronised_offset(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    wrong, right = WallOffset(1_000_000.0, synchronised=False), WallOffset(1_700_000_000.0, synchronised=True)
    store = open_store(path, wall=wrong)
    store.append(commit(10.0, 1.0, wall=wrong))
    assert store.utc_seconds(at(9.5)) == (1_000_009.5, False)
    store.append(commit(20.0, 1.0, wall=right))
    store.append(commit(30.0, 1.0, wall=WallOffset(1_700_009_999.0, synchronised=False)))
    assert store.utc_seconds(at(9.5)) == (1_700_000_009.5, True)
    store.close()
    store = open_store(path, "boot-2", wall=wrong)
    assert store.utc_seconds(at(9.5)) == (1_700_000_009.5, True)
    assert store.utc_seconds(at(1.0, "boot-2")) == (1_000_001.0, False)
    with pytest.raises(StoreError, match="boot-3"):
        store.utc_seconds(at(1.0, "boot-3"))
    store.close()


def test_spans_name_the_stretches_of_each_boot_in_order(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    for boot, offset in ((1, 1000.0), (2, 2000.0), (3, 3000.0)):
        store = open_store(path, f"boot-{boot}", wall=WallOffset(offset, synchronised=True))
        for second in (10.0, 100.0):
            wall = WallOffset(offset, synchronised=True)
            store.append(commit(second, 1.0, boot_id=f"boot-{boot}", wall=wall))
        if boot < 3:
            store.close()
    assert store.spans(1050.0, 3020.0) == [
        span(50.0, 100.0, "boot-1"), span(9.5, 100.0, "boot-2"), span(9.5, 20.0, "boot-3"),
    ]  # fmt: skip
    assert store.spans(1200.0, 1900.0) == []
    store.close()


def test_health_names_size_and_last_commit(store: LocalStore, tmp_path: Path) -> None:
    assert store.health().last_commit is None
    fill(store, 10, 700)
    store.settle()
    health = store.health()
    assert health.last_commit == at(690.0)
    assert (health.degraded, health.damaged) == ("", "")
    assert health.bytes == sum(f.stat().st_size for f in tmp_path.iterdir() if not f.name.endswith(".lock"))


def test_a_second_daemon_is_refused_and_told_whom_to_stop(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    store = open_store(path)
    with pytest.raises(StoreError, match=rf"in use by process {os.getpid()}: stop that one"):
        open_store(path)
    store.close()
    open_store(path).close()


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match=r"set another \[store\] path"):
        open_store(tmp_path / "file" / "wattwatch.db")


def test_simulated_and_measured_readings_never_share_a_store(tmp_path: Path) -> None:
    simulated, measured = tmp_path / "a" / "wattwatch.db", tmp_path / "b" / "wattwatch.db"
    open_store(simulated, simulated=True).close()  # marked for good, without a single commit
    with pytest.raises(StoreError, match=r"holds simulated readings.*\[store\] path"):
        open_store(simulated)
    open_store(simulated, simulated=True).close()
    store = open_store(measured)
    store.append(commit(10.0, 1.0))
    store.close()
    with pytest.raises(StoreError, match=r"holds measured readings.*b-simulated/wattwatch.db"):
        open_store(measured, simulated=True)
    store = open_store(measured)
    assert values(store) == [1.0]
    store.close()


def test_counters_of_forgotten_runs_do_not_stay_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "wattwatch.db"
    run = ("wattwatch_run_seconds_total", ("r", "sampled"))
    store = open_store(path)
    store.append(Commit(at(10.0), WALL, counters={run: 7.0, ENERGY: 1.0}))
    for day, joules in zip(range(1, 40), count(1.0), strict=False):
        store.append(commit(day * 86400.0, 1.0, joules=joules))
    store.close()
    store = open_store(path)
    assert store.restored.counters == {ENERGY: 39.0}
    store.close()
