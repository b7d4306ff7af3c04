"""A month of a meter at 2 Hz, as fast as it goes: link drops, reboots, a full disk. Prints JSON.

    python -m support.month DIRECTORY [DAYS]

A process of its own, so that its memory can be watched. Account and store are the real ones; the readings
are simulated, from digits as a UM24C shows them. `displayed_joules` is the trapezoid over everything that was
displayed in the covered time, whether it was read or not.
"""

import contextlib
import json
import random
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from support.clock import FakeClock
from wattwatch.clock import WallOffset
from wattwatch.metrics import ENERGY, ENERGY_SECONDS
from wattwatch.reading import Batch, Channel, EnergyRecord, Kind, MeterIdentity, Quality, Reading, Scope
from wattwatch.sampling.account import Account, ReadOutcome
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.integrate import LONGEST_FILL_SECONDS
from wattwatch.sampling.snapshot import Primary
from wattwatch.sources.base import SourceDescription
from wattwatch.store.base import Commit
from wattwatch.store.local import LocalStore, StoreLimits

TICK_SECONDS = 0.5
TICKS_PER_COMMIT = 10  # of no importance here: what a kill costs is tested elsewhere
TICKS_PER_DAY = int(86400 / TICK_SECONDS)
JOULES_PER_MILLIWATT_HOUR = COULOMBS_PER_MILLIAMPERE_HOUR = 3.6
REBOOT_TICKS, BOOT_SECONDS = 90, 30.0
LONG_DROP_SECONDS = FULL_DISK_SECONDS = 7200.0
_LOOKS_TICKS = 120
LIMITS = StoreLimits(retention_seconds=35 * 86400.0)

