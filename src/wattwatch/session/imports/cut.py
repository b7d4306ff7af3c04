"""`wattwatch runs add`: a run is cut out of imported readings, and is a run like any other."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Final

from wattwatch.client import xdg_state_directory
from wattwatch.clock import rfc3339
from wattwatch.errors import RunError
from wattwatch.runs.archive import Archive
from wattwatch.runs.choice import RunChoice
from wattwatch.runs.evaluate import Evaluator
from wattwatch.runs.figures import NodeFacts
from wattwatch.runs.keeper import Keeper
from wattwatch.runs.labels import IMPORT
from wattwatch.runs.ledger import Ledger
from wattwatch.runs.run import RunConflict, RunRequest, RunState, UlidMaker, check_phase
from wattwatch.runs.service import RunService
from wattwatch.sampling.snapshot import Primary
from wattwatch.session.imports.library import ImportedLog, Library, StillClock
from wattwatch.session.imports.take import utc_seconds_of
from wattwatch.session.runs import local_ledger
from wattwatch.store.local import LocalStore

_MOST_PHASES: Final = 1000
_MOST_LISTED: Final = 10_000
_LATER_SECONDS: Final = 7200.0  # than the last reading: by then every gap is settled


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A phase, and its edges in UTC seconds."""

    name: str
    start_utc_seconds: float
    end_utc_seconds: float


@dataclass(frozen=True, slots=True)
class WantedCut:
    """Which part of a node's imported readings is a run, and what it is called."""

    node: str
    start_utc_seconds: float
    end_utc_seconds: float
    name: str = ""
    experiment: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    phases: tuple[PhaseSpan, ...] = ()
    run_id: str = ""
    import_id: str = ""

    def checked(self) -> "WantedCut":
        """This, its phases in order; RunError if edges contradict each other."""
        if self.end_utc_seconds <= self.start_utc_seconds:
            raise RunError("--end: it must come after --start")
        if len(self.phases) > _MOST_PHASES:
            raise RunError(f"--phase: at most {_MOST_PHASES}, got {len(self.phases)}")
        self.request("").checked()
        phases = sorted(self.phases, key=lambda phase: phase.start_utc_seconds)
        for phase in phases:
            check_phase(phase.name)
            if phase.end_utc_seconds <= phase.start_utc_seconds:
                raise RunError(f"--phase {phase.name}: its end must come after its start")
            inside = self.start_utc_seconds <= phase.start_utc_seconds
            if not inside or phase.end_utc_seconds > self.end_utc_seconds:
                raise RunError(f"--phase {phase.name}: it is not within --start and --end")
        for one, other in pairwise(phases):
            if one.end_utc_seconds > other.start_utc_seconds:
                raise RunError(f"--phase: {one.name} and {other.name} overlap")
        return replace(self, phases=tuple(phases))

    def request(self, import_id: str, name: str = "") -> RunRequest:
        """What is said of the run when it is opened."""
        labels = {**self.labels, IMPORT: import_id}
        return RunRequest(self.run_id, self.name or name, self.experiment, labels=labels)


def phase_span(text: str, time_zone: str = "") -> PhaseSpan:
    """The phase in `NAME=START..END`; RunError for anything else, ImportRefused for what is no instant."""
    name, equals, edges = text.partition("=")
    start, dots, end = edges.partition("..")
    if not (name and equals and dots):
        raise RunError(f"--phase {text[:60]!r}: expected NAME=START..END")
    edges_utc_seconds = [utc_seconds_of(edge, f"--phase {name}", time_zone) for edge in (start, end)]
    return PhaseSpan(name, *edges_utc_seconds)


def add_run(wanted: WantedCut, environment: Mapping[str, str]) -> dict[str, Any]:
    """Add a run of imported readings to the user's ledger; its document.

    RunError if nothing was read in that time, several imports have it, or a name is not allowed; StoreError.
    """
    wanted = wanted.checked()
    library = Library(xdg_state_directory(environment))
    log = _log(wanted, library)
    end_utc_seconds = max(wanted.end_utc_seconds, log.last_utc_seconds)
    clock = StillClock(log.instant(end_utc_seconds + _LATER_SECONDS), log.offset)
    store = library.open(log, clock)
    try:
        facts = _facts(log)
        _check_covered(wanted, log, store, facts)
        with _service(environment, store, clock, facts) as service:
            _check_new(wanted, log, service)
            return _added(wanted, log, service)
    finally:
        store.close()


