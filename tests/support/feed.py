"""Thirty channels as a Raspberry Pi with a UM24C has them: digits, steps and noise as the real ones have."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from wattwatch.clock import WallOffset
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch, Channel, Instant, Kind, MeterIdentity, Quality, Reading, Scope
from wattwatch.store.base import Commit

IDENTITY = MeterIdentity("UM24C", "00:15:A6:01:AA:BB", 1, 93.6)
POWER = Channel("meter", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
WALL = WallOffset(1_700_000_000.0, synchronised=True)

_METER = (
    Channel("meter", "vbus", "voltage_volts", Kind.GAUGE, quality=Quality.METERED),
    Channel("meter", "vbus", "current_amperes", Kind.GAUGE, quality=Quality.METERED),
    POWER,
    Channel("meter", "vbus", "resistance_ohms", Kind.GAUGE, quality=Quality.METERED),
    Channel("meter", "data-positive", "voltage_volts", Kind.GAUGE, quality=Quality.METERED),
    Channel("meter", "data-negative", "voltage_volts", Kind.GAUGE, quality=Quality.METERED),
    Channel("meter", "meter", "temperature_celsius", Kind.GAUGE, quality=Quality.METERED),
    Channel("meter", "group-1", "energy_joules", Kind.ACCUMULATOR, quality=Quality.METERED),
    Channel("meter", "group-1", "charge_coulombs", Kind.ACCUMULATOR, quality=Quality.METERED),
)
_THERMAL = tuple(Channel("thermal", f"zone-{n}", "temperature_celsius", Kind.GAUGE) for n in range(6))
_HOST = (
    *(Channel("host", mode, "cpu_seconds", Kind.COUNTER) for mode in ("user", "system", "idle", "iowait")),
    *(Channel("host", f"cpu-{n}", "frequency_hertz", Kind.GAUGE) for n in range(4)),
    Channel("host", "memory", "used_bytes", Kind.GAUGE),
    Channel("host", "memory", "available_bytes", Kind.GAUGE),
    *(Channel("host", way, "network_bytes", Kind.COUNTER) for way in ("receive", "transmit")),
    *(Channel("host", way, "disk_bytes", Kind.COUNTER) for way in ("read", "write")),
    Channel("host", "cpu", "busy_ratio", Kind.GAUGE),
)
CHANNELS = (*_METER, *_THERMAL, *_HOST)
assert len(CHANNELS) == 30


@dataclass
class Feed:
    """Commits of one second each, from a seed."""

    boot_id: str = "boot-1"
    seed: int = 1
    boot_seconds: float = 1000.0
    hertz: int = 2
    joules: float = 0.0
    wall: WallOffset = WALL
    sent: list[Batch] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._temperatures = [50.0, 48.5, 51.0, 45.5, 47.0, 44.0]
        self._jiffies = [12345, 2345, 99999, 77]
        self._bytes = [10**9, 10**8, 10**9, 10**9]
        self._memory = 900_000_000
        self._millicoulombs = 0.0

    def commits(self, seconds: int) -> Iterator[Commit]:
        for _ in range(seconds):
            yield self.commit()

    def commit(self) -> Commit:
        batches: list[Batch] = []
        for tick in range(self.hertz):
            at = self.boot_seconds + tick / self.hertz
            batches += (self._meter(at), self._thermal(at + 0.03), self._host(at + 0.05))
        self.boot_seconds += 1.0
        self.sent += batches
        end = Instant(self.boot_id, round(self.boot_seconds, 6))
        return Commit(end, self.wall, tuple(batches), counters=self._counters())

    def _batch(
        self,
        at: float,
        channels: tuple[Channel, ...],
        values: list[float],
        identity: MeterIdentity | None = None,
    ) -> Batch:
        late = abs(self._random.gauss(0, 0.0004))  # a tick starts up to about a millisecond late
        instant = Instant(self.boot_id, round(at + late, 6))
        readings = tuple(Reading(c, v, instant) for c, v in zip(channels, values, strict=True))
        return Batch(channels[0].source, instant, readings, identity)

    def _meter(self, at: float) -> Batch:
        load = 0.58 + 0.5 * (int(at) // 40 % 2)
        volts = round(5.13 - 0.06 * load + self._random.gauss(0, 0.006), 2)
        amperes = round(load + self._random.gauss(0, 0.015), 3)
        self.joules += volts * amperes / self.hertz
        self._millicoulombs += amperes / self.hertz
        values = [
            volts, amperes, volts * amperes, round(volts / amperes, 1),
            self._random.choice((2.71, 2.72)), 2.7, 31.0 + int(at) // 300 % 2,
            int(self.joules / 3.6) * 3.6, int(self._millicoulombs / 3.6) * 3.6,
        ]  # fmt: skip
        return self._batch(at, _METER, values, IDENTITY)

    def _thermal(self, at: float) -> Batch:
        steps = (0.5, 0.5, 0.5, 0.1, 0.1, 0.1)
        for n, step in enumerate(steps):
            moved = self._temperatures[n] + step * self._random.choice((-1, 0, 0, 0, 1))
            self._temperatures[n] = min(85.0, max(35.0, round(moved, 1)))
        return self._batch(at, _THERMAL, list(self._temperatures))

    def _host(self, at: float) -> Batch:
        for n, most in enumerate((90, 12, 120, 1)):
            self._jiffies[n] += self._random.randrange(most + 1)
        for n, most in enumerate((9000, 3000, 0, 65536)):
            self._bytes[n] += self._random.randrange(most + 1)
        self._memory += self._random.randrange(-200, 201) * 4096
        values: list[float] = [
            *(count / 100 for count in self._jiffies),
            *(self._random.choice((1.5e9, 1.5e9, 0.6e9)) for _ in range(4)),
            float(self._memory), float(4_000_000_000 - self._memory),
            *(float(count) for count in self._bytes),
            round(self._random.random(), 3),
        ]  # fmt: skip
        return self._batch(at, _HOST, values)

    def _counters(self) -> dict[SeriesKey, float]:
        """What changes from commit to commit: energy, its seconds, reads, histograms, host counters."""
        labels = ("meter", "vbus", "board", "metered")
        counters: dict[SeriesKey, float] = {
            ("wattwatch_energy_joules_total", labels): self.joules,
            ("wattwatch_node_energy_joules_total", ("board", "metered")): self.joules,
            ("wattwatch_energy_seconds_total", ("meter", "vbus", "sampled")): self.boot_seconds,
            ("wattwatch_self_energy_joules_total", ()): self.joules / 500,
        }
        for source in ("meter", "thermal", "host"):
            counters["wattwatch_source_reads_total", (source,)] = self.boot_seconds * self.hertz
            counters["wattwatch_source_read_seconds_sum", (source,)] = self.boot_seconds * 0.0123
            counters["wattwatch_source_read_seconds_count", (source,)] = self.boot_seconds * self.hertz
            counters["wattwatch_source_read_seconds_bucket", (source, "0.05")] = (
                self.boot_seconds * self.hertz
            )
        for n in range(4):
            counters["wattwatch_cpu_seconds_total", (str(n),)] = self._jiffies[n] / 100
        counters["wattwatch_network_bytes_total", ("receive",)] = float(self._bytes[0])
        counters["wattwatch_tick_lateness_seconds_sum", ()] = self.boot_seconds * 0.0007
        return counters