POWER = Channel("meter", "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.SIMULATED)
VOLTS = Channel("meter", "vbus", "voltage_volts", Kind.GAUGE, quality=Quality.SIMULATED)
COUNTED = Channel("meter", "group-1", "energy_joules", Kind.ACCUMULATOR, quality=Quality.SIMULATED)
CHARGE = Channel("meter", "group-1", "charge_coulombs", Kind.ACCUMULATOR, quality=Quality.SIMULATED)
IDENTITY = MeterIdentity("UM24C", "00:15:A6:01:AA:BB", 1, 72.0)
DESCRIPTION = SourceDescription("meter", "um24c", TICK_SECONDS, (POWER, VOLTS))


@dataclass
class Display:
    """What the meter shows, tick by tick, and the true integral of it."""

    seed: int = 7
    joules: float = 0.0
    coulombs: float = 0.0
    watts: float = 0.0
    volts: float = 5.1

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._left, self._level = 0, 0.8

    def tick(self) -> None:
        """Half a second later: a load of some minutes, with noise of some milliamperes."""
        if self._left == 0:
            self._left = self._random.randrange(20, 1200)
            self._level = self._random.uniform(0.45, 1.6)
        self._left -= 1
        amperes = round(self._level + self._random.random() * 0.02, 3)
        self.volts = 5.11 if amperes < 1.0 else 5.07
        before, self.watts = self.watts, round(self.volts * amperes, 5)
        self.joules += (before + self.watts) / 2 * TICK_SECONDS
        self.coulombs += amperes * TICK_SECONDS


@dataclass
class Plan:
    """What happens when, in ticks: the link goes down (until), the machine boots, the disk is full."""

    days: int
    drops: dict[int, int] = field(default_factory=dict)
    reboots: set[int] = field(default_factory=set)
    full: range = range(0)

    @classmethod
    def of(cls, days: int) -> "Plan":
        """One drop a day, a long one and a reboot each week, and a full disk in the middle."""
        draw = random.Random(11)
        plan = cls(days)
        for day in range(days):
            start = day * TICKS_PER_DAY + draw.randrange(10_000, 80_000)
            seconds = LONG_DROP_SECONDS if day % 7 == 5 else draw.randrange(5, 2400)
            plan.drops[start] = start + int(seconds / TICK_SECONDS)
            if day % 7 == 6:
                plan.reboots.add(day * TICKS_PER_DAY + 120_000)
        begin = days // 2 * TICKS_PER_DAY + 130_000
        plan.full = range(begin, begin + int(FULL_DISK_SECONDS / TICK_SECONDS))
        return plan


class Month:
    """The daemon's account and store under the plan, and what ought to come out."""

    def __init__(self, directory: Path, plan: Plan) -> None:
        self._path = directory / "wattwatch.db"
        self._filler = directory / "filler"
        self._plan = plan
        self._clock = FakeClock(100.0, "boot-0")
        self._display = Display()
        self._boots = 1
        self.displayed_joules = 0.0
        self.covered_seconds = self.missing_seconds = 0.0
        self.was_degraded = False
        self.resident_bytes: list[int] = []
        self._open()

    def _open(self) -> None:
        self._store = LocalStore.open(
            self._path, boot_id=self._clock.boot_id, limits=LIMITS, simulated=True, clock=self._clock
        )
        counters = Counters(self._store.restored.counters)
        self._account = Account(counters, [DESCRIPTION], primary=Primary.of(POWER), gap_seconds=3.0)
        self._batches: list[Batch] = []
        self._gaps: list[EnergyRecord] = []
        self._last_read: tuple[float, float] | None = None  # boot seconds, displayed joules

    def run(self) -> dict[str, Any]:
        """The whole month; what was counted and what was displayed."""
        down_until = 0
        for tick in range(self._plan.days * TICKS_PER_DAY):
            self._tick()
            down_until = self._plan.drops.get(tick, down_until)
            if tick in self._plan.reboots:
                self._reboot()
            self._fill_disk(tick)
            if tick >= down_until:
                self._read()
            if tick % TICKS_PER_COMMIT == 0:
                self._commit()
            if tick % TICKS_PER_DAY == TICKS_PER_DAY - 1:
                self._store.settle()
                self.resident_bytes.append(psutil.Process().memory_info().rss)
        self._commit()
        return self._result()

    def _result(self) -> dict[str, Any]:
        lifetime = self._store.lifetime_counters()
        states = ("sampled", "recovered", "missing")
        health = self._store.health()
        self._store.close()
        return {
            "joules": lifetime[ENERGY.name, ("meter", "vbus", "board", "simulated")],
            "seconds": {state: lifetime[ENERGY_SECONDS.name, ("meter", "vbus", state)] for state in states},
            "displayed_joules": self.displayed_joules,
            "covered_seconds": self.covered_seconds,
            "missing_seconds": self.missing_seconds,
            "boots": self._boots,
            "drops": len(self._plan.drops),
            "was_degraded": self.was_degraded,
            "is_degraded": health.degraded,
            "store_bytes": health.bytes,
            "resident_bytes": self.resident_bytes,
        }

    def _tick(self) -> None:
        self._clock.advance(TICK_SECONDS)
        self._display.tick()

    def _read(self) -> None:
        at, display = self._clock.now(), self._display
        self._expect(at.boot_seconds)
        readings = (
            Reading(POWER, display.watts, at),
            Reading(VOLTS, display.volts, at),
            Reading(COUNTED, display.joules // JOULES_PER_MILLIWATT_HOUR * JOULES_PER_MILLIWATT_HOUR, at),
            Reading(
                CHARGE, display.coulombs // COULOMBS_PER_MILLIAMPERE_HOUR * COULOMBS_PER_MILLIAMPERE_HOUR, at
            ),
        )
        batch = Batch("meter", at, readings, IDENTITY)
        self._gaps += self._account.accept(ReadOutcome(DESCRIPTION, batch, 0.0, 0.02)).gaps
        self._batches.append(batch)

    def _expect(self, now_seconds: float) -> None:
        """Between two readings of one boot all is known, unless they are more than an hour apart."""
        if self._last_read is not None:
            seconds = now_seconds - self._last_read[0]
            if seconds > LONGEST_FILL_SECONDS:
                self.missing_seconds += seconds
            else:
                self.covered_seconds += seconds
                self.displayed_joules += self._display.joules - self._last_read[1]
        self._last_read = now_seconds, self._display.joules

    def _fill_disk(self, tick: int) -> None:
        if tick == self._plan.full.start:
            with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"\0" * 4096):
                    pass
        elif tick == self._plan.full.stop:
            self._filler.unlink()
        elif tick in self._plan.full and tick % _LOOKS_TICKS == 0:
            # Simulated hours can pass before the thread that writes has its turn; and pages that were freed
            # may take a chunk even on a full disk, after which all is well for a while.
            self._store.sync()
            self.was_degraded |= bool(self._store.health().degraded)

    def _commit(self) -> None:
        now = self._clock.now()
        self._gaps += self._account.expire(now)
        changes = self._account.counters.take_changes()
        wall = self._clock.wall()
        self._store.append(Commit(now, wall, tuple(self._batches), tuple(self._gaps), changes))
        self._batches, self._gaps = [], []

    def _reboot(self) -> None:
        """Power stays on: the meter counts on while nobody reads it."""
        self._commit()
        self._store.close()
        for _ in range(REBOOT_TICKS):
            self._tick()
        utc_seconds = self._clock.wall().unix_minus_boot_seconds + self._clock.boot_seconds
        self._clock.boot_id, self._clock.boot_seconds = f"boot-{self._boots}", BOOT_SECONDS
        self._clock.offset = WallOffset(utc_seconds - BOOT_SECONDS, synchronised=True)
        self._boots += 1
        self._open()


if __name__ == "__main__":
    month = Month(Path(sys.argv[1]), Plan.of(int(sys.argv[2])))
    sys.stdout.write(json.dumps(month.run()))
