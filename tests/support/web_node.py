"""A node for the web to show: a snapshot, a history and a store as a test wants them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.history import FakeHistory
from wattwatch.clock import WallOffset
from wattwatch.metrics import Sample, SeriesKey
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sampling.snapshot import Primary, Snapshot, SourceHealth, SourceStatus
from wattwatch.sources.base import SourceDescription
from wattwatch.store.base import Span, StoreHealth
from wattwatch.web.http import Route
from wattwatch.web.server import WebServer
from wattwatch.web.v1 import read_routes
from wattwatch.web.view import NodeView

NOW = Instant("boot-1", 2000.0)
METER = tuple(
    Channel("meter", zone, quantity, kind, scope, Quality.METERED)
    for zone, quantity, kind, scope in (
        ("vbus", "power_watts", Kind.POWER, Scope.BOARD),
        ("vbus", "voltage_volts", Kind.GAUGE, Scope.NONE),
        ("vbus", "current_amperes", Kind.GAUGE, Scope.NONE),
        ("vbus", "resistance_ohms", Kind.GAUGE, Scope.NONE),
        ("data-positive", "voltage_volts", Kind.GAUGE, Scope.NONE),
        ("meter", "temperature_celsius", Kind.GAUGE, Scope.NONE),
        ("group-0", "energy_joules", Kind.ACCUMULATOR, Scope.NONE),
    )
)
PRIMARY = Primary.of(METER[0])
HOST = tuple(
    Channel("host", zone, quantity, Kind.GAUGE)
    for zone, quantity in (
        ("cpu-0", "frequency_hertz"),
        ("cpu-1", "frequency_hertz"),
        ("memory", "used_bytes"),
        ("memory", "available_bytes"),
        ("memory", "size_bytes"),
    )
)
VALUES = (5.5, 5.1, 1.078, 4.73, 2.7, 31.0, 3600.0, 1.5e9, 6e8, 1.2e9, 6.8e9, 8e9)
COUNTERS: dict[SeriesKey, float] = {
    ("wattwatch_node_energy_joules_total", ("board", "metered")): 1234.5,
    ("wattwatch_energy_joules_total", ("meter", "vbus", "board", "metered")): 1234.5,
    ("wattwatch_energy_seconds_total", ("meter", "vbus", "sampled")): 224.5,
    ("wattwatch_energy_seconds_total", ("meter", "vbus", "recovered")): 0.0,
    ("wattwatch_energy_seconds_total", ("meter", "vbus", "missing")): 3.5,
    ("wattwatch_cpu_seconds_total", ("user",)): 77.25,
    ("wattwatch_source_reads_total", ("meter",)): 449.0,
    ("wattwatch_source_read_failures_total", ("meter", "timeout")): 2.0,
    ("wattwatch_source_read_seconds_bucket", ("meter", "0.01")): 0.0,
    ("wattwatch_source_read_seconds_bucket", ("meter", "0.05")): 440.0,
    ("wattwatch_source_read_seconds_bucket", ("meter", "0.2")): 8.0,
    ("wattwatch_source_read_seconds_bucket", ("meter", "1")): 0.0,
    ("wattwatch_source_read_seconds_bucket", ("meter", "5")): 0.0,
    ("wattwatch_source_read_seconds_bucket", ("meter", "+Inf")): 1.0,
    ("wattwatch_source_read_seconds_sum", ("meter",)): 17.5,
    ("wattwatch_source_read_seconds_count", ("meter",)): 449.0,
}


def status(
    name: str, kind: str, channels: tuple[Channel, ...], health: SourceHealth | None = None
) -> SourceStatus:
    """A source that is up, unless another health is given."""
    health = health or SourceHealth(up=True, state="up", last_success=Instant("boot-1", 1999.5))
    return SourceStatus(SourceDescription(name, kind, 0.5, channels, "a test's"), health)


def snapshot(
    readings: Iterable[Reading] | None = None,
    counters: Mapping[SeriesKey, float] | None = None,
    sources: tuple[SourceStatus, ...] | None = None,
    primary: Primary | None = PRIMARY,
    *,
    simulated: bool = False,
) -> Snapshot:
    """A node `pi-1` with a meter and host gauges, but for what is given."""
    if readings is None:
        at = Instant("boot-1", 1999.5)
        channels = (*METER, *HOST)
        readings = [Reading(channel, value, at) for channel, value in zip(channels, VALUES, strict=True)]
    if sources is None:
        sources = (status("meter", "um24c", METER), status("host", "host", HOST))
    return Snapshot(
        "pi-1",
        NOW,
        WallOffset(1_700_000_000.0, synchronised=True),
        {reading.channel.id: reading for reading in readings},
        COUNTERS if counters is None else counters,
        sources,
        primary,
        simulated,
    )


class DatedFakeHistory(FakeHistory):
    """A history in memory that also knows the spans of its boots, in the order of `offsets`."""

    def spans(self, start: float, end: float) -> Sequence[Span]:
        return [span for boot_id in self.offsets if (span := self._span(boot_id, start, end))]

    def batches(self, source: str, span: Span) -> Iterator[Batch]:
        """One batch an instant; none has an identity."""
        by_instant: dict[Instant, list[Reading]] = {}
        for channel in (channel for channel in self.channels() if channel.source == source):
            for reading in self.readings(channel.id, span):
                if span.start.boot_seconds <= reading.at.boot_seconds <= span.end.boot_seconds:
                    by_instant.setdefault(reading.at, []).append(reading)
        for at in sorted(by_instant, key=lambda at: at.boot_seconds):
            yield Batch(source, at, tuple(by_instant[at]))

    def _span(self, boot_id: str, start: float, end: float) -> Span | None:
        all_readings = (r for readings in self._readings.values() for r in readings)
        seconds = [reading.at.boot_seconds for reading in all_readings if reading.at.boot_id == boot_id]
        if not seconds:
            return None
        offset = self.offsets[boot_id]
        first, last = max(min(seconds), start - offset), min(max(seconds), end - offset)
        return Span(Instant(boot_id, first), Instant(boot_id, last)) if first <= last else None


@dataclass
class FakeNode:
    """What a daemon would provide; counts its commits."""

    now: Snapshot = field(default_factory=snapshot)
    history: DatedFakeHistory = field(default_factory=DatedFakeHistory)
    store: StoreHealth = field(default_factory=lambda: StoreHealth(4096, Instant("boot-1", 1999.75)))
    runs: tuple[Sample, ...] = ()
    commits: int = 0

    def commit(self) -> Snapshot:
        self.commits += 1
        return self.now

    def view(self, **more: Any) -> NodeView:
        return NodeView(self.commit, self.history, lambda: self.store, lambda: self.runs, **more)


@contextmanager
def serving(routes: Sequence[Route], **options: Any) -> Iterator[WebServer]:
    """A started server on a free port of loopback, unless told otherwise."""
    server = WebServer(routes, **({"listen": "127.0.0.1:0"} | options))
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def node_on_socket(node: FakeNode, directory: Path) -> Iterator[Path]:
    """The node's read routes on a Unix socket."""
    path = directory / "wattwatch.sock"
    with serving(read_routes(node.view()), listen="", socket_path=path):
        yield path
