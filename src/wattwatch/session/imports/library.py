"""Imported logs as they are kept: a store of readings for each, as a daemon's, and what is known of it.

A log is kept under the hash of its content: importing it twice changes nothing. It is put in place when all
of it could be read.
"""

import json
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final, Self

from wattwatch.clock import WallOffset
from wattwatch.errors import StoreError
from wattwatch.reading import Batch, Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.session.imports.readings import ImportedReading
from wattwatch.session.imports.table import ImportRefused
from wattwatch.store.base import Commit
from wattwatch.store.local import LocalStore, StoreLimits

FOLDER: Final = "imports"
HEAT: Final = "log-thermal"
"""The source of temperatures: not the meter's own."""

_FACTS: Final = "facts.json"
_READINGS: Final = "readings.db"
_ZONE: Final = "package"
_BEFORE_SECONDS: Final = 1000.0  # of a boot that is made up, before the first reading
_AT_ONCE: Final = 500  # readings in a commit
_SETTLE_EVERY: Final = 40  # commits: bounds the memory
_STEPS: Final = 2000  # that tell the usual interval
_GAP_STEPS: Final = 3.0
_LEAST_GAP_SECONDS: Final = 3.0
_HASH_DIGITS: Final = 16
_FOR_EVER: Final = StoreLimits(retention_seconds=1e12, max_bytes=1 << 42)


@dataclass(frozen=True, slots=True)
class Measured:
    """Which node a log is of, and what its power is."""

    node: str
    source: str
    scope: Scope
    quality: Quality


