"""Imported logs as they are kept: a store of readings for each, as a daemon's, and what is known of it.

A log is kept under the hash of its content: importing it twice changes nothing. It is put in place when all
of it could be read.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final, Self

from wattwatch.clock import WallOffset
from wattwatch.errors import StoreError
from wattwatch.reading import Channel, Instant, Quality, Scope
from wattwatch.session.imports.quantities import ENERGY, POWER
from wattwatch.session.imports.readings import ImportedReading
from wattwatch.session.imports.table import ImportRefused
from wattwatch.session.imports.writing import Measured, Steps, Writing, boot_id_of, channels_of
from wattwatch.store.base import Commit
from wattwatch.store.local import LocalStore, StoreLimits

FOLDER: Final = "imports"
_FACTS: Final = "facts.json"
_READINGS: Final = "readings.db"
_BEFORE_SECONDS: Final = 1e6  # of the boot that is made up, before the first reading
_AT_ONCE: Final = 500  # readings in a commit
_SETTLE_EVERY: Final = 40  # commits: bounds the memory
_UNFINISHED: Final = ".new-"
_LEFT_SECONDS: Final = 86400.0
_HASH_DIGITS: Final = 16
_FOR_EVER: Final = StoreLimits(retention_seconds=1e12, max_bytes=1 << 42)


@dataclass(frozen=True, slots=True)
class ImportedLog:
    """What is known of a log that is kept."""

    import_id: str
    measured: Measured
    files: tuple[str, ...]
    first_utc_seconds: float
    last_utc_seconds: float
    readings: int
    left_out: Mapping[str, int]  # rows that are no readings, by cause
    mean_watts: float | None  # between neighbouring readings that are near enough
    interval_seconds: float  # the usual one
    gap_seconds: float  # longer steps are gaps
    gaps: int
    missing_seconds: float  # in them
    has_counter: bool  # it is energy that was logged, not power

    @property
    def boot_id(self) -> str:
        """The boot that its readings are in: one that is made up."""
        return boot_id_of(self.import_id)

    @property
    def rows(self) -> int:
        """All that were read."""
        return self.readings + sum(self.left_out.values())

    @property
    def offset(self) -> WallOffset:
        """From instants of that boot to UTC."""
        return WallOffset(self.first_utc_seconds - _BEFORE_SECONDS, synchronised=True)

    @property
    def power(self) -> Channel:
        """The channel of its power or energy."""
        return channels_of(self.measured)[ENERGY if self.has_counter else POWER]

    def instant(self, utc_seconds: float) -> Instant:
        """The instant of a UTC."""
        return Instant(self.boot_id, round(utc_seconds - self.offset.unix_minus_boot_seconds, 6))

    def to_json(self) -> dict[str, Any]:
        """As it is kept, and for `--json`."""
        document = asdict(self)
        return {**document.pop("measured"), **document}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """What `to_json` made; KeyError, TypeError or ValueError for anything else."""
        rest = dict(document)
        measured = Measured(
            rest.pop("node"), rest.pop("source"), Scope(rest.pop("scope")), Quality(rest.pop("quality"))
        )
        return cls(measured=measured, **{**rest, "files": tuple(rest["files"])})


@dataclass(frozen=True, slots=True)
class NewImport:
    """A log that is to be kept; `left_out` is asked when all of it was read."""

    import_id: str
    measured: Measured
    files: tuple[str, ...]
    has_counter: bool
    left_out: Callable[[], Mapping[str, int]]


class StillClock:
    """A clock that stands at one instant of a made-up boot."""

    def __init__(self, at: Instant, offset: WallOffset) -> None:
        self._at = at
        self._offset = offset

    def now(self) -> Instant:
        """Always the same instant."""
        return self._at

    def wall(self) -> WallOffset:
        """What that is in UTC."""
        return self._offset


class Library:
    """The imported logs in a state directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory / FOLDER

    def logs(self) -> list[ImportedLog]:
        """Every log, in order of time."""
        places = sorted(self._directory.glob(f"[!.]*/{_FACTS}"))
        found = (self._facts(path) for path in places)
        return sorted(filter(None, found), key=lambda log: log.first_utc_seconds)

    def covering(self, node: str, start_utc_seconds: float, end_utc_seconds: float) -> list[ImportedLog]:
        """The logs of a node that have a part of this time."""
        return [
            log
            for log in self.logs()
            if log.measured.node == node
            and log.first_utc_seconds < end_utc_seconds
            and log.last_utc_seconds > start_utc_seconds
        ]

    def known(self, import_id: str) -> ImportedLog | None:
        """The log of an id."""
        return self._facts(self._directory / import_id / _FACTS)

    def open(self, log: ImportedLog, clock: StillClock) -> LocalStore:
        """Its readings; StoreError."""
        path = self._directory / log.import_id / _READINGS
        simulated = log.measured.quality is Quality.SIMULATED
        return LocalStore.open(path, boot_id=log.boot_id, limits=_FOR_EVER, simulated=simulated, clock=clock)

    def keep(self, new: NewImport, readings: Iterable[ImportedReading]) -> ImportedLog:
        """Keep a log: all of it, or with an error nothing. ImportRefused without readings, StoreError."""
        folder = self._new_folder()
        try:
            log = _stored(folder, new, iter(readings))
            _write_synced(folder / _FACTS, json.dumps(log.to_json(), indent=2) + "\n")
            return self._placed(folder, log)
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}: nothing was imported") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _placed(self, folder: Path, log: ImportedLog) -> ImportedLog:
        """The log, in its place; the one that is there if another process was faster."""
        place = self._directory / log.import_id
        try:
            folder.replace(place)
        except OSError as error:
            if not place.exists():
                raise
            if known := self.known(log.import_id):
                return known
            raise StoreError(
                f"{place}: an import that is damaged: remove this directory, and import again"
            ) from error
        _sync(self._directory)
        return log

    def _new_folder(self) -> Path:
        """A place to write to; what a process that was killed has left a day ago is removed."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            for left in self._directory.glob(f"{_UNFINISHED}*"):
                if left.stat().st_mtime < time.time() - _LEFT_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
            return Path(tempfile.mkdtemp(prefix=_UNFINISHED, dir=self._directory))
        except OSError as error:
            raise StoreError(f"{self._directory}: {error.strerror}") from error

    def _facts(self, path: Path) -> ImportedLog | None:
        try:
            return ImportedLog.from_json(json.loads(path.read_text("utf-8")))
        except (OSError, KeyError, TypeError, ValueError):
            return None


def import_id_of(paths: Iterable[Path], measured: Measured, options: Iterable[object]) -> str:
    """The id of files that are read so: of their content, not their names; ImportRefused if unreadable."""
    digest = sha256(repr((asdict(measured), *options)).encode())
    for path in paths:
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise ImportRefused(f"{path}: {error.strerror or error}") from error
    return digest.hexdigest()[:_HASH_DIGITS]


def _write_synced(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _sync(directory: Path) -> None:
    """Make the name of what was put into a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stored(folder: Path, new: NewImport, readings: Iterator[ImportedReading]) -> ImportedLog:
    first = next(readings, None)
    if first is None:
        raise ImportRefused(f"{', '.join(new.files)}: no row has a power; nothing was imported")
    offset = WallOffset(first.utc_seconds - _BEFORE_SECONDS, synchronised=True)
    simulated = new.measured.quality is Quality.SIMULATED
    store = LocalStore.open(
        folder / _READINGS,
        boot_id=boot_id_of(new.import_id),
        limits=_FOR_EVER,
        simulated=simulated,
        clock=StillClock(Instant(boot_id_of(new.import_id), _BEFORE_SECONDS), offset),
    )
    steps = Steps(new.has_counter)
    try:
        _fill(
            store, Writing(boot_id_of(new.import_id), offset, new.measured), steps, chain((first,), readings)
        )
    finally:
        store.close()
    return _facts_of(new, first, steps)


def _fill(store: LocalStore, writing: Writing, steps: Steps, rows: Iterator[ImportedReading]) -> None:
    commits = 0
    while at_once := list(islice(rows, _AT_ONCE)):
        steps.take(at_once)
        batches = tuple(batch for row in at_once for batch in writing.batches(row))
        store.append(Commit(batches[-1].at, writing.offset, batches))
        commits += 1
        if commits % _SETTLE_EVERY == 0:
            store.settle()
    store.settle()


def _facts_of(new: NewImport, first: ImportedReading, steps: Steps) -> ImportedLog:
    pace = steps.pace()
    return ImportedLog(
        import_id=new.import_id,
        measured=new.measured,
        files=new.files,
        first_utc_seconds=first.utc_seconds,
        last_utc_seconds=(steps.last or first).utc_seconds,
        readings=steps.count,
        left_out=new.left_out(),
        mean_watts=pace.mean_watts,
        interval_seconds=pace.interval_seconds,
        gap_seconds=pace.gap_seconds,
        gaps=pace.gaps,
        missing_seconds=pace.missing_seconds,
        has_counter=new.has_counter,
    )
