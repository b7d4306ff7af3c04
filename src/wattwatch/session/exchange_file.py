"""Runs in a file, from one machine to another: JSON lines with a header, events, curves, and an end.

Events are the ledger's own, results included, so that a run means the same on every machine. The last line
tells how many there are: a file that was cut off is refused. Importing twice changes nothing.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from wattwatch import __version__
from wattwatch.clock import Clock, rfc3339
from wattwatch.errors import RunError
from wattwatch.runs.archive import Archive, Series
from wattwatch.runs.choice import RunChoice
from wattwatch.runs.events import Event, EventKind, fold_run
from wattwatch.runs.exchange import checked_event, event_document, provisional_result
from wattwatch.runs.run import Run, RunConflict, RunState
from wattwatch.session.curves import CurveReader
from wattwatch.session.runs import MOST_LISTED, Runs

FORMAT: Final = "wattwatch runs"
VERSION: Final = 1

_LINE_BYTES: Final = 64 * 2**20
_WRONG: Final = (KeyError, TypeError, ValueError, AttributeError)

Line = tuple[int, dict[str, Any]]
"""The number of a line, and its JSON object."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written; runs that were left out were still open."""

    run_ids: tuple[str, ...]
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedExport:
    """Which runs: those named, those of an experiment, or all."""

    runs: Sequence[str] = ()
    experiment: str = ""
    everything: bool = False

    def find(self, runs: Runs) -> Exported:
        """The ids of these runs; RunConflict if one that was named is open, RunError if there is none."""
        named = runs.ids(self.runs)
        for run_id in named:
            if runs.find(run_id)["state"] == RunState.RUNNING:
                raise RunConflict(f"run {run_id} is still open: export it when it has ended")
        listed: list[dict[str, Any]] = []
        if self.experiment or self.everything:
            listed = runs.newest(MOST_LISTED, RunChoice(experiment=self.experiment))
        is_open = {document["run_id"]: document["state"] == RunState.RUNNING for document in listed}
        ended = [run_id for run_id in reversed(is_open) if not is_open[run_id]]
        found = tuple(dict.fromkeys([*named, *ended]))
        if not found:
            raise RunError("no such runs that have ended: see wattwatch runs list")
        return Exported(found, tuple(run_id for run_id in is_open if is_open[run_id]))


def export_runs(
    wanted: WantedExport, runs: Runs, curves: CurveReader, clock: Clock, output: IO[str]
) -> Exported:
    """Write runs with all that is known of them; RunError, ClientError."""
    found = wanted.find(runs)
    lines = 1
    _write(output, _header(clock))
    for run_id in found.run_ids:
        for line in _lines_of(run_id, runs, curves):
            _write(output, line)
            lines += 1
    _write(output, {"end": {"lines": lines + 1}})
    return found


def export_to_file(
    wanted: WantedExport, runs: Runs, curves: CurveReader, clock: Clock, path: Path
) -> Exported:
    """The same into a file, which is there when it is whole; RunError if it cannot be written."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as output:
            found = export_runs(wanted, runs, curves, clock, output)
        unfinished.replace(path)
    except OSError as error:
        raise RunError(f"cannot write {path}: {error.strerror}; name another file by --output") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return found


def _header(clock: Clock) -> dict[str, Any]:
    utc_seconds = clock.now().boot_seconds + clock.wall().unix_minus_boot_seconds
    made = {"made_by": f"wattwatch {__version__}", "made_at": rfc3339(utc_seconds)}
    return {"format": FORMAT, "version": VERSION, **made}


def _lines_of(run_id: str, runs: Runs, curves: CurveReader) -> Iterator[dict[str, Any]]:
    document = runs.find(run_id)
    events = runs.events(run_id)
    if not any(event.kind is EventKind.RESULT for event in events) and document["nodes"]:
        events.append(provisional_result(events, _measured_here(document, events)))
    yield from ({"event": event_document(event)} for event in events)
    yield from ({"curve": {"run_id": run_id, **one.to_json()}} for one in curves.series(document))


def _measured_here(document: Mapping[str, Any], events: Iterable[Event]) -> dict[str, Any]:
    """The document without what its other nodes measured, which has events of its own."""
    others = {event.data["node"] for event in events if event.kind is EventKind.PART}
    kept = {
        key: [entry for entry in document[key] if entry["node"] not in others] for key in ("nodes", "phases")
    }
    return {key: value for key, value in {**document, **kept}.items() if key != "clocks"}


def _write(output: IO[str], document: Mapping[str, Any]) -> None:
    output.write(json.dumps(document, separators=(",", ":"), allow_nan=False) + "\n")


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of a file; `notes` are what a person should know."""

    new: tuple[str, ...]
    changed: tuple[str, ...]  # known already, but not all of their events
    known: tuple[str, ...]
    curves: int
    notes: tuple[str, ...]

    def lines(self) -> list[str]:
        """For people."""
        parts = ((self.new, "new"), (self.changed, "with more than was known"), (self.known, "known already"))
        said = ", ".join(f"{len(run_ids)} {word}" for run_ids, word in parts if run_ids) or "none"
        return [f"runs: {said}; curves: {self.curves}", *(f"note: {note}" for note in self.notes)]


@dataclass(slots=True)
class _Content:
    """The events of a file, by run, and the line of each run's first."""

    events: dict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    first_line: dict[str, int] = field(default_factory=dict)

    def add(self, number: int, event: Event) -> None:
        self.events[event.run_id].append(event)
        self.first_line.setdefault(event.run_id, number)


