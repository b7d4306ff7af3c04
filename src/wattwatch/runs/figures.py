"""What the figures of a run are, and what has to be known of its node to make them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wattwatch.reading import Channel, Instant
from wattwatch.runs.baseline import Baseline
from wattwatch.runs.conditions import Conditions
from wattwatch.runs.energy import Curve, EnergyFigures, Supply, Timing
from wattwatch.runs.hosts import CpuUse, GaugeFigures
from wattwatch.sampling.integrate import UNKNOWN_LIMITS
from wattwatch.sampling.snapshot import Primary
from wattwatch.sources.base import CounterLimits
from wattwatch.store.base import EnergyHistory


class RunHistory(EnergyHistory, Protocol):
    """A store that also knows what UTC an instant of a past boot was."""

    def utc_seconds(self, instant: Instant) -> tuple[float, bool]:
        """UTC of an instant by its boot's last synchronised offset, and whether there was one."""
        ...


def _unknown_model() -> str:
    return ""


def _no_open_gap(_: str) -> Instant | None:
    return None


def _unknown_limits(_: Channel) -> CounterLimits:
    return UNKNOWN_LIMITS


def _no_platform() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the assembly knows of the node whose runs these are."""

    node: str
    primary: Primary | None = None
    interval_seconds: float = 1.0  # of the primary, the longest of its sources
    gap_seconds: float = 3.0
    meter_model: Callable[[], str] = _unknown_model
    last_commit: Instant | None = None  # of the process before this one
    open_gap_since: Callable[[str], Instant | None] = _no_open_gap  # by channel; a stalled meter goes on
    fallback: Primary | None = None
    intervals: Mapping[str, float] = field(default_factory=dict)  # in seconds, of sources that differ
    counter_limits: Callable[[Channel], CounterLimits] = _unknown_limits
    has_platform: Callable[[], bool] = _no_platform  # whether Kubernetes runs there now
    baseline: Baseline | None = None  # that net energy is reckoned with

    @property
    def timing(self) -> Timing:
        """Interval and gap limit of the primary."""
        return Timing(self.interval_seconds, self.gap_seconds)

    @property
    def supplies(self) -> tuple[Supply, ...]:
        """The channels of the primary; none where nothing measures power."""
        return self._supplies(self.primary)

    @property
    def every_supply(self) -> tuple[Supply, ...]:
        """The channels of the primary and the fallback."""
        return (*self.supplies, *self._supplies(self.fallback))

    @property
    def curve(self) -> Curve | None:
        """The energy of the primary."""
        return Curve(self.supplies) if self.primary else None

    @property
    def fallback_curve(self) -> Curve | None:
        """The energy of the fallback where the primary is missing."""
        if self.primary is None or self.fallback is None:
            return None
        return Curve(self._supplies(self.fallback), self.supplies)

    @property
    def meters(self) -> tuple[str, ...]:
        """Names of the primary's sources."""
        return () if self.primary is None else self.primary.sources

    def _supplies(self, of: Primary | None) -> tuple[Supply, ...]:
        return tuple(self._supply(channel) for channel in of.channels) if of else ()

    def _supply(self, channel: Channel) -> Supply:
        interval_seconds = self.intervals.get(channel.source, self.interval_seconds)
        timing = Timing(interval_seconds, self.gap_seconds)
        return Supply(channel, timing, self.counter_limits, self.open_gap_since)


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that is said of a run, or of one of its phases, on this node."""

    energy: EnergyFigures = field(default_factory=EnergyFigures)
    edge_uncertainty_joules: float = 0.0
    accumulator_joules: float | None = None
    temperature: GaugeFigures = field(default_factory=GaugeFigures)
    memory: GaugeFigures = field(default_factory=GaugeFigures)
    cpu: CpuUse | None = None
    network_bytes: float | None = None
    observer_cpu_seconds: float | None = None
    fallback: EnergyFigures = field(default_factory=EnergyFigures)  # of the time the primary is missing
    conditions: Conditions = field(default_factory=Conditions)

    def __add__(self, later: "Figures") -> "Figures":
        """Both together; unknown and known is unknown. The edges add up as well: see `whole`."""
        return Figures(
            self.energy + later.energy,
            self.edge_uncertainty_joules + later.edge_uncertainty_joules,
            _sum(self.accumulator_joules, later.accumulator_joules),
            self.temperature + later.temperature,
            self.memory + later.memory,
            None if self.cpu is None or later.cpu is None else self.cpu + later.cpu,
            _sum(self.network_bytes, later.network_bytes),
            _sum(self.observer_cpu_seconds, later.observer_cpu_seconds),
            self.fallback + later.fallback,
            self.conditions + later.conditions,
        )


@dataclass(frozen=True, slots=True)
class RunFigures:
    """Figures of a run and of its phases, in order of their first second."""

    whole: Figures
    phases: Mapping[str, Figures]
    zone: str = ""  # of the temperatures; "" if there is none


@dataclass(frozen=True, slots=True)
class Progress:
    """What of a running run cannot change any more: never ahead of it, so that counters do not fall."""

    phases: Mapping[str, EnergyFigures]
    temperature: GaugeFigures
    settled: bool  # up to the end of the run
    fallback_phases: Mapping[str, EnergyFigures] = field(default_factory=dict)


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
