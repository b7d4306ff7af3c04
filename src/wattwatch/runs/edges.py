"""What counters stood at, and how fast power changed, where a run or phase begins or ends."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Final

from wattwatch.reading import Channel, Instant
from wattwatch.runs.hosts import CpuUse, accumulator_joules, cpu_use, increase, value_at
from wattwatch.runs.tracks import Supply, edge_uncertainty_joules
from wattwatch.store.base import EnergyHistory, Span

_SETTLED_SECONDS: Final = 10.0  # after that no reading comes that is still near the edge
_HOST: Final = "host"


@dataclass(frozen=True, slots=True)
class EdgeChannels:
    """Ids of the channels that are looked at, at an edge."""

    supplies: tuple[Supply, ...]
    cpu: Mapping[str, str]  # id to mode
    network: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]  # of each of the primary's sources

    @property
    def counters(self) -> tuple[str, ...]:
        """All counters."""
        return (*self.cpu, *self.network, *chain.from_iterable(self.groups))


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


def edge_channels(
    channels: Iterable[Channel], supplies: tuple[Supply, ...], meters: Iterable[str]
) -> EdgeChannels:
    """The host's CPU and network counters, and the groups of the meters, among all channels."""
    by_id = {channel.id: channel for channel in channels}  # one may be there in two qualities
    host = [channel for channel in by_id.values() if channel.source == _HOST]
    cpu = {c.id: c.zone.removeprefix("cpu-") for c in host if c.quantity == "cpu_seconds"}
    network = tuple(c.id for c in host if c.quantity == "network_bytes")
    groups = [c for c in by_id.values() if c.zone.startswith("group-") and c.quantity == "energy_joules"]
    own = tuple(tuple(c.id for c in groups if c.source == meter) for meter in meters)
    return EdgeChannels(supplies, cpu, network, own)


@dataclass(slots=True)
class EdgeReader:
    """Reads edges, and remembers those that cannot change any more."""

    history: EnergyHistory
    _known: dict[Instant, Edge] = field(default_factory=dict)

    def read(self, at: Instant, channels: EdgeChannels, now: Instant, *, one_sided: bool = False) -> Edge:
        """The edge at an instant; `one_sided` if no reading will come behind it."""
        if at in self._known and not one_sided:
            return self._known[at]
        edge = Edge(
            sum(self._uncertainty_joules(at, supply) for supply in channels.supplies),
            {
                key: value_at(self.history.readings(key, Span(at, at)), at, one_sided=one_sided)
                for key in channels.counters
            },
        )
        if now.boot_id != at.boot_id or now.boot_seconds > at.boot_seconds + _SETTLED_SECONDS:
            self._known[at] = edge
        return edge

    def _uncertainty_joules(self, at: Instant, supply: Supply) -> float:
        reach_seconds = supply.timing.edge_seconds
        span = Span(at.plus(-min(reach_seconds, at.boot_seconds)), at.plus(reach_seconds))
        return edge_uncertainty_joules(supply.track(self.history, span), at)


def growth_between(before: Edge, after: Edge, channels: EdgeChannels) -> Growth:
    """What the counters grew by; None where an edge is unknown or a counter was reset."""
    grown = {key: increase(before.values[key], after.values[key]) for key in channels.counters}
    modes = {mode: joules for key, mode in channels.cpu.items() if (joules := grown[key]) is not None}
    network = [grown[key] for key in channels.network]
    known_bytes = [size for size in network if size is not None]
    return Growth(
        cpu_use(modes) if len(modes) == len(channels.cpu) else None,
        sum(known_bytes) if known_bytes and len(known_bytes) == len(network) else None,
        _accumulator_joules(before, after, channels.groups),
    )


def _accumulator_joules(before: Edge, after: Edge, groups: Iterable[Iterable[str]]) -> float | None:
    """What the meters themselves counted; None unless it is known of each."""
    counted = [
        accumulator_joules(
            {key: before.values[key] for key in of_meter}, {key: after.values[key] for key in of_meter}
        )
        for of_meter in map(tuple, groups)
    ]
    known = [joules for joules in counted if joules is not None]
    return sum(known) if known and len(known) == len(counted) else None
