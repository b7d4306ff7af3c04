"""Stores for tests: short to open, with a clock that stands still."""

from pathlib import Path

from support.clock import FakeClock
from wattwatch.clock import WallOffset
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Kind, Quality, Reading, Scope
from wattwatch.store.base import Commit, Span
from wattwatch.store.local import LocalStore, StoreLimits

POWER = Channel("meter", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
TEMPERATURE = Channel("thermal", "cpu", "temperature_celsius", Kind.GAUGE)
WALL = WallOffset(1_700_000_000.0, synchronised=True)
ENERGY: SeriesKey = ("wattwatch_energy_joules_total", ("meter", "vbus", "board", "metered"))


def open_store(
    path: Path,
    boot_id: str = "boot-1",
    limits: StoreLimits | None = None,
    *,
    simulated: bool = False,
    wall: WallOffset = WALL,
) -> LocalStore:
    clock = FakeClock(boot_id=boot_id)
    clock.offset = wall
    return LocalStore.open(
        path, boot_id=boot_id, limits=limits or StoreLimits(), simulated=simulated, clock=clock
    )


def at(seconds: float, boot_id: str = "boot-1") -> Instant:
    return Instant(boot_id, seconds)


def span(start: float, end: float, boot_id: str = "boot-1") -> Span:
    return Span(at(start, boot_id), at(end, boot_id))


def commit(  # noqa: PLR0913 - a commit has as many parts
    seconds: float,
    watts: float | None = None,
    *,
    boot_id: str = "boot-1",
    wall: WallOffset = WALL,
    joules: float | None = None,
    gaps: tuple[EnergyRecord, ...] = (),
) -> Commit:
    """One reading of power, half a second before the commit; nothing where nothing is given."""
    batches: tuple[Batch, ...] = ()
    if watts is not None:
        instant = at(seconds - 0.5, boot_id)
        batches = (Batch("meter", instant, (Reading(POWER, watts, instant),)),)
    counters = {} if joules is None else {ENERGY: joules}
    return Commit(at(seconds, boot_id), wall, batches, gaps, counters)


def values(store: LocalStore, start: float = 0.0, end: float = 1e9, boot_id: str = "boot-1") -> list[float]:
    """Every value of the power channel in a stretch, neighbours included."""
    return [reading.value for reading in store.readings(POWER.id, span(start, end, boot_id))]
