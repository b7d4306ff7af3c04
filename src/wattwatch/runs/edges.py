"""What counters stood at, and how fast power changed, where a run or phase begins or ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from wattwatch.reading import Channel, Instant
from wattwatch.runs.energy import Timing, edge_uncertainty_joules
from wattwatch.runs.hosts import CpuUse, accumulator_joules, cpu_use, increase, value_at
from wattwatch.store.base import EnergyHistory, Span

_SETTLED_SECONDS: Final = 10.0  # after that no reading comes that is still near the edge
_HOST: Final = "host"


@dataclass(frozen=True, slots=True)
class EdgeChannels:
    """Ids of the channels that are looked at, at an edge."""

    power: str | None
    cpu: Mapping[str, str]  # id to mode
    network: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def counters(self) -> tuple[str, ...]:
        """All counters."""
        return (*self.cpu, *self.network, *self.groups)


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge: what power does to the energy there, and the counters' values; None where unknown."""

    uncertainty_joules: float
    values: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Growth:
    """What counters grew by between two edges."""

    cpu: CpuUse | None
    network_bytes: float | None
    accumulator_joules: float | None


def edge_channels(channels: Iterable[Channel], power_id: str | None, meter: str) -> EdgeChannels:
    """The host's CPU and network counters, and the groups of the meter, among all channels."""
    by_id = {channel.id: channel for channel in channels}  # one may be there in two qualities
    host = [channel for channel in by_id.values() if channel.source == _HOST]
    cpu = {c.id: c.zone.removeprefix("cpu-") for c in host if c.quantity == "cpu_seconds"}
    network = tuple(c.id for c in host if c.quantity == "network_bytes")
    own = [channel for channel in by_id.values() if channel.source == meter]
    groups = tuple(c.id for c in own if c.zone.startswith("group-") and c.quantity == "energy_joules")
    return EdgeChannels(power_id, cpu, network, groups)


@dataclass(slots=True)
class EdgeReader:
    """Reads edges, and remembers those that cannot change any more."""

    history: EnergyHistory
    _known: dict[Instant, Edge] = field(default_factory=dict)

    def read(
        self, at: Instant, channels: EdgeChannels, timing: Timing, now: Instant, *, one_sided: bool = False
    ) -> Edge:
        """The edge at an instant; `one_sided` if no reading will come behind it."""
        if at in self._known and not one_sided:
            return self._known[at]
        edge = Edge(
            self._uncertainty_joules(at, channels.power, timing),
            {
                key: value_at(self.history.readings(key, Span(at, at)), at, one_sided=one_sided)
                for key in channels.counters
            },
        )
        if now.boot_id != at.boot_id or now.boot_seconds > at.boot_seconds + _SETTLED_SECONDS:
            self._known[at] = edge
        return edge

    def _uncertainty_joules(self, at: Instant, power: str | None, timing: Timing) -> float:
        if power is None:
            return 0.0
        reach_seconds = timing.edge_seconds
        span = Span(at.plus(-min(reach_seconds, at.boot_seconds)), at.plus(reach_seconds))
        return edge_uncertainty_joules(self.history.readings(power, span), at, timing)


def growth_between(before: Edge, after: Edge, channels: EdgeChannels) -> Growth:
    """What the counters grew by; None where an edge is unknown or a counter was reset."""
    grown = {key: increase(before.values[key], after.values[key]) for key in channels.counters}
    modes = {mode: joules for key, mode in channels.cpu.items() if (joules := grown[key]) is not None}
    network = [grown[key] for key in channels.network]
    known_bytes = [size for size in network if size is not None]
    return Growth(
        cpu_use(modes) if len(modes) == len(channels.cpu) else None,
        sum(known_bytes) if known_bytes and len(known_bytes) == len(network) else None,
        accumulator_joules(
            {key: before.values[key] for key in channels.groups},
            {key: after.values[key] for key in channels.groups},
        ),
    )
