"""CodeCarbon's emissions.csv: every row is a run already, by a model of the machine, and becomes a run."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.clock import Clock, SystemClock
from wattwatch.reading import Channel, Instant, Kind, Quality, Scope
from wattwatch.runs.document import RunTimes, run_document
from wattwatch.runs.energy import EnergyFigures
from wattwatch.runs.events import Event, EventKind, fold_run
from wattwatch.runs.figures import Figures, NodeFacts, RunFigures
from wattwatch.runs.local import LocalRuns
from wattwatch.runs.run import UNTAGGED, Completeness, RunRequest, RunState, Stamp
from wattwatch.sampling.snapshot import Primary
from wattwatch.session.imports.readings import LogReader
from wattwatch.session.imports.table import ImportRefused, Row
from wattwatch.session.imports.values import ImportProblem, Instants, number_of
from wattwatch.session.runs import local_ledger

SOURCE: Final = "codecarbon"

_JOULES_PER_KILOWATT_HOUR: Final = 3.6e6
_NOT_OF_A_NAME: Final = re.compile(r"[^A-Za-z0-9._-]+")
_WARNING: Final = (
    "CodeCarbon's figure: CPU, GPU and RAM, each by a sensor where it found one, else by its maximum power; "
    "not compared with what was metered elsewhere without that in mind"
)


@dataclass(frozen=True, slots=True)
class TakenRuns:
    """Runs that were imported, and those that were here already."""

    new: tuple[str, ...]
    known: tuple[str, ...]

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {"new": list(self.new), "known": list(self.known)}

    def lines(self) -> list[str]:
        """For people."""
        known = f", {len(self.known)} known already" if self.known else ""
        return [f"imported: {len(self.new)} runs (model){known}: see wattwatch runs list"]


@dataclass(frozen=True, slots=True)
class _ModelledRun:
    run_id: str
    name: str
    end_utc_seconds: float
    duration_seconds: float
    joules: float


def take_runs(
    readers: Sequence[LogReader],
    node: str,
    environment: Mapping[str, str],
    clock: Clock | None = None,
) -> TakenRuns:
    """Make runs of the rows, all or with ImportRefused none; a run that is here already stays as it is."""
    runs = LocalRuns(local_ledger(environment), clock or SystemClock())
    new: dict[str, list[Event]] = {}
    known: list[str] = []
    for reader in readers:
        for row in _modelled(reader):
            if runs.events(row.run_id):
                known.append(row.run_id)
            else:
                new[row.run_id] = _events(row, node)
    if not new and not known:
        raise ImportRefused(f"{readers[0].log.path}: no runs in it; nothing was imported")
    if new:
        runs.append(event for events in new.values() for event in events)
    return TakenRuns(tuple(new), tuple(known))


def _modelled(reader: LogReader) -> Iterator[_ModelledRun]:
    layout = reader.layout
    places = {name: layout.names.index(name) for name in layout.names}
    for row in reader.log.rows():
        if row.line <= layout.header_line:
            continue
        try:
            yield _of_row(row, places, reader)
        except ImportProblem as problem:
            raise ImportRefused(
                f"{reader.log.path}: line {row.line}: {problem}; nothing was imported"
            ) from problem


def _of_row(row: Row, places: Mapping[str, int], reader: LogReader) -> _ModelledRun:
    def text(name: str) -> str:
        return row.cell(places[name]) if name in places else ""

    instants = Instants(zone=reader.reckoning.zone)
    seconds, kilowatt_hours = (number_of(text(name), ".") for name in ("duration", "energy_consumed"))
    if seconds < 0 or kilowatt_hours < 0:
        raise ImportProblem("a duration or an energy below 0")
    end = instants.utc_seconds(text("timestamp"))
    wanted = text("run_id") or f"{text('project_name')}-{end:.0f}"
    run_id = _NOT_OF_A_NAME.sub("-", wanted).strip("-.") or f"codecarbon-{end:.0f}"
    RunRequest(run_id=run_id, name=text("project_name")).checked()
    return _ModelledRun(
        run_id, text("project_name"), end, seconds, kilowatt_hours * _JOULES_PER_KILOWATT_HOUR
    )


def _events(row: _ModelledRun, node: str) -> list[Event]:
    """The events of a run that another program measured: opened, one window, ended, and its result."""
    boot_id = f"import-{row.run_id}"
    start = Stamp(Instant(boot_id, 0.0), row.end_utc_seconds - row.duration_seconds)
    end = Stamp(Instant(boot_id, round(row.duration_seconds, 6)), row.end_utc_seconds)
    window_id = f"{row.run_id}-w"
    opened = {
        "node": node,
        "name": row.name,
        "experiment": "",
        "phase": "",
        "command": "",
        "labels": {"tool": SOURCE},
        "hold": False,
        "armed": False,
        "token_hash": "",
        "keeper": "",
    }
    window = {"window_id": window_id, "node": node, "phase": "", "opening": window_id, "outer": []}
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
    run = fold_run(events)
    assert run is not None  # noqa: S101 - its opening is the first of them
    document = run_document(
        run,
        RunTimes(start.utc_seconds, end.utc_seconds, row.duration_seconds),
        _figures(row),
        _facts(node),
        Completeness.FINAL,
    )
    unsure = {"edge_uncertainty_joules": None, "gap_doubt_joules": None}  # nobody says how good a model is
    told = {key: [{**of_node, **unsure} for of_node in document[key]] for key in ("nodes", "phases")}
    document = {**document, **told, "warnings": [_WARNING]}
    return [*events, Event(f"{row.run_id}-{len(kinds)}", row.run_id, EventKind.RESULT, end, document)]


def _figures(row: _ModelledRun) -> RunFigures:
    energy = EnergyFigures(row.joules, sampled_microseconds=round(row.duration_seconds * 1e6))
    whole = Figures(energy)
    return RunFigures(whole, {UNTAGGED: whole})


def _facts(node: str) -> NodeFacts:
    channel = Channel(SOURCE, "machine", "energy_joules", Kind.COUNTER, Scope.BOARD, Quality.MODEL)
    return NodeFacts(node, Primary.of(channel))
