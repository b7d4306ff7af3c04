"""A node that is measured, without a daemon: a clock, a store in memory, a run service, and their time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from support.clock import FakeClock
from support.history import CPU_TEMPERATURE, MEMORY, OBSERVER, POWER, FakeHistory, cpu, group, network
from wattwatch.clock import WallOffset
from wattwatch.metrics import Sample
from wattwatch.reading import Instant, Reading
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.keeper import Keeper
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.service import RunService
from wattwatch.sampling.snapshot import Primary

FACTS = NodeFacts(
    node="pi-1",
    primary=Primary.of(POWER),
    interval_seconds=0.5,
    gap_seconds=3.0,
    meter_model=lambda: "UM24C",
)


class FakeNode:
    """Two cores, half of one busy; 5 W unless `watts` says otherwise; read every half second."""

    def __init__(
        self, directory: Path, facts: NodeFacts = FACTS, watts: Callable[[float], float] = lambda _: 5.0
    ) -> None:
        self.clock = FakeClock()
        self.history = FakeHistory()
        self.path = directory / "ledger.db"
        self.facts = facts
        self.watts = watts
        self.metered = True
        self.celsius = 50.0
        self.counted_joules = 0.0
        self.observer_seconds = 0.0
        self.service = self.begin()
        self.play(2)

    def begin(self, keeper: Keeper | None = None) -> RunService:
        """Start the service anew, as a new process of the daemon would."""
        facts = replace(self.facts, last_commit=self.clock.now())
        randomness = Random(self.clock.boot_seconds).randbytes
        self.service = RunService(
            Ledger(self.path), self.history, self.clock, facts, keeper=keeper, randomness=randomness
        )
        return self.service

    def reboot(self, boot_id: str, seconds_off: float) -> None:
        """Go on in another boot, at its tenth second."""
        utc = self.clock.boot_seconds + self.clock.offset.unix_minus_boot_seconds + seconds_off
        self.clock.boot_id, self.clock.boot_seconds = boot_id, 10.0
        self.clock.offset = WallOffset(utc - 10.0, synchronised=True)
        self.history.offsets[boot_id] = utc - 10.0

    def play(self, seconds: float, *, ticks: bool = True) -> None:
        """Let time pass, half a second at a time: readings, then a tick of the service."""
        for _ in range(round(seconds * 2)):
            self.clock.advance(0.5)
            self.read()
            if ticks:
                self.service.tick()

    def read(self) -> None:
        now = self.clock.now()
        self.counted_joules += self.watts(now.boot_seconds) / 2
        self.observer_seconds += 0.005
        if self.metered and self.facts.primary is not None:
            self.history.put(
                Reading(POWER, self.watts(now.boot_seconds), now),
                Reading(group(0), self.counted_joules, now),
            )
        if self.facts.fallback is not None:
            self.history.put(Reading(self.facts.fallback.channels[0], 2.0 * now.boot_seconds, now))
        self.read_host(now)

    def read_host(self, now: Instant) -> None:
        seconds = now.boot_seconds
        self.history.put(
            Reading(cpu("user"), 0.5 * seconds, now),
            Reading(cpu("idle"), 1.5 * seconds, now),
            Reading(MEMORY, 1e9 + 1e6 * seconds, now),
            Reading(network("receive"), 1000 * seconds, now),
            Reading(network("transmit"), 500 * seconds, now),
            Reading(OBSERVER, self.observer_seconds, now),
            Reading(CPU_TEMPERATURE, self.celsius, now),
        )

    def sample(self, name: str, *labels: str) -> float | None:
        """The value of a sample whose label values begin with these."""
        found = [s.value for s in self.samples() if s.spec.name == name and s.labels[: len(labels)] == labels]
        assert len(found) <= 1
        return found[0] if found else None

    def samples(self) -> list[Sample]:
        return list(self.service.samples())
