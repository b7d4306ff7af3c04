"""The words that every stage speaks: instants, channels, readings, batches, energy records."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Kind(StrEnum):
    """What the values of a channel are."""

    POWER = "power"  # watts: integrated to joules
    COUNTER = "counter"  # counts up: joules are integrated, other quantities are totals
    GAUGE = "gauge"
    ACCUMULATOR = "accumulator"  # a meter's own counter: cross-check and gap filler only


class Scope(StrEnum):
    """What a power channel contains; overlapping scopes are never summed."""

    WALL = "wall"
    BOARD = "board"
    PACKAGE = "package"
    CORE = "core"
    UNCORE = "uncore"
    DRAM = "dram"
    GPU = "gpu"
    RAIL = "rail"
    NONE = ""  # not a power channel


class Quality(StrEnum):
    """How a figure was obtained; a figure made of several carries the worst, the last of this list."""

    METERED = "metered"
    SENSOR = "sensor"
    MODEL = "model"
    SIMULATED = "simulated"


def worst_quality(qualities: Iterable[Quality]) -> Quality:
    """The quality of a figure that is made of several; ValueError for none."""
    order = list(Quality)
    return max(qualities, key=order.index)


@dataclass(frozen=True, slots=True)
class Instant:
    """A point of one boot's time; instants of two boots are not subtracted."""

    boot_id: str
    boot_seconds: float  # CLOCK_BOOTTIME, whole microseconds

    def plus(self, seconds: float) -> "Instant":
        """The instant that many seconds later in the same boot."""
        return Instant(self.boot_id, round(self.boot_seconds + seconds, 6))


def seconds_between(earlier: Instant, later: Instant) -> float:
    """Seconds from one instant to another; ValueError across boots."""
    if earlier.boot_id != later.boot_id:
        raise ValueError("instants of two boots have no difference")
    return later.boot_seconds - earlier.boot_seconds


@dataclass(frozen=True, slots=True)
class Channel:
    """One quantity of one zone of a source; `quantity` ends in its unit.

    What follows from the fields, its hash too, is made once: channels live long, and are looked up with
    every reading.
    """

    source: str
    zone: str
    quantity: str  # power_watts, energy_joules, temperature_celsius ...
    kind: Kind
    scope: Scope = Scope.NONE
    quality: Quality = Quality.SENSOR
    id: str = field(init=False, repr=False, compare=False)
    """`source/zone/quantity_unit`, the channel's name everywhere."""
    energy_labels: tuple[str, str, str, str] = field(init=False, repr=False, compare=False)
    """The labels of its power and energy series: source, zone, scope, quality."""
    measures_energy: bool = field(init=False, repr=False, compare=False)
    """Whether this channel is integrated into joules."""
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Make what follows from the fields."""
        is_counter = self.kind is Kind.COUNTER and self.quantity == "energy_joules"
        labels = (self.source, self.zone, self.scope.value, self.quality.value)
        put = object.__setattr__  # frozen for everybody else
        put(self, "id", f"{self.source}/{self.zone}/{self.quantity}")
        put(self, "energy_labels", labels)
        put(self, "measures_energy", self.kind is Kind.POWER or is_counter)
        put(self, "_hash", hash((*labels, self.quantity, self.kind)))

    def __hash__(self) -> int:
        """Equal for equal channels."""
        return self._hash


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one channel at one instant."""

    channel: Channel
    value: float
    at: Instant


@dataclass(frozen=True, slots=True)
class MeterIdentity:
    """Which accumulator a meter was counting in: gaps are filled only if nothing of this changed."""

    model: str
    address: str
    group: int
    full_scale_watts: float


@dataclass(frozen=True, slots=True)
class Batch:
    """What one read of a source gave; all readings carry the same instant `at`.

    A relayed source gives what has gathered since the last read: `earlier` batches came before this one.
    """

    source: str
    at: Instant
    readings: tuple[Reading, ...]
    identity: MeterIdentity | None = None  # of a meter with accumulators
    earlier: tuple["Batch", ...] = ()


@dataclass(frozen=True, slots=True)
class EnergyRecord:
    """Energy of a channel from start to end; every second is sampled, recovered or missing."""

    channel: Channel
    start: Instant
    end: Instant
    joules: float
    sampled_seconds: float = 0.0
    recovered_seconds: float = 0.0
    missing_seconds: float = 0.0
    doubt_joules: float = 0.0