def _log(wanted: WantedCut, library: Library) -> ImportedLog:
    node, known = wanted.node, library.logs()
    fitting = library.covering(node, wanted.start_utc_seconds, wanted.end_utc_seconds)
    if wanted.import_id:
        fitting = [log for log in fitting if log.import_id.startswith(wanted.import_id)]
    if not fitting:
        spans = [
            f"{rfc3339(log.first_utc_seconds)} to {rfc3339(log.last_utc_seconds)}"
            for log in known
            if log.measured.node == node
        ]
        have = f"there is {'; '.join(spans)}" if spans else "wattwatch import FILE --node … brings some"
        raise RunError(f"no imported readings of {node!r} in that time: {have}")
    if len(fitting) > 1:
        ids = ", ".join(f"{log.import_id} ({', '.join(log.files)})" for log in fitting)
        raise RunError(f"several imports have a part of that time: {ids}: name one by --import")
    if _begins_too_late(fitting[0], wanted):
        raise RunError(f"--start: the readings begin at {rfc3339(fitting[0].first_utc_seconds)}, days later")
    return fitting[0]


def _begins_too_late(log: ImportedLog, wanted: WantedCut) -> bool:
    # The boot that is made up for the readings has a beginning.
    return log.instant(wanted.start_utc_seconds).boot_seconds < 0


def _facts(log: ImportedLog) -> NodeFacts:
    return NodeFacts(log.measured.node, Primary.of(log.power), log.interval_seconds, log.gap_seconds)


def _check_covered(wanted: WantedCut, log: ImportedLog, store: LocalStore, facts: NodeFacts) -> None:
    start, end = log.instant(wanted.start_utc_seconds), log.instant(wanted.end_utc_seconds)
    energy, _ = Evaluator(store).between(start, end, facts)
    if not energy.covered_seconds:
        raise RunError("not a second of that time is covered by readings: nothing was added")


def _check_new(wanted: WantedCut, log: ImportedLog, service: RunService) -> None:
    """RunConflict for a cut that is a run already: it would count as a repetition, and be none."""
    if wanted.run_id:
        return
    edges = (rfc3339(wanted.start_utc_seconds), rfc3339(wanted.end_utc_seconds))
    for known in service.list(_MOST_LISTED, RunChoice(labels={IMPORT: log.import_id})):
        if (known["started_at"], known["ended_at"]) == edges:
            raise RunConflict(
                f"this is run {known['run_id']} already: another --run-id adds it once more, "
                "which is no repetition"
            )


@contextmanager
def _service(
    environment: Mapping[str, str], store: LocalStore, clock: StillClock, facts: NodeFacts
) -> Iterator[RunService]:
    """The service that measures runs, on the readings of a log as they were."""
    path = local_ledger(environment)
    now = clock.now()
    new_id = UlidMaker(lambda: now.boot_seconds + clock.wall().unix_minus_boot_seconds)
    keeper = Keeper(path.parent, new_id())
    service = RunService(Ledger(path), store, clock, facts, keeper=keeper, archive=Archive.beside(path))
    try:
        yield service
    finally:
        service.close()


def _added(wanted: WantedCut, log: ImportedLog, service: RunService) -> dict[str, Any]:
    request = wanted.request(log.import_id, log.files[0])
    run_id = service.start(request, service.stamp(log.instant(wanted.start_utc_seconds))).run.run_id
    for phase in wanted.phases:
        service.open_phase(run_id, phase.name, service.stamp(log.instant(phase.start_utc_seconds)))
        service.close_phase(run_id, service.stamp(log.instant(phase.end_utc_seconds)))
    service.end(run_id, RunState.SUCCEEDED, None, service.stamp(log.instant(wanted.end_utc_seconds)))
    return service.get(run_id)
