"""When sources are read, and that none of them can hold up another, or the exit."""

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch
from wattwatch.sampling.account import ReadFailure, ReadOutcome
from wattwatch.sampling.sampler import Sampler, SourceReader, next_tick_seconds, retry_delay_seconds
from wattwatch.sources.base import SourceDescription


class FakeSource:
    """Reads at once, fails as told, or blocks until it is closed."""

    def __init__(
        self, clock: FakeClock | SystemClock, interval_seconds: float = 0.5, name: str = "meter"
    ) -> None:
        self.description = SourceDescription(name, "um24c", interval_seconds, ())
        self.clock = clock
        self.error: SourceError | None = None
        self.blocks = False
        self.reads = 0
        self.closes = 0
        self._closed = threading.Event()

    def read(self) -> Batch:
        self.reads += 1
        if self.blocks:
            self._closed.wait()
            raise SourceUnavailable("closed", "hangup")
        if isinstance(self.clock, FakeClock):
            self.clock.advance(0.02)
        if self.error is not None:
            raise self.error
        return Batch(self.description.name, self.clock.now(), ())

    def close(self) -> None:
        self.closes += 1
        self._closed.set()


class Deaf(FakeSource):
    """Blocks for ever: not even a close ends its read."""

    def close(self) -> None:
        self.closes += 1


class Reading:
    """A reader under a clock that the test moves."""

    def __init__(self, interval_seconds: float = 0.5) -> None:
        self.clock = FakeClock(boot_seconds=1000.1)
        self.source = FakeSource(self.clock, interval_seconds)
        self.delivered: list[ReadOutcome | ReadFailure] = []
        self.reader = SourceReader(self.source, self.clock, self.delivered.append)

    def tick(self, late_seconds: float = 0.0) -> float:
        """Wait as asked, read; the boot second at which it was due."""
        wait_seconds = self.reader.wait_seconds()
        assert wait_seconds is not None
        due_seconds = self.clock.boot_seconds + wait_seconds
        self.clock.advance(wait_seconds + late_seconds)
        self.reader.read_once(due_seconds)
        return due_seconds


@given(st.floats(0, 1e8), st.sampled_from([0.1, 0.25, 0.5, 1.0, 5.0, 60.0]))
def test_ticks_lie_on_an_absolute_grid_in_the_future(now_seconds: float, interval_seconds: float) -> None:
    tick_seconds = next_tick_seconds(now_seconds, interval_seconds)
    assert now_seconds - 1e-6 < tick_seconds <= now_seconds + interval_seconds + 1e-5
    assert tick_seconds / interval_seconds == pytest.approx(round(tick_seconds / interval_seconds), abs=1e-4)


def test_late_reads_do_not_shift_the_grid() -> None:
    reading = Reading()
    due = [reading.tick(late_seconds) for late_seconds in (0.0, 0.3, 0.01, 0.7, 0.0)]
    assert due == pytest.approx([1000.5, 1001.0, 1001.5, 1002.0, 1003.0])
    lateness = [item.lateness_seconds for item in reading.delivered if isinstance(item, ReadOutcome)]
    assert lateness == pytest.approx([0.0, 0.3, 0.01, 0.7, 0.0], abs=1e-6)
    assert all(i.read_seconds == pytest.approx(0.02) for i in reading.delivered if isinstance(i, ReadOutcome))


def test_a_lost_source_is_tried_each_second_and_then_ever_less_often() -> None:
    reading = Reading()
    reading.source.error = SourceUnavailable("gone", "hangup")
    waits = []
    for _ in range(150):
        before_seconds = reading.clock.boot_seconds
        waits.append(reading.tick() - before_seconds)
    assert waits[1:29] == pytest.approx([1.0] * 28)
    assert max(waits) <= 60.0
    assert waits[-1] > 30.0
    assert all(isinstance(item, ReadFailure) for item in reading.delivered)
    reading.source.error = None
    reading.tick()
    assert isinstance(reading.delivered[-1], ReadOutcome)
    assert (reading.reader.wait_seconds() or 0) <= 0.5