@dataclass(frozen=True, slots=True)
class ImportedLog:
    """What is known of a log that is kept."""

    import_id: str
    measured: Measured
    files: tuple[str, ...]
    first_utc_seconds: float
    last_utc_seconds: float
    readings: int
    mean_watts: float | None  # between neighbouring readings that are near enough
    interval_seconds: float  # the usual one
    gap_seconds: float  # longer steps are gaps
    missing_seconds: float  # in gaps
    has_counter: bool  # it is energy that was logged, not power

    @property
    def boot_id(self) -> str:
        """The boot that its readings are in: one that is made up."""
        return f"import-{self.import_id}"

    @property
    def offset(self) -> WallOffset:
        """From instants of that boot to UTC."""
        return WallOffset(self.first_utc_seconds - _BEFORE_SECONDS, synchronised=True)

    @property
    def power(self) -> Channel:
        """The channel of its power or energy."""
        return _channels(self.measured)["energy_joules" if self.has_counter else "power_watts"]

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
        found = (self._facts(path) for path in sorted(self._directory.glob(f"*/{_FACTS}")))
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

    def keep(
        self, import_id: str, measured: Measured, files: Sequence[str], readings: Iterable[ImportedReading]
    ) -> ImportedLog:
        """Keep a log: all of it, or with an error nothing. ImportRefused without readings, StoreError."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            folder = Path(tempfile.mkdtemp(prefix=".new-", dir=self._directory))
        except OSError as error:
            raise StoreError(f"{self._directory}: {error.strerror}") from error
        try:
            log = _stored(folder, import_id, measured, tuple(files), iter(readings))
            (folder / _FACTS).write_text(json.dumps(log.to_json(), indent=2) + "\n", encoding="utf-8")
            folder.replace(self._directory / import_id)
        except OSError as error:
            raise StoreError(f"{folder}: {error.strerror}: nothing was imported") from error
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return log

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


def _stored(
    folder: Path,
    import_id: str,
    measured: Measured,
    files: tuple[str, ...],
    readings: Iterator[ImportedReading],
) -> ImportedLog:
    first = next(readings, None)
    if first is None:
        raise ImportRefused(f"{', '.join(files)}: no row has a power; nothing was imported")
    counts = "power_watts" not in first.values
    steps = _Steps()
    offset = WallOffset(first.utc_seconds - _BEFORE_SECONDS, synchronised=True)
    boot_id = f"import-{import_id}"
    channels = _channels(measured)
    clock = StillClock(Instant(boot_id, _BEFORE_SECONDS), offset)
    simulated = measured.quality is Quality.SIMULATED
    store = LocalStore.open(
        folder / _READINGS, boot_id=boot_id, limits=_FOR_EVER, simulated=simulated, clock=clock
    )
    try:
        rows = _and_then(first, readings)
        number = 0
        while batch_rows := list(islice(rows, _AT_ONCE)):
            steps.take(batch_rows)
            batches = [batch for row in batch_rows for batch in _batches(row, boot_id, offset, channels)]
            store.append(Commit(batches[-1].at, offset, tuple(batches)))
            number += 1
            if number % _SETTLE_EVERY == 0:
                store.settle()
        store.settle()
    finally:
        store.close()
    return steps.log(import_id, measured, files, first, has_counter=counts)


def _and_then(first: ImportedReading, rest: Iterator[ImportedReading]) -> Iterator[ImportedReading]:
    yield first
    yield from rest


def _channels(measured: Measured) -> dict[str, Channel]:
    scope, quality, source = measured.scope, measured.quality, measured.source
    return {
        "power_watts": Channel(source, _ZONE, "power_watts", Kind.POWER, scope, quality),
        "energy_joules": Channel(source, _ZONE, "energy_joules", Kind.COUNTER, scope, quality),
        "voltage_volts": Channel(source, _ZONE, "voltage_volts", Kind.GAUGE, quality=quality),
        "current_amperes": Channel(source, _ZONE, "current_amperes", Kind.GAUGE, quality=quality),
        "temperature_celsius": Channel(HEAT, "cpu", "temperature_celsius", Kind.GAUGE, quality=quality),
    }


def _batches(
    row: ImportedReading, boot_id: str, offset: WallOffset, channels: Mapping[str, Channel]
) -> Iterator[Batch]:
    at = Instant(boot_id, round(row.utc_seconds - offset.unix_minus_boot_seconds, 6))
    by_source: dict[str, list[Reading]] = {}
    for quantity, value in row.values.items():
        channel = channels[quantity]
        by_source.setdefault(channel.source, []).append(Reading(channel, value, at))
    for source, found in by_source.items():
        yield Batch(source, at, tuple(found), None)


class _Steps:
    """Takes note of the steps between readings as they pass: none of them is kept but a few."""

    def __init__(self) -> None:
        self._intervals: list[float] = []
        self._long: list[tuple[float, float]] = []  # seconds and joules of steps that may be gaps
        self._seconds = self._joules = 0.0
        self._last: ImportedReading | None = None
        self._count = 0

    def take(self, rows: Iterable[ImportedReading]) -> None:
        for row in rows:
            self._count += 1
            if self._last is not None:
                self._step(self._last, row)
            self._last = row

    def _step(self, before: ImportedReading, after: ImportedReading) -> None:
        seconds = after.utc_seconds - before.utc_seconds
        if len(self._intervals) < _STEPS:
            self._intervals.append(seconds)
        joules = _joules(before.values, after.values, seconds)
        self._seconds += seconds
        self._joules += joules
        if seconds > _LEAST_GAP_SECONDS:
            self._long.append((seconds, joules))

    def log(
        self,
        import_id: str,
        measured: Measured,
        files: tuple[str, ...],
        first: ImportedReading,
        *,
        has_counter: bool,
    ) -> ImportedLog:
        interval_seconds = round(median(self._intervals), 6) if self._intervals else 1.0
        gap_seconds = max(_LEAST_GAP_SECONDS, _GAP_STEPS * interval_seconds)
        gaps = [(seconds, joules) for seconds, joules in self._long if seconds > gap_seconds]
        missing_seconds = sum(seconds for seconds, _ in gaps)
        covered_seconds = self._seconds - missing_seconds
        joules = self._joules - sum(joules for _, joules in gaps)
        last = self._last or first
        return ImportedLog(
            import_id=import_id,
            measured=measured,
            files=files,
            first_utc_seconds=first.utc_seconds,
            last_utc_seconds=last.utc_seconds,
            readings=self._count,
            mean_watts=joules / covered_seconds if covered_seconds > 0 else None,
            interval_seconds=interval_seconds,
            gap_seconds=gap_seconds,
            missing_seconds=round(missing_seconds, 6),
            has_counter=has_counter,
        )


def _joules(before: Mapping[str, float], after: Mapping[str, float], seconds: float) -> float:
    """Energy of a step, for the mean that is shown: a run's is integrated from the store."""
    if "power_watts" in before and "power_watts" in after:
        return (before["power_watts"] + after["power_watts"]) / 2 * seconds
    if "energy_joules" in before and "energy_joules" in after:
        return max(0.0, after["energy_joules"] - before["energy_joules"])
    return 0.0
