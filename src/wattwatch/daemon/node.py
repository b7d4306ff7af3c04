"""The node daemon as an assembly: sources, account, store, runs, web, in the order of the flow."""

import logging
import os
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Self

from wattwatch import metrics
from wattwatch.clock import Clock
from wattwatch.config.paths import runtime_socket, state_directory
from wattwatch.config.settings import Settings
from wattwatch.daemon.books import Books, Plan
from wattwatch.daemon.committer import Committer
from wattwatch.daemon.reload import SourceChanges, check_reloadable, same_relays, source_changes
from wattwatch.errors import ConfigError
from wattwatch.exposition.samples import this_machine
from wattwatch.reading import Instant
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.service import RunService, open_run_service
from wattwatch.sampling.sampler import Sampler
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.sources import open_source
from wattwatch.sources.base import (
    CoolingSpec,
    HostSpec,
    HwmonSpec,
    NvmlSpec,
    PiSpec,
    PowercapSpec,
    PowerSupplySpec,
    Resumable,
    SelfSpec,
    Source,
    SourceSpec,
    ThermalSpec,
)
from wattwatch.store.local import LocalStore, StoreLimits
from wattwatch.web.runs import run_routes
from wattwatch.web.server import WebServer
from wattwatch.web.v1 import read_routes
from wattwatch.web.view import NodeView

logger = logging.getLogger("wattwatch.daemon")

STORE_NAME: Final = "wattwatch.db"
LEDGER_NAME: Final = "ledger.db"
_DISCOVERED: Final[tuple[SourceSpec, ...]] = (
    ThermalSpec(),
    CoolingSpec(),
    PowercapSpec(),
    HwmonSpec(),
    PowerSupplySpec(),
    PiSpec(),
    NvmlSpec(),
    HostSpec(),
)


@dataclass(frozen=True, slots=True)
class Places:
    """Where a node keeps its state and listens."""

    store: Path
    ledger: Path
    socket: Path

    @classmethod
    def of(cls, settings: Settings, environment: Mapping[str, str]) -> Self:
        """The places that the settings name, else those of the environment."""
        store = settings.store.path or state_directory(environment) / STORE_NAME
        socket = settings.server.socket or runtime_socket(environment)
        return cls(store, store.with_name(LEDGER_NAME), socket)


def all_specs(settings: Settings) -> tuple[SourceSpec, ...]:
    """The configured sources, what discovery adds, and this process itself."""
    if not settings.discover:
        return (*settings.sources, SelfSpec())
    # By class: rapl and powercap are two words for one thing, which would else be read twice.
    types = {type(spec) for spec in settings.sources}
    looked_for = [spec for spec in _DISCOVERED if type(spec) not in types]
    names = {spec.name: spec for spec in settings.sources}
    for spec in looked_for:
        if namesake := names.get(spec.name):
            logger.warning(
                "source %r (%s) has the name of what would be found (%s) and is now left out: "
                "give yours another name",
                namesake.name,
                namesake.type,
                spec.type,
            )
    return (*settings.sources, *(spec for spec in looked_for if spec.name not in names), SelfSpec())