@given(st.floats(0, 1e9), st.floats(-1, 1))
def test_no_retry_is_hasty_or_later_than_a_minute(down_seconds: float, jitter: float) -> None:
    assert 1.0 <= retry_delay_seconds(down_seconds, jitter) <= 60.0


def test_what_is_unsupported_is_said_once_and_never_tried_again() -> None:
    reading = Reading()
    reading.source.error = SourceUnsupported("never")
    reading.tick()
    assert reading.reader.wait_seconds() is None
    assert len(reading.delivered) == 1


def test_a_lost_and_found_source_is_logged_once_each(caplog: pytest.LogCaptureFixture) -> None:
    reading = Reading()
    for error in (None, SourceUnavailable("gone"), SourceUnavailable("gone"), None, None):
        reading.source.error = error
        reading.tick()
    assert [record.getMessage() for record in caplog.records] == [
        "source meter: lost, will be tried again: gone",
        "source meter: back",
    ]


def test_a_source_that_blocks_holds_up_neither_others_nor_the_end() -> None:
    clock = SystemClock()
    quick, stuck, deaf = FakeSource(clock, 0.02, "quick"), FakeSource(clock, 0.02), Deaf(clock, 0.02, "deaf")
    stuck.blocks = deaf.blocks = True
    enough = threading.Event()
    delivered: list[ReadOutcome | ReadFailure] = []

    def deliver(item: ReadOutcome | ReadFailure) -> None:
        delivered.append(item)
        if sum(i.description.name == "quick" for i in delivered) >= 5:
            enough.set()

    sampler = Sampler([quick, stuck, deaf], clock, deliver)
    sampler.start()
    assert enough.wait(20)
    sampler.stop(patience_seconds=0.5)
    assert stuck.closes
    assert deaf.closes
    reads = quick.reads
    time.sleep(0.1)
    assert quick.reads == reads
    assert (stuck.reads, deaf.reads) == (1, 1)


def test_a_bug_in_a_source_is_a_failure_like_others(caplog: pytest.LogCaptureFixture) -> None:
    reading = Reading()

    def read() -> Batch:
        raise ZeroDivisionError("a bug")

    working, reading.source.read = reading.source.read, read  # type: ignore[method-assign]
    reading.tick()
    reading.source.read = working  # type: ignore[method-assign]
    reading.tick()
    failure, outcome = reading.delivered
    assert isinstance(failure, ReadFailure)
    assert isinstance(failure.error, SourceUnavailable)
    assert failure.error.reason == "internal"
    assert isinstance(outcome, ReadOutcome)
    assert caplog.records[0].exc_info is not None


def test_sources_come_and_go_while_the_others_are_left_alone() -> None:
    clock = SystemClock()
    kept, gone, come = (FakeSource(clock, 0.02, name) for name in ("kept", "gone", "come"))
    names: list[str] = []
    sampler = Sampler([kept, gone], clock, lambda item: names.append(item.description.name))
    sampler.start()
    _until(lambda: {"kept", "gone"} <= set(names))
    sampler.remove(["gone"])
    after_removal = len(names)
    sampler.add([come])
    _until(lambda: "come" in names[after_removal:] and "kept" in names[after_removal:])
    assert "gone" not in names[after_removal:]
    assert list(sampler.descriptions()) == ["kept", "come"]
    assert (kept.closes, come.closes) == (0, 0)
    assert gone.closes
    sampler.stop()
    assert kept.closes
    assert come.closes


def test_a_read_that_ends_after_its_source_was_removed_is_not_delivered() -> None:
    clock = SystemClock()
    deaf = Deaf(clock, 0.02, "deaf")
    deaf.blocks = True
    delivered: list[ReadOutcome | ReadFailure] = []
    sampler = Sampler([deaf], clock, delivered.append)
    sampler.start()
    _until(lambda: deaf.reads == 1)
    sampler.remove(["deaf"], patience_seconds=0.0)
    deaf._closed.set()
    _until(lambda: deaf.closes == 2)  # its thread has ended
    assert delivered == []


def _until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
