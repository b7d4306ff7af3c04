"""The books of a daemon over a real store: made-up meters of 1 W, reloads, restarts; no threads."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from support.clock import FakeClock
from wattwatch.config.settings import Settings
from wattwatch.daemon.books import Books, Plan
from wattwatch.daemon.committer import Committer
from wattwatch.errors import SourceUnavailable
from wattwatch.metrics import SeriesKey
from wattwatch.reading import Batch, Channel, Kind, MeterIdentity, Quality, Reading, Scope
from wattwatch.runs.figures import NodeFacts
from wattwatch.sampling.account import ReadFailure, ReadOutcome
from wattwatch.sampling.accounts import marked
from wattwatch.sampling.snapshot import Snapshot
from wattwatch.sources.base import SourceDescription, UmSpec
from wattwatch.store.base import Commit
from wattwatch.store.local import LocalStore, StoreLimits

NODE = "pi-1"
WATTS = 1.0


def settings(specs: Iterable[UmSpec], primary: Sequence[str] = (), gap_seconds: float = 3.0) -> Settings:
    plain = Settings(NODE, sources=tuple(specs), primary=tuple(primary), discover=False)
    return replace(plain, sampling=replace(plain.sampling, gap_seconds=gap_seconds))


def described(name: str, interval_seconds: float = 0.5, *, known: bool = True) -> SourceDescription:
    """A meter; one that is not `known` tells of its channels when it is read."""
    power = Channel(name, "vbus", "power_watts", Kind.POWER, Scope.BOARD, Quality.METERED)
    return SourceDescription(name, "um24c", interval_seconds, (power,) if known else ())


class _Watched:
    """The store, and what it was given."""

    def __init__(self, store: LocalStore) -> None:
        self.store = store
        self.commits: list[Commit] = []

    def append(self, commit: Commit) -> None:
        self.commits.append(commit)
        self.store.append(commit)


class Desk:
    """Books and a committer of one process after the other, over one store."""

    def __init__(self, directory: Path, now: Settings, unknown: Iterable[str] = ()) -> None:
        """The channels of the `unknown` sources are known once these are read."""
        self.clock = FakeClock()
        self.joules: dict[str, float] = {}
        self.kept: dict[SeriesKey, float] = {}  # what a restart would find of the counters
        self.facts: list[NodeFacts] = []
        self._path = directory / "wattwatch.db"
        self._settings = now
        self._unknown = set(unknown)
        self._store: _Watched | None = None
        self.begin()

    def begin(self) -> None:
        """A new process, after the death of the last one."""
        self.close()
        store = LocalStore.open(
            self._path, boot_id="boot-1", limits=StoreLimits(), simulated=False, clock=self.clock
        )
        self.watched = self._store = _Watched(store)
        self.kept = dict(store.restored.counters)
        self.books = Books(self._plan(), store, self.clock, simulated=False)
        self.facts = [self.books.facts(None)]
        self.books.on_change(self.facts.append)
        self.committer = Committer(
            self.books.accounts, self.watched, self.clock, self.books.snapshot, self.books.look_again
        )

    def close(self) -> None:
        if self._store is not None:
            self._store.store.close()
            self._store = None

    def reload(self, now: Settings) -> None:
        """As `Node.reload` does it: the books change after what was delivered before."""
        self._settings = now
        plan = self._plan()
        self.committer._inbox.append(lambda: self.books.go_on_with(plan))

    def read(self, name: str, interval_seconds: float = 0.5) -> None:
        """One reading of a source, if it is configured."""
        if name not in {spec.name for spec in self._settings.sources}:
            return
        at, description = self.clock.now(), described(name, interval_seconds)
        self._unknown.discard(name)
        watt_hours = int((at.boot_seconds - 1000.0) * WATTS / 3.6)
        readings = [Reading(description.channels[0], WATTS, at)]
        for quantity in ("energy_joules", "charge_coulombs"):
            channel = Channel(name, "group-0", quantity, Kind.ACCUMULATOR, quality=Quality.METERED)
            readings.append(Reading(channel, watt_hours * 3.6, at))
        batch = Batch(name, at, tuple(readings), MeterIdentity("UM24C", name, 0, 72.0))
        self.committer.deliver(ReadOutcome(description, batch, 0.0, 0.01))

    def fail(self, name: str) -> None:
        error = SourceUnavailable("no answer", "timeout")
        self.committer.deliver(ReadFailure(described(name), self.clock.now(), error))

    def commit(self) -> Snapshot:
        """Commit, and hold what is shown against what a restart would find."""
        begun = len(self.watched.commits)
        shown = self.committer.commit_now()
        for commit in self.watched.commits[begun:]:
            self.kept |= commit.counters
        for part in (shown, *shown.others):
            node = "" if part is shown else part.node
            for key, value in (marked(node, part.counters) if node else part.counters).items():
                assert self.kept.get(key) == value, f"{key} is shown but not committed"
        return shown

    def live(self, seconds: float, *names: str) -> Snapshot:
        """Read and commit each second for so long."""
        for _ in range(round(seconds)):
            self.clock.advance(1.0)
            for name in names:
                self.read(name)
            self.commit()
        return self.committer.last_snapshot

    def counter(self, metric: str, node: str = "") -> float:
        """All series of a counter of a node, "" for this one, as a restart would find them."""
        name = f"{node}:{metric}" if node else metric
        return sum(value for (key, _), value in self.kept.items() if key == name)

    def _plan(self) -> Plan:
        specs = self._settings.sources
        with suppress(AttributeError):
            known = self.books.accounts.all()
            self._unknown -= {
                s.description.name for a in known for s in a.sources() if s.description.channels
            }
        found = [described(s.name, known=s.name not in self._unknown) for s in specs]
        return Plan(self._settings, specs, found)
