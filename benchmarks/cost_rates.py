"""How fast frames are decoded, steps integrated, readings accounted and commits appended: CPU, no threads."""

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import cost_tree

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.clock import FakeClock
from support.um_frames import frame
from wattwatch.daemon.committer import Committer
from wattwatch.reading import Batch, Channel, Instant, Kind, MeterIdentity, Quality, Reading, Scope
from wattwatch.sampling.account import Account, ReadOutcome
from wattwatch.sampling.accounts import Accounts
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.integrate import PowerIntegrator, PowerPoint, PowerState
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.sources import open_source
from wattwatch.sources.base import (
    CoolingSpec,
    HostSpec,
    HwmonSpec,
    PowercapSpec,
    PowerSupplySpec,
    Source,
    SourceDescription,
    ThermalSpec,
)
from wattwatch.sources.um.protocol import decode
from wattwatch.store.local import LocalStore, StoreLimits

ROUND_SECONDS = 0.2
ROUNDS = 5
POWER = Channel("meter", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.SIMULATED)
GAUGES = tuple(Channel("meter", f"line-{n}", "voltage_volts", Kind.GAUGE) for n in range(6))
METER = SourceDescription("meter", "um24c", 0.5, (POWER, *GAUGES))
IDENTITY = MeterIdentity("UM24C", "00:15:A6:01:AA:BB", 1, 72.0)


def per_second(work: Callable[[], object]) -> float:
    """How often a second of CPU does a piece of work: the best of several rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        times, begun = 0, time.thread_time()
        while (spent := time.thread_time() - begun) < ROUND_SECONDS:
            for _ in range(10):
                work()
            times += 10
        best = max(best, times / spent)
    return best


def loop_microseconds() -> float:
    """A loop of 10,000 steps: how fast this machine is just now; a shared one varies by two times."""
    return 1e6 / per_second(lambda: sum(number * number for number in range(10_000)))


def rates(root: Path) -> dict[str, float]:
    """Every rate, and what one second of a daemon with the tree's sources costs, part by part."""
    found = {"frames decoded, 1/s": per_second(lambda: decode(FRAME))}
    found["steps integrated, 1/s"] = per_second(_integration())
    with tempfile.TemporaryDirectory() as directory:
        found |= _daemon_second(root, Path(directory))
    return found


FRAME = frame()


def _integration() -> Callable[[], object]:
    integrator, seconds = PowerIntegrator(POWER, 3.0), count(1)
    state = PowerState(PowerPoint(Instant("b", 0.5), 5.0), Instant("b", 0.5))

    def step() -> None:
        nonlocal state
        state = integrator.step(state, PowerPoint(Instant("b", float(next(seconds))), 5.0)).state

    return step


def meter_batch(at: Instant) -> Batch:
    """A batch as a meter gives it."""
    gauges = tuple(Reading(channel, 5.1, at) for channel in GAUGES)
    return Batch("meter", at, (Reading(POWER, 5.0 + at.boot_seconds % 7, at), *gauges), IDENTITY)


def tree_sources(root: Path, clock: FakeClock) -> list[Source]:
    """Every source that reads the tree, and the host."""
    specs = (ThermalSpec(root=root), CoolingSpec(root=root), PowercapSpec(root=root), HwmonSpec(root=root))
    return [open_source(s, clock) for s in (*specs, PowerSupplySpec(root=root), HostSpec())]


def _daemon_second(root: Path, directory: Path) -> dict[str, float]:
    clock = FakeClock()
    sources = tree_sources(root, clock)
    store = LocalStore.open(
        directory / "w.db", boot_id=clock.boot_id, limits=StoreLimits(), simulated=True, clock=clock
    )
    descriptions = [METER, *(source.description for source in sources)]
    account = Account(Counters({}), descriptions, primary=Primary.of(POWER), gap_seconds=3.0)
    committer = Committer(Accounts(account), store, clock, lambda at: _snapshot(account, clock, at))
    found = {}
    for source in sources:
        found[f"{source.description.name} read, us"] = 1e6 / per_second(source.read)

    reads = sum(found.values())

    def second() -> None:
        for _ in range(2):
            committer.deliver(ReadOutcome(METER, meter_batch(clock.advance(0.5)), 0.0, 0.03))
        for source in sources:
            committer.deliver(ReadOutcome(source.description, source.read(), 0.0, 0.001))
        committer.commit_now()

    whole = 1e6 / per_second(second)
    found["a second of it, read and committed, us"] = whole
    found["of which accounted, appended and shown, us"] = whole - reads
    store.close()
    return found


def _snapshot(account: Account, clock: FakeClock, at: Instant) -> Snapshot:
    return Snapshot(
        "pi-1",
        at,
        clock.wall(),
        account.readings(),
        account.counters.snapshot(),
        account.sources(),
        account.primary,
        simulated=True,
        gauges=account.gauges(),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        for name, value in rates(cost_tree.build(Path(directory) / "sys")).items():
            print(f"{name:<44}{value:12,.1f}")


if __name__ == "__main__":
    main()