def import_runs(path: Path, runs: Runs) -> Imported:
    """Take the runs of a file into the user's own ledger: all of them, or with RunError none.

    The error names the line. What the ledger has already stays; both are put together by its fold.
    """
    content = _checked(path)
    before = {run_id: runs.local.events(run_id) for run_id in content.events}
    notes = list(_notes(content, before, runs))
    runs.local.append(event for events in content.events.values() for event in events)
    curves = _keep_curves(path, runs.local.archive, content)
    kinds: dict[str, list[str]] = {"new": [], "changed": [], "known": []}
    for run_id, events in content.events.items():
        ids = {event.event_id for event in before[run_id]}
        more = any(event.event_id not in ids for event in events)
        kinds["new" if not ids else "changed" if more else "known"].append(run_id)
    return Imported(tuple(kinds["new"]), tuple(kinds["changed"]), tuple(kinds["known"]), curves, tuple(notes))


def _checked(path: Path) -> _Content:
    """The events of a file of which every line was checked."""
    content = _Content()
    for number, line in _body(path):
        try:
            if "event" in line:
                content.add(number, checked_event(line["event"]))
            else:
                _check_curve(line["curve"], content)
        except RunError as error:
            raise RunError(f"{path}: line {number}: {error}; nothing was imported") from error
    return content


def _check_curve(curve: Any, content: _Content) -> None:
    Series.from_json(curve)
    if curve.get("run_id") not in content.events:
        raise RunError("a curve of a run that is not in the file before it")


def _notes(content: _Content, before: Mapping[str, Sequence[Event]], runs: Runs) -> Iterator[str]:
    """Look at every run as it will be; RunError for one that cannot be told, notes for what is odd."""
    for run_id, events in content.events.items():
        try:
            run = fold_run([*before[run_id], *events])
        except _WRONG as error:
            run, cause = None, f"its events make no run: {type(error).__name__}: {error}"
        else:
            cause = "its opening is missing" if run is None else "it is still open" if run.is_open else ""
        if run is None or cause:
            line = content.first_line[run_id]
            raise RunError(f"line {line}: run {run_id}: {cause}; nothing was imported")
        yield from _notes_of(run, events, before[run_id], runs)


def _notes_of(run: Run, events: Sequence[Event], before: Sequence[Event], runs: Runs) -> Iterator[str]:
    opened = _openings(events)
    if before and not opened <= _openings(before):
        yield (
            f"run {run.run_id}: another run of that id was here already: both are one now, "
            "as the one that was opened first says"
        )
    if run.deleted:
        yield f"run {run.run_id}: it was deleted here and stays so"
    there = runs.asked("GET", run.run_id, "/events")
    if there is not None and not opened <= _openings([checked_event(event) for event in there["events"]]):
        yield f"run {run.run_id}: the daemon has another run of that id, which is the one that is shown"


def _openings(events: Iterable[Event]) -> set[str]:
    return {event.event_id for event in events if event.kind is EventKind.RUN_OPENED}


def _keep_curves(path: Path, archive: Archive, content: _Content) -> int:
    """Keep the curves of a file that was checked; one that is kept already in more points stays."""
    count = 0
    curves = (line["curve"] for _, line in _body(path) if "curve" in line)
    for run_id, group in groupby(curves, key=lambda curve: curve["run_id"]):
        if run_id not in content.events:  # the file was changed meanwhile
            continue
        kept = {_key(one): _points(one) for one in archive.series(run_id)}
        series = [Series.from_json(curve) for curve in group]
        archive.keep(run_id, [one for one in series if _points(one) > kept.get(_key(one), 0)])
        count += len(series)
    return count


def _key(series: Series) -> tuple[str, ...]:
    return series.node, series.source, series.zone, series.quantity


def _points(series: Series) -> int:
    return sum(len(line) for line in series.lines)


def _body(path: Path) -> Iterator[Line]:
    """The lines between header and end; RunError for a file that is not ours, too new, or cut off."""
    try:
        with path.open("rb") as file:
            yield from _between_header_and_end(path, _lines(path, file))
    except OSError as error:
        raise RunError(f"cannot read {path}: {error.strerror}") from error


def _between_header_and_end(path: Path, lines: Iterator[Line]) -> Iterator[Line]:
    _check_header(path, next(lines, (1, {})))
    number = 1
    for number, line in lines:
        if "end" in line:
            if line["end"] != {"lines": number} or next(lines, None) is not None:
                raise RunError(f"{path}: line {number}: lines are missing or too many: copy the file again")
            return
        if "event" not in line and "curve" not in line:
            raise RunError(f"{path}: line {number}: neither an event nor a curve")
        yield number, line
    raise RunError(f"{path}: cut off after line {number}: copy the file again; nothing was imported")


def _check_header(path: Path, line: Line) -> None:
    header = line[1]
    if header.get("format") != FORMAT:
        raise RunError(f"{path}: line 1: not made by wattwatch runs export")
    version = header.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise RunError(f"{path}: line 1: format version {str(version)[:20]}: update this wattwatch")


def _lines(path: Path, file: IO[bytes]) -> Iterator[Line]:
    for number, raw in enumerate(iter(lambda: file.readline(_LINE_BYTES + 1), b""), 1):
        if len(raw) > _LINE_BYTES:
            raise RunError(f"{path}: line {number}: longer than {_LINE_BYTES} bytes")
        try:
            yield number, _object(raw)
        except (ValueError, TypeError, RecursionError) as error:
            raise RunError(f"{path}: line {number}: {error}; nothing was imported") from error


def _object(raw: bytes) -> dict[str, Any]:
    line = json.loads(raw, parse_constant=_refuse)
    if not isinstance(line, dict):
        raise TypeError("not a JSON object")
    return line


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")
