"""Sources that share a thread: read in turn, on time, and freed from one that hangs."""

import threading
import time
from collections.abc import Callable

import pytest

from wattwatch.clock import SystemClock
from wattwatch.errors import SourceUnsupported
from wattwatch.reading import Batch
from wattwatch.sampling import lane
from wattwatch.sampling.account import ReadFailure, ReadOutcome
from wattwatch.sampling.sampler import Sampler
from wattwatch.sources.base import SourceDescription

INTERVAL_SECONDS = 0.02


class KernelSource:
    """A quick source that notes which thread reads it; it can be made to hang until `go_on`."""

    def __init__(self, name: str, of_type: str = "thermal") -> None:
        self.description = SourceDescription(name, of_type, INTERVAL_SECONDS, ())
        self.threads: list[int] = []
        self.hangs = self.unsupported = False
        self.go_on = threading.Event()
        self.closes = 0

    def read(self) -> Batch:
        self.threads.append(threading.get_ident())
        if self.hangs:
            self.go_on.wait()
        if self.unsupported:
            raise SourceUnsupported("never")
        return Batch(self.description.name, SystemClock().now(), ())

    def close(self) -> None:
        self.closes += 1


class Bench:
    """A sampler of such sources, and what they delivered."""

    def __init__(self, *sources: KernelSource) -> None:
        self.items: list[ReadOutcome | ReadFailure] = []
        self.sampler = Sampler(sources, SystemClock(), self.items.append)
        self.sampler.start()

    def count(self, name: str) -> int:
        return sum(item.description.name == name for item in self.items)

    def reads_on(self, *names: str, times: int = 3) -> None:
        """Until each of these was read that often from now on."""
        before = {name: self.count(name) for name in names}
        until(lambda: all(self.count(name) >= before[name] + times for name in names))

    def looked_after_until(self, condition: Callable[[], object]) -> None:
        def look() -> object:
            self.sampler.look_after()
            return condition()

        until(look)

    def end(self, *sources: KernelSource) -> None:
        for source in sources:
            source.go_on.set()
        self.sampler.stop()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_quick_sources_share_a_thread_and_others_have_their_own() -> None:
    one, two, meter = KernelSource("one"), KernelSource("two", "rapl"), KernelSource("meter", "um24c")
    bench = Bench(one, two, meter)
    bench.reads_on("one", "two", "meter")
    bench.end()
    assert set(one.threads) == set(two.threads)
    assert set(one.threads).isdisjoint(meter.threads)
    assert all(source.closes for source in (one, two, meter))


def test_a_read_that_hangs_is_left_behind_by_those_that_share_its_thread(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lane, "PATIENCE_SECONDS", 0.05)
    stuck, one, two = KernelSource("stuck"), KernelSource("one"), KernelSource("two")
    bench = Bench(stuck, one, two)
    bench.reads_on("stuck", "one", "two")
    stuck.hangs = True
    bench.looked_after_until(lambda: "does not answer" in caplog.text)
    bench.reads_on("one", "two")
    assert "source stuck does not answer" in caplog.text
    assert one.threads[-1] == two.threads[-1] != stuck.threads[-1]
    stuck.hangs = False
    stuck.go_on.set()
    bench.reads_on("stuck", "one", "two")  # it goes on alone
    assert stuck.threads[-1] != one.threads[-1]
    bench.end(stuck)


def test_each_of_two_that_hang_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lane, "PATIENCE_SECONDS", 0.05)
    stuck, too, fine = KernelSource("stuck"), KernelSource("too"), KernelSource("fine")
    bench = Bench(stuck, too, fine)
    bench.reads_on("stuck", "too", "fine")
    stuck.hangs = too.hangs = True
    known = fine.threads[-1]
    bench.looked_after_until(lambda: fine.threads[-1] != known)
    reads = len(fine.threads)
    bench.looked_after_until(lambda: len(fine.threads) > reads + 10)
    bench.end(stuck, too)
    assert all(source.closes for source in (stuck, too, fine))


def test_nothing_is_left_behind_while_all_answer() -> None:
    one, two = KernelSource("one"), KernelSource("two")
    bench = Bench(one, two)
    for _ in range(20):
        bench.sampler.look_after()
        bench.reads_on("one", "two", times=1)
    bench.end()
    assert len(set(one.threads) | set(two.threads)) == 1


def test_one_may_be_given_up_or_removed_while_the_others_are_read_on() -> None:
    never, gone, kept = KernelSource("never"), KernelSource("gone"), KernelSource("kept")
    never.unsupported = True
    bench = Bench(never, gone, kept)
    bench.reads_on("gone", "kept")
    bench.sampler.remove(["gone"])
    reads = len(gone.threads)
    bench.reads_on("kept", times=5)
    assert (len(never.threads), len(gone.threads)) == (1, reads)
    assert never.closes
    assert gone.closes
    assert not kept.closes
    bench.end()
    assert kept.closes
