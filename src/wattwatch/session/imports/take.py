"""`wattwatch import`: a log of another program becomes readings that runs can be cut out of."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wattwatch.client import xdg_state_directory
from wattwatch.clock import rfc3339
from wattwatch.reading import Quality, Scope
from wattwatch.report.words import watts_text
from wattwatch.session.imports.codecarbon import TakenRuns, take_runs
from wattwatch.session.imports.layouts import Layout, LogFormat, layout_of
from wattwatch.session.imports.library import ImportedLog, Library, Measured, import_id_of
from wattwatch.session.imports.readings import LogReader, Reckoning, joined, total_left_out
from wattwatch.session.imports.table import ImportRefused, open_log
from wattwatch.units import text_from_seconds

FORMATS: Final = ("auto", *(known.value for known in LogFormat))

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
        return Reckoning(_zone(self.time_zone), self.date_order, self.decimal, _begin(self.begin))


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
        log = self.log
        seconds = log.last_utc_seconds - log.first_utc_seconds
        head = "imported" if self.is_new else "known already, nothing was changed"
        measured = log.measured
        missing = f", of it {text_from_seconds(log.missing_seconds)} missing" if log.missing_seconds else ""
        origin = f"{measured.quality}, {measured.scope}: {measured.source}"
        span = f"from {rfc3339(log.first_utc_seconds)} to {rfc3339(log.last_utc_seconds)}"
        every = f"every {log.interval_seconds:g} s, mean {watts_text(log.mean_watts)}"
        return [
            f"{head}: {log.readings} readings of {measured.node} ({origin}), import {log.import_id}",
            f"  {span}: {text_from_seconds(seconds)}{missing}, {every}",
            *(f"  note: {note}" for note in self.notes),
            f"  next: wattwatch runs add --node {measured.node} --start TIME --end TIME",
        ]


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
        return take_runs(readers, wanted.node, environment)
    measured = _measured(wanted, readers[0].layout)
    library = Library(xdg_state_directory(environment))
    options = (wanted.mapping, wanted.time_zone, wanted.date_order, wanted.decimal, wanted.begin)
    import_id = import_id_of(wanted.files, measured, options)
    if known := library.known(import_id):
        return Taken(known, is_new=False)
    log = library.keep(import_id, measured, [path.name for path in wanted.files], joined(readers))
    return Taken(log, is_new=True, notes=tuple(_notes(log, library, readers)))


def _reader(path: Path, wanted: WantedImport, reckoning: Reckoning) -> LogReader:
    log = open_log(path)
    try:
        layout = layout_of(log.head(), wanted.format, wanted.mapping)
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


def _notes(log: ImportedLog, library: Library, readers: Sequence[LogReader]) -> Iterator[str]:
    yield from total_left_out(readers).lines()
    others = library.covering(log.measured.node, log.first_utc_seconds, log.last_utc_seconds)
    for other in others:
        if other.import_id != log.import_id:
            yield f"import {other.import_id} ({', '.join(other.files)}) has a part of the same time"


def _zone(name: str) -> ZoneInfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ImportRefused(
            f"--time-zone {name[:40]!r}: no such zone; such as Europe/Berlin, or UTC"
        ) from error


def _begin(text: str) -> float | None:
    return utc_seconds_of(text, "--begin") if text else None


def utc_seconds_of(text: str, option: str) -> float:
    """The UTC of an instant with a zone; ImportRefused for anything else."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ImportRefused(f"{option} {text[:40]!r}: expected such as 2026-03-01T12:00:00Z") from error
    if found.tzinfo is None:
        raise ImportRefused(
            f"{option} {text[:40]!r}: without a zone; such as 2026-03-01T12:00:00Z or …+01:00"
        )
    return found.timestamp()
