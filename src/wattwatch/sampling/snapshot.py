"""What is shown of a node: made by the committing thread, immutable, never ahead of the store."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from wattwatch import metrics
from wattwatch.clock import WallOffset
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Channel, Instant, Kind, Quality, Reading, Scope, worst_quality
from wattwatch.sources.base import SourceDescription


@dataclass(frozen=True, slots=True)
class SourceHealth:
    """Whether a source gives valid readings, and if not, since when and why.

    `state` is `waiting` (nothing read yet), `up`, `stalled`, `down` or `unsupported`.
    """

    up: bool = False
    state: str = "waiting"
    last_success: Instant | None = None
    consecutive_failures: int = 0
    last_error: str = ""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source and how it is."""

    description: SourceDescription
    health: SourceHealth = field(default_factory=SourceHealth)


@dataclass(frozen=True, slots=True)
class Primary:
    """What stands for the node: one energy channel, or several disjoint ones that are summed."""

    channels: tuple[Channel, ...]
    scope: Scope
    quality: Quality  # the worst of all

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources, each once."""
        return tuple(dict.fromkeys(channel.source for channel in self.channels))

    @property
    def source(self) -> str:
        """Names of the sources, joined by `+`."""
        return "+".join(self.sources)

    @property
    def channel_ids(self) -> tuple[str, ...]:
        """Ids of the channels."""
        return tuple(channel.id for channel in self.channels)

    @property
    def channel_id(self) -> str:
        """Ids of the channels, joined by `+`."""
        return "+".join(self.channel_ids)

    @property
    def labels(self) -> tuple[str, str]:
        """The labels of its node series: scope and quality."""
        return self.scope.value, self.quality.value

    @classmethod
    def of(cls, *channels: Channel, scope: Scope | None = None) -> Self:
        """The sum of channels; its scope is that of the first, unless given."""
        quality = worst_quality(channel.quality for channel in channels)
        return cls(channels, channels[0].scope if scope is None else scope, quality)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One committed state of a node."""

    node: str
    at: Instant
    wall: WallOffset
    readings: Mapping[str, Reading] = field(default_factory=dict)  # last one by channel id, of sources up
    counters: Mapping[SeriesKey, float] = field(default_factory=dict)
    sources: tuple[SourceStatus, ...] = ()
    primary: Primary | None = None
    simulated: bool = False  # the whole state directory is
    gauges: Mapping[SeriesKey, float] = field(default_factory=dict)  # computed ones, no readings
    fallback: Primary | None = None
    others: tuple["Snapshot", ...] = ()  # of other nodes that this daemon measures
    relayed: "Snapshot | None" = None  # sources that are read for another daemon, and not counted here

    def everywhere(self) -> Iterator["Snapshot"]:
        """This node's, then those of other nodes, then what is only read for others."""
        yield self
        yield from self.others
        if self.relayed is not None:
            yield self.relayed


def node_power_watts(snapshot: Snapshot, of: Primary | None) -> float | None:
    """The present power of the primary or the fallback; None unless all of its channels have one now."""
    up = {status.description.name for status in snapshot.sources if status.health.up}
    if of is None or not up.issuperset(of.sources):
        return None
    watts = [_channel_watts(snapshot, channel) for channel in of.channels]
    known = [value for value in watts if value is not None]
    return sum(known) if len(known) == len(watts) else None


def _channel_watts(snapshot: Snapshot, channel: Channel) -> float | None:
    """The last reading of a power channel; of a counter, the mean power of its last step."""
    if channel.kind is Kind.COUNTER:
        return snapshot.gauges.get((metrics.POWER.name, channel.energy_labels))
    reading = snapshot.readings.get(channel.id)
    return None if reading is None else reading.value
