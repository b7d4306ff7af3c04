"""`wattwatch import`: a log of another program becomes readings that runs can be cut out of."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import Any, Final

from wattwatch.client import xdg_state_directory
from wattwatch.clock import rfc3339
from wattwatch.reading import Quality, Scope
from wattwatch.report.words import watts_text
from wattwatch.session.imports.codecarbon import TakenRuns, take_runs
from wattwatch.session.imports.layouts import Layout, LogFormat
from wattwatch.session.imports.library import ImportedLog, Library, NewImport, import_id_of
from wattwatch.session.imports.programs import layout_of
from wattwatch.session.imports.readings import LogReader, Reckoning, joined, total_left_out
from wattwatch.session.imports.table import DELIMITERS, ImportRefused, open_log
from wattwatch.session.imports.values import ImportProblem
from wattwatch.session.imports.writing import Measured
from wattwatch.session.imports.zones import TimeReader, zone_of
from wattwatch.units import text_from_seconds

FORMATS: Final = ("auto", *(known.value for known in LogFormat))

_INSTANT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}")
_NODE_CHARACTERS: Final = 253  # of a host's name (RFC 1035)


@dataclass(frozen=True, slots=True)
class WantedImport:
    """Which files, of which node, and how they are to be read; "" is found out, or refused."""

    files: tuple[Path, ...]
    node: str
    format: str = "auto"
    mapping: Mapping[str, str] = field(default_factory=dict)
    time_zone: str = ""
    date_order: str = ""
    decimal: str = ""
    delimiter: str = ""
    begin: str = ""
    scope: str = ""
    quality: str = ""

    def checked(self) -> "WantedImport":
        """This; ImportRefused for a node that cannot be one."""
        fits = all(c.isalnum() or c in "-._" for c in self.node) and self.node.isascii()
        if not fits or not 0 < len(self.node) <= _NODE_CHARACTERS:
            raise ImportRefused(f"--node {self.node[:40]!r}: letters, digits, -, . and _")
        return self

    def reckoning(self) -> Reckoning:
        """How texts become numbers and instants; ImportRefused for a zone or an instant that is none."""
        zone, begin = _zone(self.time_zone), self.begin
        begin_utc_seconds = utc_seconds_of(begin, "--begin", self.time_zone) if begin else None
        return Reckoning(zone, self.date_order, self.decimal, begin_utc_seconds)


@dataclass(frozen=True, slots=True)
class Taken:
    """What was imported, or was known already; `notes` are what a person should know."""

    log: ImportedLog
    is_new: bool
    notes: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """For `--json`."""
        return {**self.log.to_json(), "is_new": self.is_new, "notes": list(self.notes)}

    def lines(self) -> list[str]:
        """For people."""
        log, measured = self.log, self.log.measured
        seconds = log.last_utc_seconds - log.first_utc_seconds
        head = "imported" if self.is_new else "known already, nothing was changed"
        origin = f"{measured.quality}, {measured.scope}: {measured.source}"
        span = f"from {rfc3339(log.first_utc_seconds)} to {rfc3339(log.last_utc_seconds)}"
        every = f"every {log.interval_seconds:g} s, mean {watts_text(log.mean_watts)}"
        return [
            f"{head}: {log.readings} readings of {measured.node} ({origin}), import {log.import_id}",
            f"  {span}: {text_from_seconds(seconds)}, {every}",
            f"  {_gaps_text(log)}",
            *(
                f"  {count} of {log.rows} rows are no readings of their own: {cause}"
                for cause, count in log.left_out.items()
            ),
            *(f"  note: {note}" for note in self.notes),
            f"  next: wattwatch runs add --node {measured.node} --start TIME --end TIME",
        ]


def _gaps_text(log: ImportedLog) -> str:
    if not log.gaps:
        return "no gaps"
    return f"{log.gaps} gap{'s' * (log.gaps > 1)}, {text_from_seconds(log.missing_seconds)} missing"


def take_import(wanted: WantedImport, environment: Mapping[str, str]) -> Taken | TakenRuns:
    """Import files into the user's state directory; all of them, or with ImportRefused nothing.

    CodeCarbon's files are runs already, and become runs. StoreError if they cannot be kept.
    """
    reckoning = wanted.checked().reckoning()
    readers = [_reader(path, wanted, reckoning) for path in wanted.files]
    kinds = {reader.layout.format for reader in readers}
    if len(kinds) > 1:
        raise ImportRefused(f"logs of several programs ({', '.join(sorted(kinds))}): import them one by one")
    if kinds == {LogFormat.CODECARBON}:
        return take_runs(readers, _measured(wanted, readers[0].layout), environment)
    if len({(reader.layout.has_power, reader.layout.needed) for reader in readers}) > 1:
        raise ImportRefused("the columns of these logs are not the same ones: import them one by one")
    library = Library(xdg_state_directory(environment))
    new = _new_import(wanted, readers)
    known = library.known(new.import_id)
    log = known or library.keep(new, joined(readers))
    return Taken(log, is_new=known is None, notes=tuple(_overlaps(log, library)))


def _new_import(wanted: WantedImport, readers: Sequence[LogReader]) -> NewImport:
    layout = readers[0].layout
    measured = _measured(wanted, layout)
    options = (*sorted(wanted.mapping.items()), wanted.time_zone, wanted.date_order, wanted.decimal)
    import_id = import_id_of(wanted.files, measured, (*options, wanted.delimiter, wanted.begin))
    files = tuple(path.name for path in wanted.files)
    return NewImport(
        import_id, measured, files, not layout.has_power, lambda: total_left_out(readers).causes()
    )


def _reader(path: Path, wanted: WantedImport, reckoning: Reckoning) -> LogReader:
    log = open_log(path, DELIMITERS.get(wanted.delimiter, ""))
    head = log.head()
    try:
        layout = layout_of(head, wanted.format, wanted.mapping)
    except ImportRefused as error:
        raise ImportRefused(f"{path}: {error}") from error
    return LogReader(log, layout, reckoning)


def _measured(wanted: WantedImport, layout: Layout) -> Measured:
    scope = Scope(wanted.scope) if wanted.scope else layout.scope
    if scope is None:
        raise ImportRefused(
            "what does this power contain? pass --scope: "
            f"{', '.join(scope for scope in Scope if scope)} (board is all that flows into a computer)"
        )
    quality = Quality(wanted.quality) if wanted.quality else layout.quality or Quality.SENSOR
    return Measured(wanted.node, f"{layout.format}-log", scope, quality)


def _overlaps(log: ImportedLog, library: Library) -> Iterator[str]:
    """Other imports of the same time: of them a run is cut out of one that is named."""
    for other in library.covering(log.measured.node, log.first_utc_seconds, log.last_utc_seconds):
        if other.import_id != log.import_id:
            yield f"import {other.import_id} ({', '.join(other.files)}) has a part of the same time"


def _zone(name: str) -> tzinfo | None:
    try:
        return zone_of(name)
    except ImportProblem as error:
        raise ImportRefused(str(error)) from error


def utc_seconds_of(text: str, option: str, time_zone: str = "") -> float:
    """The UTC of an instant, in a zone unless it has its own; ImportRefused for anything else."""
    if not _INSTANT.match(text):
        raise ImportRefused(f"{option} {text[:40]!r}: expected such as 2026-03-01T12:00:00Z")
    try:
        found = TimeReader(zone=_zone(time_zone)).utc_seconds(text)
    except ImportProblem as error:
        raise ImportRefused(f"{option}: {error}") from error
    if len(found) > 1:
        raise ImportRefused(f"{option} {text[:40]!r} was twice, when summer time ended: write it with +01:00")
    return found[0]
