"""What the machine did in an interval beside drawing power: gauges and counters of its channels. Pure."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from wattwatch.reading import Channel, Instant, Reading
from wattwatch.sampling.account import IDLE_MODES

_CPU_ZONES: Final = ("cpu", "soc", "x86_pkg", "k10temp")
_COUNTED_TWICE: Final = frozenset({"guest", "guest_nice"})  # the kernel has them in user and nice already


@dataclass(frozen=True, slots=True)
class GaugeFigures:
    """First, mean and highest value of a gauge in an interval; those of adjoining intervals are added."""

    first: float | None = None
    total: float = 0.0
    count: int = 0
    highest: float | None = None

    def __add__(self, later: "GaugeFigures") -> "GaugeFigures":
        """Both together; `later` comes after this one."""
        peaks = [value for value in (self.highest, later.highest) if value is not None]
        return GaugeFigures(
            later.first if self.first is None else self.first,
            self.total + later.total,
            self.count + later.count,
            max(peaks, default=None),
        )

    @property
    def mean(self) -> float | None:
        """Mean of the values; None if there is none."""
        return self.total / self.count if self.count else None


def gauge_figures(readings: Iterable[Reading]) -> GaugeFigures:
    """Figures of these readings of a gauge, in order of time."""
    values = [reading.value for reading in readings]
    if not values:
        return GaugeFigures()
    return GaugeFigures(values[0], sum(values), len(values), max(values))


def value_at(readings: Iterable[Reading], at: Instant, *, one_sided: bool = False) -> float | None:
    """The value of a counter at an instant, on the line between its two neighbours.

    None without both of them; if `one_sided`, the nearest one there is stands for it.
    """
    of_boot = [reading for reading in readings if reading.at.boot_id == at.boot_id]
    left = [reading for reading in of_boot if reading.at.boot_seconds <= at.boot_seconds]
    right = [reading for reading in of_boot if reading.at.boot_seconds >= at.boot_seconds]
    if not left or not right:
        nearest = left[-1:] or right[:1]
        return nearest[0].value if one_sided and nearest else None
    before, after = left[-1], right[0]
    seconds = after.at.boot_seconds - before.at.boot_seconds
    if seconds <= 0:
        return before.value
    share = (at.boot_seconds - before.at.boot_seconds) / seconds
    return before.value + share * (after.value - before.value)


def increase(before: float | None, after: float | None) -> float | None:
    """What a counter grew by; None if an edge is unknown or it was reset between them."""
    if before is None or after is None or after < before:
        return None
    return after - before


def counter_growth(readings: Iterable[Reading], start: Instant, end: Instant) -> float | None:
    """What a counter grew by in an interval of one boot, None if nothing of it is known; resets count from 0.

    Between two readings it grows linearly; before the first and after the last nothing is known of it.
    """
    growth = None
    for left, right in pairwise(readings):
        if share := _share(left, right, start, end):
            growth = (growth or 0.0) + share * _step(left.value, right.value)
    return growth


def _step(before: float, after: float) -> float:
    return after - before if after >= before else after


def _share(left: Reading, right: Reading, start: Instant, end: Instant) -> float:
    if not left.at.boot_id == right.at.boot_id == start.boot_id:
        return 0.0
    seconds = right.at.boot_seconds - left.at.boot_seconds
    inside_seconds = min(right.at.boot_seconds, end.boot_seconds) - max(
        left.at.boot_seconds, start.boot_seconds
    )
    return max(0.0, inside_seconds) / seconds if seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class CpuUse:
    """CPU time of a node in an interval."""

    busy_seconds: float
    all_seconds: float

    def __add__(self, other: "CpuUse") -> "CpuUse":
        """Both together."""
        return CpuUse(self.busy_seconds + other.busy_seconds, self.all_seconds + other.all_seconds)


def cpu_use(seconds_by_mode: Mapping[str, float]) -> CpuUse | None:
    """Busy and all CPU seconds of the growth of each mode; None if no time passed or idle is not known."""
    modes = {mode: seconds for mode, seconds in seconds_by_mode.items() if mode not in _COUNTED_TWICE}
    all_seconds = sum(modes.values())
    if "idle" not in modes or all_seconds <= 0:
        return None
    busy_seconds = sum(seconds for mode, seconds in modes.items() if mode not in IDLE_MODES)
    return CpuUse(busy_seconds, all_seconds)


def preferred_zones(channels: Iterable[Channel], meters: Collection[str]) -> tuple[Channel, ...]:
    """Temperature channels that may stand for the CPU: those named so, else all but the meters' own."""
    zones = [
        channel
        for channel in channels
        if channel.quantity == "temperature_celsius" and channel.source not in meters
    ]
    named = [channel for channel in zones if any(word in channel.zone.lower() for word in _CPU_ZONES)]
    return tuple(sorted(named or zones, key=lambda channel: channel.id))


def accumulator_joules(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> float | None:
    """What the meter itself counted between two edges, in joules, from its groups' counters at both.

    None if no counter is known at both edges, one is known at one edge only or fell (another group was
    selected, or it was cleared), or more than one grew.
    """
    known = {key for key in (*before, *after) if not before.get(key) is after.get(key) is None}
    growth = [increase(before.get(key), after.get(key)) for key in known]
    if not growth or None in growth:
        return None
    grown = [joules for joules in growth if joules]
    return sum(grown) if len(grown) <= 1 else None
