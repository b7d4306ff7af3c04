"""Two meters and a processor's counters on one node: a truth that goes on, and books that are kept of it.

Made up: power is constant between the steps of a test, meters count whole milliwatt hours, counters wrap.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from support.clock import FakeClock
from support.history import FakeHistory
from wattwatch.daemon.past import waiting_past
from wattwatch.daemon.primary import Supplies, choose_supplies
from wattwatch.metrics import NODE_ENERGY, SeriesKey
from wattwatch.reading import (
    Batch,
    Channel,
    EnergyRecord,
    Instant,
    Kind,
    MeterIdentity,
    Quality,
    Reading,
    Scope,
)
from wattwatch.runs.energy import EnergyFigures, window_energy
from wattwatch.runs.figures import NodeFacts
from wattwatch.sampling.account import Account, ReadOutcome
from wattwatch.sampling.counters import Counters
from wattwatch.sampling.node_energy import COUNTED_UNTIL, Past
from wattwatch.sources.base import CounterLimits, SourceDescription
from wattwatch.store.base import Span

GAP_SECONDS = 3.0
LIMITS = CounterLimits(5000.0, 100.0)
PACKAGE = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE)
DRAM = Channel("rapl", "package-0-dram", "energy_joules", Kind.COUNTER, Scope.DRAM)
RAPL = SourceDescription(
    "rapl", "rapl", 1.0, (PACKAGE, DRAM), counter_limits=((PACKAGE, LIMITS), (DRAM, LIMITS))
)


def power_of(source: str) -> Channel:
    return Channel(source, "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)


def meter(source: str) -> SourceDescription:
    return SourceDescription(source, "um24c", 0.5, (power_of(source),))


DESCRIPTIONS = {description.name: description for description in (meter("a"), meter("b"), RAPL)}


@dataclass
class Truth:
    """Watts and joules of each channel as they really are."""

    watts: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("a", "b", "package", "dram"), 5.0))
    joules: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("a", "b", "package", "dram"), 0.0)
    )

    def pass_time(self, seconds: float) -> None:
        for name, watts in self.watts.items():
            self.joules[name] += watts * seconds

    def batch(self, source: str, at: Instant) -> Batch:
        """What a source shows now."""
        if source == "rapl":
            pairs = ((PACKAGE, "package"), (DRAM, "dram"))
            return Batch(
                "rapl",
                at,
                tuple(
                    Reading(channel, self.joules[name] % LIMITS.range_joules, at) for channel, name in pairs
                ),
            )
        counted = int(self.joules[source] / 3.6) * 3.6
        groups = (("energy_joules", counted), ("charge_coulombs", counted / 5))
        readings = [Reading(power_of(source), self.watts[source], at)]
        for quantity, value in groups:
            channel = Channel(source, "group-0", quantity, Kind.ACCUMULATOR, quality=Quality.METERED)
            readings.append(Reading(channel, value, at))
        return Batch(source, at, tuple(readings), MeterIdentity("UM24C", source, 0, 72.0))


class Books:
    """The account of a node and the store behind it; `kill` loses what was not committed."""

    def __init__(self, primary: Collection[str], fallback: str = "", *, start: float = 1000.0) -> None:
        self.clock = FakeClock(start)
        self.truth = Truth()
        self.history = FakeHistory()
        self.supplies = choose_supplies(tuple(primary), fallback, list(DESCRIPTIONS.values()))
        self.counters: dict[SeriesKey, float] = {}
        self.last_batches: dict[str, Batch] = {}
        self._batches: list[Batch] = []
        self._gaps: list[EnergyRecord] = []
        self._begin()

    def step(self, seconds: float, answering: Iterable[str], *, commit: bool = True) -> None:
        """Let time pass, then read these sources."""
        self.clock.advance(round(seconds, 6))
        self.truth.pass_time(round(seconds, 6))
        for source in answering:
            batch = self.truth.batch(source, self.clock.now())
            accepted = self.account.accept(ReadOutcome(DESCRIPTIONS[source], batch, 0.0, 0.01))
            self._gaps += accepted.gaps
            if accepted.keep:
                self._batches.append(batch)
        if commit:
            self.commit()

    def commit(self) -> None:
        self._gaps += self.account.expire(self.clock.now())
        for batch in self._batches:
            self.history.put(*batch.readings)
            self.last_batches[batch.source] = batch
        for gap in self._gaps:
            self.history.put_gap(gap)
        self.counters |= self.account.counters.take_changes()
        self._batches, self._gaps = [], []

    def kill(self) -> None:
        """End the process, and begin another with what was committed."""
        self._batches, self._gaps = [], []
        self._begin()

    def reconfigure(self, supplies: Supplies) -> None:
        """Another primary or fallback, by a reload."""
        self.supplies = supplies
        self.account.reconfigure(
            DESCRIPTIONS.values(),
            primary=supplies.primary,
            fallback=supplies.fallback,
            gap_seconds=GAP_SECONDS,
            past=self._past(),
        )

    def counted_joules(self, of: str) -> float:
        """What was counted of the `primary` or the `fallback`."""
        supply = getattr(self.supplies, of)
        return self.counters.get((NODE_ENERGY.name, supply.labels), 0.0) if supply else 0.0

    def counted_until(self, of: str) -> Instant:
        """Up to where; the start of the boot, if nothing was counted yet."""
        keys = [
            value
            for (name, labels), value in self.counters.items()
            if name == COUNTED_UNTIL.name and (labels[0] == "primary") == (of == "primary")
        ]
        return Instant("boot-1", round(max(keys, default=0.0), 6))

    def figures(self, of: str, start: Instant, end: Instant) -> EnergyFigures:
        """What a run over that time is told, of the same store."""
        curve = self.facts.curve if of == "primary" else self.facts.fallback_curve
        if curve is None:
            return EnergyFigures()
        look = curve.look(self.history, Span(start, end), decided=True)
        return window_energy(look, start, end)

    @property
    def facts(self) -> NodeFacts:
        return NodeFacts(
            "pi-1",
            self.supplies.primary,
            1.0,
            GAP_SECONDS,
            fallback=self.supplies.fallback,
            intervals={name: description.interval_seconds for name, description in DESCRIPTIONS.items()},
            counter_limits=self.account.counter_limits,
            open_gap_since=self.account.stalled_since,
        )

    def _begin(self) -> None:
        self.account = Account(
            Counters(self.counters),
            DESCRIPTIONS.values(),
            primary=self.supplies.primary,
            fallback=self.supplies.fallback,
            gap_seconds=GAP_SECONDS,
        )
        self.account.restore(self.last_batches, self._covered_until(), self._past())

    def _past(self) -> Past:
        intervals = {name: description.interval_seconds for name, description in DESCRIPTIONS.items()}
        return waiting_past(self.history, self.clock, intervals, GAP_SECONDS, self.account.counter_limits)

    def _covered_until(self) -> dict[Channel, Instant]:
        """As `covered_until` of the daemon finds it in a real store."""
        now, ends = self.clock.now(), {}
        for batch in self.last_batches.values():
            for channel in (r.channel for r in batch.readings if r.channel.measures_energy):
                gaps = self.history.gaps(channel.id, Span(batch.at, now))
                later = [gap.end for gap in gaps if gap.end.boot_seconds > batch.at.boot_seconds]
                if later:
                    ends[channel] = max(later, key=lambda end: end.boot_seconds)
        return ends
