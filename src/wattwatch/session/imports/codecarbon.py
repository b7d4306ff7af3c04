"""CodeCarbon's emissions.csv: every row is a run already, by a model of the machine, and becomes a run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.clock import Clock, SystemClock
from wattwatch.errors import RunError
from wattwatch.reading import Channel, Instant, Kind
from wattwatch.runs.document import RunTimes, run_document
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.events import Event, EventKind, fold_run
from wattwatch.runs.figures import Figures, NodeFacts, RunFigures
from wattwatch.runs.local import LocalRuns
from wattwatch.runs.run import UNTAGGED, Completeness, Run, RunRequest, RunState, Stamp
from wattwatch.sampling.snapshot import Primary
from wattwatch.session.imports.quantities import ENERGY
from wattwatch.session.imports.readings import LogReader, total_left_out
from wattwatch.session.imports.table import ImportRefused
from wattwatch.session.imports.values import ImportProblem, number_of, shown
from wattwatch.session.imports.writing import Measured
from wattwatch.session.imports.zones import TimeReader
from wattwatch.session.runs import local_ledger

SOURCE: Final = "codecarbon"

_JOULES_PER_KILOWATT_HOUR: Final = 3.6e6
_SAME_SECONDS: Final = 1.0
_NOT_OF_AN_ID: Final = re.compile(r"[^A-Za-z0-9._-]+")
_WARNING: Final = (
    "CodeCarbon's figure: CPU, GPU and RAM, each by a sensor where it found one, else by its maximum power; "
    "not compared with what was metered elsewhere without that in mind"
)
_OPENED: Final[Mapping[str, Any]] = {
    "experiment": "",
    "phase": "",
    "command": "",
    "hold": False,
    "armed": False,
    "token_hash": "",
    "keeper": "",
}


@dataclass(frozen=True, slots=True)
class TakenRuns:
    """Runs that were imported, and those that were here already."""

    new: tuple[str, ...]
    known: tuple[str, ...]
    measured: Measured
    left_out: Mapping[str, int]  # rows that became no runs, by cause
    otherwise: tuple[str, ...] = ()  # of the known: those of another node, or of another time

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "new": list(self.new),
            "known": list(self.known),
            "known_otherwise": list(self.otherwise),
            "left_out": dict(self.left_out),
        }

    def lines(self) -> list[str]:
        """For people."""
        known = f", {len(self.known)} known already" if self.known else ""
        origin = f"{self.measured.quality}, {self.measured.scope}: {SOURCE}"
        other = (
            f"  note: {len(self.otherwise)} of those known are of another node or time, and stay so: "
            f"delete them first (wattwatch runs delete {self.otherwise[0]} …)"
            if self.otherwise
            else ""
        )
        return [
            f"imported: {len(self.new)} runs of {self.measured.node} ({origin}){known}",
            *(f"  {count} rows left out: {cause}" for cause, count in self.left_out.items()),
            *([other] if other else []),
            "  next: wattwatch runs list",
        ]


@dataclass(frozen=True, slots=True)
class _ModelledRun:
    run_id: str
    name: str
    end_utc_seconds: float
    duration_seconds: float
    joules: float
    warnings: tuple[str, ...]
    labels: Mapping[str, str]


def take_runs(
    readers: Sequence[LogReader],
    measured: Measured,
    environment: Mapping[str, str],
    clock: Clock | None = None,
) -> TakenRuns:
    """Make runs of the rows, all or with ImportRefused none; a run that is here already stays as it is.

    A tracker that is asked in between writes a row each time, with the sum so far: the last row counts.
    """
    runs = LocalRuns(local_ledger(environment), clock or SystemClock())
    found: dict[str, _ModelledRun] = {}
    rows = 0
    for reader in readers:
        for row in _modelled(reader):
            before = found.get(row.run_id)
            found[row.run_id] = row if before is None or row.joules >= before.joules else before
            rows += 1
    if not found:
        raise ImportRefused(f"{readers[0].log.path}: no runs in it; nothing was imported")
    known = {run_id: events for run_id in found if (events := runs.events(run_id))}
    new = {run_id: _events(row, measured) for run_id, row in found.items() if run_id not in known}
    if new:
        runs.append(event for events in new.values() for event in events)
    otherwise = (run_id for run_id, of in known.items() if not _is_alike(of, found[run_id], measured.node))
    superseded = {"a later row is of the same run": rows - len(found)} if rows > len(found) else {}
    left_out = superseded | total_left_out(readers).causes()
    return TakenRuns(tuple(new), tuple(known), measured, left_out, tuple(otherwise))


def _is_alike(known: list[Event], row: _ModelledRun, node: str) -> bool:
    """Whether a run that is here already is of the node, and ended when the row says."""
    run = fold_run(known)
    if run is None or run.node != node or run.end is None:
        return False
    return abs(run.end.utc_seconds - row.end_utc_seconds) < _SAME_SECONDS


def _modelled(reader: LogReader) -> Iterator[_ModelledRun]:
    layout = reader.layout
    places = {name: layout.names.index(name) for name in layout.names}
    times = reader.time_reader()
    with reader.named():
        for row in reader.rows():
            try:
                yield _of_row({name: row.cell(place) for name, place in places.items()}, times)
            except (ImportProblem, RunError) as problem:
                raise ImportProblem(f"line {row.line}: {problem}") from problem


def _of_row(cells: Mapping[str, str], times: TimeReader) -> _ModelledRun:
    seconds, kilowatt_hours = (number_of(cells[name], ".") for name in ("duration", "energy_consumed"))
    if seconds <= 0 or kilowatt_hours < 0:
        raise ImportProblem("a duration of nothing, or an energy below 0")
    ends = times.utc_seconds(cells["timestamp"])
    if len(ends) > 1:
        raise ImportProblem(
            f"{shown(cells['timestamp'])} was twice, when summer time ended: "
            "pass the clock's own offset, such as --time-zone +02:00"
        )
    name = cells.get("project_name", "")
    # Older files have no run_id: there, every run had an experiment_id of its own.
    wanted = cells.get("run_id") or cells.get("experiment_id") or f"{name}-{ends[0]:.0f}"
    run_id = _NOT_OF_AN_ID.sub("-", wanted).strip("-._") or f"{SOURCE}-{ends[0]:.0f}"
    labels = {"tool": SOURCE, **_version(cells)}
    RunRequest(run_id, name, labels=labels).checked()
    joules = kilowatt_hours * _JOULES_PER_KILOWATT_HOUR
    return _ModelledRun(run_id, name, ends[0], seconds, joules, tuple(_warnings(cells)), labels)


def _version(cells: Mapping[str, str]) -> dict[str, str]:
    version = cells.get("codecarbon_version", "")
    return {"codecarbon": version} if version else {}


def _warnings(cells: Mapping[str, str]) -> Iterator[str]:
    yield _WARNING
    if cells.get("tracking_mode") == "process":
        yield "CodeCarbon tracked the process only: this is a share of the machine's energy, not the whole"
    try:
        effectiveness = number_of(cells.get("pue") or "1", ".")
    except ImportProblem:
        return
    if effectiveness != 1:
        yield f"CodeCarbon was given a power usage effectiveness of {effectiveness:g}: energy may have it"


def _events(row: _ModelledRun, measured: Measured) -> list[Event]:
    """The events of a run that another program measured: opened, one window, ended, and its result."""
    boot_id = f"import-{row.run_id}"
    start = Stamp(Instant(boot_id, 0.0), row.end_utc_seconds - row.duration_seconds)
    end = Stamp(Instant(boot_id, round(row.duration_seconds, 6)), row.end_utc_seconds)
    window_id = f"{row.run_id}-w"
    opened = {**_OPENED, "node": measured.node, "name": row.name, "labels": dict(row.labels)}
    window = {"window_id": window_id, "node": measured.node, "phase": "", "opening": window_id, "outer": []}
    ended = {"state": RunState.SUCCEEDED.value, "exit_status": None, "start": None}
    kinds: tuple[tuple[EventKind, Stamp, Mapping[str, Any]], ...] = (
        (EventKind.RUN_OPENED, start, opened),
        (EventKind.WINDOW_OPENED, start, window),
        (EventKind.WINDOW_CLOSED, end, {"window_id": window_id}),
        (EventKind.RUN_ENDED, end, ended),
    )
    events = [
        Event(f"{row.run_id}-{number}", row.run_id, kind, stamp, data)
        for number, (kind, stamp, data) in enumerate(kinds)
    ]
    result = _document(fold_run(events), row, measured)
    return [*events, Event(f"{row.run_id}-{len(kinds)}", row.run_id, EventKind.RESULT, end, result)]


def _document(run: Run | None, row: _ModelledRun, measured: Measured) -> dict[str, Any]:
    assert run is not None  # noqa: S101 - its opening is the first of its events
    times = RunTimes(row.end_utc_seconds - row.duration_seconds, row.end_utc_seconds, row.duration_seconds)
    document = run_document(run, times, _figures(row), _facts(measured), Completeness.FINAL)
    unsure = {"edge_uncertainty_joules": None, "gap_doubt_joules": None}  # nobody says how good a model is
    told = {key: [{**of_node, **unsure} for of_node in document[key]] for key in ("nodes", "phases")}
    return {**document, **told, "warnings": list(row.warnings)}


def _figures(row: _ModelledRun) -> RunFigures:
    energy = EnergyFigures(row.joules, sampled_microseconds=round(row.duration_seconds * 1e6))
    whole = Figures(energy)
    return RunFigures(whole, {UNTAGGED: whole})


def _facts(measured: Measured) -> NodeFacts:
    channel = Channel(SOURCE, "machine", ENERGY, Kind.COUNTER, measured.scope, measured.quality)
    return NodeFacts(measured.node, Primary.of(channel))
