"""What is shown of a node: made by the committing thread, immutable, never ahead of the store."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from wattwatch.clock import WallOffset
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Instant, Quality, Reading, Scope
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
    """The power channel that stands for the node."""

    source: str
    channel_id: str
    scope: Scope
    quality: Quality


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