class Node:
    """One measured computer. `start` opens everything or nothing; `stop` leaves all in order.

    `local_ledger` is a ledger that other processes share, for measuring inside a command's own process.
    Construction checks the settings: ConfigError.
    """

    def __init__(self, settings: Settings, clock: Clock, *, local_ledger: Path | None = None) -> None:
        self._settings = settings
        self._clock = clock
        self._places = Places.of(settings, os.environ)
        self._local_ledger = local_ledger
        self._specs = all_specs(settings)
        self._simulated = any(spec.simulated for spec in self._specs)
        if self._simulated and settings.store.path is None:
            raise ConfigError(
                "a simulated source would mix with measured readings: set [store] path to a file of its own, "
                "or use `wattwatch daemon --simulate`"
            )
        self._undo = ExitStack()
        self._web: WebServer | None = None
        self._started: _Parts | None = None

    @property
    def socket_path(self) -> Path:
        """The Unix socket that it serves."""
        return self._places.socket

    @property
    def address(self) -> str:
        """HOST:PORT of TCP, empty without it or before `start`."""
        return "" if self._web is None else self._web.address

    @property
    def url(self) -> str:
        """Where people look, with http or https; empty without TCP or before `start`."""
        return "" if self._web is None else self._web.url

    @property
    def last_snapshot(self) -> Snapshot:
        """What was committed last, or some seconds before."""
        return self._parts.committer.last_snapshot

    @property
    def commits(self) -> int:
        """How many commits were made; if it stands still, the committing thread is stuck."""
        return self._parts.committer.commits

    @property
    def open_runs(self) -> int:
        """How many runs go on."""
        samples = self._parts.runs.samples()
        return len({sample.labels[0] for sample in samples if sample.spec is metrics.RUN_ACTIVE})

    @property
    def _parts(self) -> "_Parts":
        if self._started is None:
            raise RuntimeError("the node is not started")
        return self._started

    @property
    def store_path(self) -> Path:
        """The file of the readings."""
        return self._places.store

    def start(self) -> None:
        """Open the store, read the sources, serve. ConfigError, StoreError or MissingExtra in one line."""
        with ExitStack() as undo:
            self._assemble(undo)
            self._undo = undo.pop_all()

    def stop(self) -> None:
        """Stop sources, commit, end the rest; harmless when called twice."""
        self._undo.close()

    def reload(self, settings: Settings) -> str:
        """Go on with other settings; says what has changed. Sources that stay as they are keep their links.

        ConfigError or MissingExtra, in one line, if that cannot be: then everything is as before.
        """
        parts = self._parts
        check_reloadable(self._settings, settings)
        specs = all_specs(settings)
        changes = source_changes(self._specs, specs)
        come = [open_source(spec, self._clock) for spec in changes.come]
        known = parts.sampler.descriptions() | {
            source.description.name: source.description for source in come
        }
        plan = Plan(settings, specs, [known[spec.name] for spec in specs])
        self._check_open_runs(parts.books.primary, plan.supplies.primary)
        # Nothing is refused from here on.
        said = _what_changes(changes, parts.books.primary, plan.supplies.primary)
        again = same_relays(self._specs, changes.come)
        self._settings, self._specs = settings, specs
        parts.sampler.remove(changes.gone)
        parts.committer.between_commits(lambda: parts.books.go_on_with(plan))
        _resume((s for s in come if s.description.name in again), _last_reads(parts.committer.last_snapshot))
        parts.store.set_limits(_limits(settings))
        parts.sampler.add(come)
        return said

    def _check_open_runs(self, before: Primary | None, after: Primary | None) -> None:
        """An open run is read anew from another primary: its counters may fall if the labels are one."""
        alike = before is not None and after is not None and before.labels == after.labels
        if alike and before != after and (runs := self.open_runs):
            raise ConfigError(
                f"primary: {_channel(after)} instead of {_channel(before)}, while {runs} runs are measured "
                "under the same scope and quality: end them first, then read the configuration again"
            )

    def _assemble(self, undo: ExitStack) -> None:
        """Open from the bottom up; `undo` closes from the top down."""
        settings, clock = self._settings, self._clock
        sources = [open_source(spec, clock) for spec in self._specs]
        plan = Plan(settings, self._specs, [source.description for source in sources])
        store = self._open_store()
        undo.callback(store.close)
        books = Books(plan, store, clock, simulated=self._simulated)
        last_commit = store.restored.last_commit
        runs = self._open_runs(store, books.facts(last_commit))
        undo.callback(runs.close)
        books.on_change(lambda facts: runs.update_facts(replace(facts, last_commit=last_commit)))
        committer = Committer(books.accounts, store, clock, books.snapshot, books.look_again)
        self._web = self._open_web(committer, store, runs)
        self._web.start()
        undo.callback(self._web.stop)
        committer.start()
        undo.callback(committer.stop)
        ticker = _Ticker(runs)
        ticker.start()
        committer.also(ticker.wake)
        undo.callback(ticker.stop)
        _resume(sources, {name: batch.at for name, batch in store.restored.last_batches.items()})
        sampler = Sampler(sources, clock, committer.deliver)
        sampler.start()
        undo.callback(sampler.stop)
        committer.also(sampler.look_after)
        self._started = _Parts(store, books, runs, committer, sampler)

    def _open_store(self) -> LocalStore:
        return LocalStore.open(
            self._places.store,
            boot_id=self._clock.now().boot_id,
            limits=_limits(self._settings),
            simulated=self._simulated,
            clock=self._clock,
        )

    def _open_runs(self, store: LocalStore, facts: NodeFacts) -> RunService:
        if self._local_ledger is not None:
            self._local_ledger.parent.mkdir(parents=True, exist_ok=True)
            return open_run_service(self._local_ledger, store, self._clock, facts, shared=True)
        return open_run_service(self._places.ledger, store, self._clock, facts)

    def _open_web(self, committer: Committer, store: LocalStore, runs: RunService) -> WebServer:
        view = NodeView(
            committer.commit,
            store,
            store.health,
            runs.samples,
            this_machine(),
            known_run=runs.known,
            gap_seconds=lambda: self._settings.sampling.gap_seconds,  # a reload may bring another
        )
        return WebServer(
            [*read_routes(view), *run_routes(runs)],
            listen=self._settings.server.listen,
            socket_path=self._places.socket,
            token_file=self._settings.server.token_file,
            web_config=self._settings.server.web_config,
        )


