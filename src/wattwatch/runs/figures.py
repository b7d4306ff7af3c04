"""What the figures of a run are, and what has to be known of its node to make them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from wattwatch.reading import Instant
from wattwatch.runs.energy import EnergyFigures, Timing
from wattwatch.runs.hosts import CpuUse, GaugeFigures
from wattwatch.sampling.snapshot import Primary
from wattwatch.store.base import EnergyHistory


class RunHistory(EnergyHistory, Protocol):
    """A store that also knows what UTC an instant of a past boot was."""

    def utc_seconds(self, instant: Instant) -> tuple[float, bool]:
        """UTC of an instant by its boot's last synchronised offset, and whether there was one."""
        ...


def _unknown_model() -> str:
    return ""


def _no_open_gap() -> Instant | None:
    return None


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What the assembly knows of the node whose runs these are."""

    node: str
    primary: Primary | None = None
    interval_seconds: float = 1.0  # of the primary
    gap_seconds: float = 3.0
    meter_model: Callable[[], str] = _unknown_model
    last_commit: Instant | None = None  # of the process before this one
    open_gap_since: Callable[[], Instant | None] = _no_open_gap  # a stalled meter goes on giving readings

    @property
    def timing(self) -> Timing:
        """Interval and gap limit of the primary."""
        return Timing(self.interval_seconds, self.gap_seconds)

    @property
    def power_id(self) -> str | None:
        """Id of the primary's power channel."""
        return None if self.primary is None else self.primary.channel_id

    @property
    def meter(self) -> str:
        """Name of the primary source, or ""."""
        return "" if self.primary is None else self.primary.source


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


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None or other is None else one + other
