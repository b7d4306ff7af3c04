"""Imported readings as batches of a boot that is made up, and what their steps tell. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from typing import Final

from wattwatch.clock import WallOffset
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sampling.energy_channels import gap_limit_seconds
from wattwatch.session.imports.quantities import AMPERES, CELSIUS, ENERGY, POWER, VOLTS
from wattwatch.session.imports.readings import ImportedReading

HEAT: Final = "log-thermal"
"""The source of temperatures: not the meter's own."""

LEAST_GAP_SECONDS: Final = 3.0

_STEPS: Final = 2000  # that tell the usual interval
_HEAT_ZONE: Final = "cpu"


@dataclass(frozen=True, slots=True)
class Measured:
    """Which node a log is of, and what its power is."""

    node: str
    source: str
    scope: Scope
    quality: Quality


def boot_id_of(import_id: str) -> str:
    """The boot that the readings of an import are in."""
    return f"import-{import_id}"


def channels_of(measured: Measured) -> dict[str, Channel]:
    """The channel of each quantity."""
    scope, quality, source = measured.scope, measured.quality, measured.source
    zone = scope.value
    return {
        POWER: Channel(source, zone, POWER, Kind.POWER, scope, quality),
        ENERGY: Channel(source, zone, ENERGY, Kind.COUNTER, scope, quality),
        VOLTS: Channel(source, zone, VOLTS, Kind.GAUGE, quality=quality),
        AMPERES: Channel(source, zone, AMPERES, Kind.GAUGE, quality=quality),
        CELSIUS: Channel(HEAT, _HEAT_ZONE, CELSIUS, Kind.GAUGE, quality=quality),
    }


class Writing:
    """Makes the batches of readings: one for each source that is in them."""

    def __init__(self, boot_id: str, offset: WallOffset, measured: Measured) -> None:
        self._boot_id = boot_id
        self.offset = offset
        self._channels = channels_of(measured)
        self._source = measured.source

    def batches(self, row: ImportedReading) -> list[Batch]:
        """The batches of one reading."""
        at = Instant(self._boot_id, round(row.utc_seconds - self.offset.unix_minus_boot_seconds, 6))
        own: list[Reading] = []
        heat: list[Reading] = []
        for quantity, value in row.values.items():
            reading = Reading(self._channels[quantity], value, at)
            (heat if quantity == CELSIUS else own).append(reading)
        batches = [Batch(self._source, at, tuple(own), None)]
        return [*batches, Batch(HEAT, at, tuple(heat), None)] if heat else batches


@dataclass(slots=True)
class Pace:
    """How often a log was written, and how much of it is missing.

    Of power, steps that are longer than the gap limit; a counter has counted meanwhile, unless it fell.
    """

    interval_seconds: float  # the usual one
    has_counter: bool
    gaps: int = 0
    missing_seconds: float = 0.0
    _covered_seconds: float = 0.0
    _joules: float = 0.0

    @property
    def gap_seconds(self) -> float:
        """Longer steps are gaps."""
        return gap_limit_seconds(LEAST_GAP_SECONDS, self.interval_seconds)

    @property
    def mean_watts(self) -> float | None:
        """Mean power of what is not missing; None if all is."""
        return self._joules / self._covered_seconds if self._covered_seconds else None

    def take(self, seconds: float, joules: float | None) -> None:
        """Take note of a step."""
        if joules is None or (not self.has_counter and seconds > self.gap_seconds):
            self.gaps += 1
            self.missing_seconds = round(self.missing_seconds + seconds, 6)
        else:
            self._covered_seconds += seconds
            self._joules += joules


@dataclass(frozen=True, slots=True)
class _Step:
    seconds: float
    joules: float | None  # None where a counter fell


@dataclass(slots=True)
class Steps:
    """Takes note of the steps between readings as they pass; so many are kept as tell the usual interval."""

    has_counter: bool
    count: int = 0
    last: ImportedReading | None = None
    _first: list[_Step] = field(default_factory=list)
    _pace: Pace | None = None

    def take(self, rows: Iterable[ImportedReading]) -> None:
        """Take note of these readings, which follow those before."""
        for row in rows:
            self.count += 1
            if self.last is not None:
                self._take(self._step(self.last, row))
            self.last = row

    def pace(self) -> Pace:
        """What they tell together."""
        return self._pace or self._first_pace()

    def _take(self, step: _Step) -> None:
        if self._pace is not None:
            self._pace.take(step.seconds, step.joules)
            return
        self._first.append(step)
        if len(self._first) == _STEPS:
            self._pace = self._first_pace()
            self._first = []

    def _first_pace(self) -> Pace:
        usual = [step.seconds for step in self._first if step.seconds > 0]
        pace = Pace(round(median(usual), 6) if usual else 1.0, self.has_counter)
        for step in self._first:
            pace.take(step.seconds, step.joules)
        return pace

    def _step(self, before: ImportedReading, after: ImportedReading) -> _Step:
        """A step and its energy, for the mean that is shown: a run's is integrated from the store."""
        seconds = after.utc_seconds - before.utc_seconds
        if self.has_counter:
            joules = after.values[ENERGY] - before.values[ENERGY]
            return _Step(seconds, joules if joules >= 0 else None)
        return _Step(seconds, (before.values[POWER] + after.values[POWER]) / 2 * seconds)