def _resume(sources: Iterable[Source], last: Mapping[str, Instant]) -> None:
    """Tell the sources that can go on where they were read last where that was."""
    for source in sources:
        at = last.get(source.description.name)
        if at is not None and isinstance(source, Resumable):
            source.resume(at)


def _last_reads(snapshot: Snapshot) -> dict[str, Instant]:
    """When each source was read last in this boot."""
    every = (status for part in snapshot.everywhere() for status in part.sources)
    reads = {status.description.name: status.health.last_success for status in every}
    return {name: at for name, at in reads.items() if at is not None and at.boot_id == snapshot.at.boot_id}


@dataclass(frozen=True, slots=True)
class _Parts:
    """What is running."""

    store: LocalStore
    books: Books
    runs: RunService
    committer: Committer
    sampler: Sampler


def _limits(settings: Settings) -> StoreLimits:
    store = settings.store
    return StoreLimits(store.retention_seconds, store.max_bytes, store.sync_seconds)


def _channel(primary: Primary | None) -> str:
    return "none" if primary is None else primary.channel_id


def _what_changes(changes: SourceChanges, before: Primary | None, after: Primary | None) -> str:
    """For people: which sources end and begin, and what stands for the node from now on."""
    come = ", ".join(spec.name for spec in changes.come) or "none"
    said = f"sources ended: {', '.join(changes.gone) or 'none'}; begun: {come}"
    if before == after:
        return said
    old, new = _channel(before), _channel(after)
    return f"{said}; primary: {new}, was {old}: runs that are open are read off the new one"


class _Ticker:
    """Ticks the runs in a thread of its own: a long run read anew must not hold up a commit."""

    def __init__(self, runs: RunService) -> None:
        self._runs = runs
        self._woken = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="runs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Tick now, if there is anything to do; from any thread."""
        if self._runs.has_work:
            self._woken.set()

    def stop(self) -> None:
        self._stopping = True
        self._woken.set()
        self._thread.join()

    def _run(self) -> None:
        while self._woken.wait() and not self._stopping:
            self._woken.clear()
            self._runs.tick()
