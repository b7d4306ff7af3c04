"""What a store is to its writers (Commit, Restored) and to its readers (EnergyHistory)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wattwatch.clock import WallOffset
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch, Channel, EnergyRecord, Instant, Reading


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that becomes durable together: after it, all of it is there, or none.

    Instants are in whole microseconds, so that a store may keep them as integers.
    """

    at: Instant
    wall: WallOffset
    batches: tuple[Batch, ...] = ()
    gaps: tuple[EnergyRecord, ...] = ()  # recovered or missing stretches; sampled ones follow from readings
    counters: Mapping[SeriesKey, float] = field(default_factory=dict)  # new absolute values


@dataclass(frozen=True, slots=True)
class Restored:
    """What a daemon goes on from after a restart within one boot; empty after a new boot."""

    last_commit: Instant | None = None
    last_batches: Mapping[str, Batch] = field(default_factory=dict)  # by source, of this boot
    counters: Mapping[SeriesKey, float] = field(default_factory=dict)  # of this boot


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """Size on disk, last commit, and why readings are kept in memory only, if they are."""

    bytes: int
    last_commit: Instant | None
    degraded: str = ""
    damaged: str = ""  # name of the file that a damaged database was moved to, if this process found one


@dataclass(frozen=True, slots=True)
class Span:
    """Part of one boot's time, both ends included."""

    start: Instant
    end: Instant


class EnergyHistory(Protocol):
    """Readings and gaps of the past, the tail that is not yet in chunks included."""

    def readings(self, channel_id: str, span: Span) -> Iterator[Reading]:
        """Readings of a channel in a span, in order of time, one further on each side if there is one.

        The neighbours outside the span are what exact edges are interpolated from.
        """
        ...

    def gaps(self, channel_id: str, span: Span) -> Iterator[EnergyRecord]:
        """Recovered and missing stretches of a channel that touch the span, in order of time."""
        ...

    def channels(self) -> tuple[Channel, ...]:
        """Every channel that has readings."""
        ...
