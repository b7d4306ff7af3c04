"""A store in memory: what the tests put in comes out, with the neighbours that a span is owed."""

from collections import defaultdict
from collections.abc import Iterable, Iterator

from wattwatch.errors import StoreError
from wattwatch.reading import Channel, EnergyRecord, Instant, Kind, Quality, Reading, Scope
from wattwatch.store.base import Span

POWER = Channel("meter", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
CPU_TEMPERATURE = Channel("thermal", "cpu-thermal", "temperature_celsius", Kind.GAUGE)
MEMORY = Channel("host", "memory", "used_bytes", Kind.GAUGE)
OBSERVER = Channel("self", "process", "cpu_seconds", Kind.COUNTER)


def cpu(mode: str) -> Channel:
    return Channel("host", f"cpu-{mode}", "cpu_seconds", Kind.COUNTER)


def network(direction: str) -> Channel:
    return Channel("host", f"network-{direction}", "network_bytes", Kind.COUNTER)


def group(number: int) -> Channel:
    return Channel("meter", f"group-{number}", "energy_joules", Kind.ACCUMULATOR)


def powers(points: Iterable[tuple[float, float]], boot_id: str = "boot-1") -> list[Reading]:
    return [Reading(POWER, watts, Instant(boot_id, seconds)) for seconds, watts in points]


def gap(
    start: float, end: float, joules: float | None, doubt_joules: float = 3.6, boot_id: str = "boot-1"
) -> EnergyRecord:
    """A recovered stretch, or with None as joules a missing one."""
    edges = Instant(boot_id, start), Instant(boot_id, end)
    if joules is None:
        return EnergyRecord(POWER, *edges, 0.0, missing_seconds=end - start)
    return EnergyRecord(POWER, *edges, joules, recovered_seconds=end - start, doubt_joules=doubt_joules)


class FakeHistory:
    """Keeps readings by channel, in the order of boots and time in which they are put in."""

    def __init__(self) -> None:
        self._readings: dict[str, list[Reading]] = defaultdict(list)
        self._gaps: dict[str, list[EnergyRecord]] = defaultdict(list)
        self.offsets = {"boot-1": 1_700_000_000.0}
        self.asked = 0

    def put(self, *readings: Reading) -> None:
        for reading in readings:
            self._readings[reading.channel.id].append(reading)

    def put_gap(self, record: EnergyRecord) -> None:
        self._gaps[record.channel.id].append(record)

    def readings(self, channel_id: str, span: Span) -> Iterator[Reading]:
        self.asked += 1
        boot_id = span.start.boot_id
        of_boot = [reading for reading in self._readings[channel_id] if reading.at.boot_id == boot_id]
        start, end = span.start.boot_seconds, span.end.boot_seconds
        before = [reading for reading in of_boot if reading.at.boot_seconds < start][-1:]
        inside = [reading for reading in of_boot if start <= reading.at.boot_seconds <= end]
        after = [reading for reading in of_boot if reading.at.boot_seconds > end][:1]
        return iter([*before, *inside, *after])

    def gaps(self, channel_id: str, span: Span) -> Iterator[EnergyRecord]:
        for record in self._gaps[channel_id]:
            if (
                record.start.boot_id == span.start.boot_id
                and record.start.boot_seconds <= span.end.boot_seconds
                and record.end.boot_seconds >= span.start.boot_seconds
            ):
                yield record

    def channels(self) -> tuple[Channel, ...]:
        return tuple(readings[0].channel for readings in self._readings.values() if readings)

    def utc_seconds(self, instant: Instant) -> tuple[float, bool]:
        if instant.boot_id not in self.offsets:
            raise StoreError(f"boot {instant.boot_id} is not known to this store")
        return instant.boot_seconds + self.offsets[instant.boot_id], True
