"""Curves of runs, kept apart from the readings, which are gone sooner: in a file beside the user's ledger.

Runs that were measured in their own process, and those of other machines, are drawn from here. What is in it
is small (a curve is thinned to a bounded number of points) and makes no figure: nothing is lost with it but
pictures. Its directory is the ledger's, its file `curves.db`.
"""

import json
import math
import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, Self

from wattwatch.errors import RunError, StoreError
from wattwatch.runs.run import check_name
from wattwatch.runs.thinning import Line, thinned_lines

ARCHIVE_NAME: Final = "curves.db"
MOST_POINTS: Final = 20_000
"""Points of a kept curve: ten times what a screen shows, so that a part of it can be drawn as well."""

POWER: Final = "power_watts"
TEMPERATURE: Final = "temperature_celsius"

_VERSION: Final = 1
_BUSY_SECONDS: Final = 15.0
_SERIES: Final = 1000  # of one run
_QUANTITIES: Final = (POWER, TEMPERATURE)
_POINT_NUMBERS: Final = 2
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS curves (
    run_id TEXT NOT NULL,
    node TEXT NOT NULL,
    quantity TEXT NOT NULL,
    source TEXT NOT NULL,
    zone TEXT NOT NULL,
    lengths TEXT NOT NULL,
    points BLOB NOT NULL,
    PRIMARY KEY (run_id, node, quantity, source, zone)
) WITHOUT ROWID
"""
_PUT: Final = "INSERT OR REPLACE INTO curves VALUES (?, ?, ?, ?, ?, ?, ?)"
_GET: Final = """
SELECT node, source, zone, quantity, lengths, points FROM curves WHERE run_id = ?
ORDER BY node, quantity, source, zone
"""


@dataclass(frozen=True, slots=True)
class Series:
    """The curve of one quantity of a run on a node; points are (seconds since the run's start, value).

    Power is that of what stood for the node. Lines are broken where nothing is known.
    """

    node: str
    source: str
    zone: str  # "" for the sum of several
    quantity: str  # with its unit: power_watts, temperature_celsius
    lines: tuple[Line, ...]

    def thinned(self, most_points: int) -> "Series":
        """The same in at most that many points."""
        lines = thinned_lines(self.lines, most_points)
        return Series(self.node, self.source, self.zone, self.quantity, lines)

    def to_json(self) -> dict[str, Any]:
        """The series as JSON."""
        return {
            "node": self.node,
            "source": self.source,
            "zone": self.zone,
            "quantity": self.quantity,
            "lines": self.lines,
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Self:
        """The series that `to_json` wrote; RunError if it is none."""
        try:
            names = [check_name(key, document[key]) for key in ("node", "source", "zone")]
            lines = tuple(_line(line) for line in document["lines"])
            quantity = document["quantity"]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise RunError(f"not a curve of a run: {type(error).__name__}: {error}") from error
        if quantity not in _QUANTITIES:
            raise RunError(f"quantity {str(quantity)[:40]!r}: expected {' or '.join(_QUANTITIES)}")
        return cls(names[0], names[1], names[2], quantity, lines)


def _line(line: Iterable[Iterable[float]]) -> Line:
    points = tuple((float(seconds), float(value)) for seconds, value in line)
    if not all(math.isfinite(number) for point in points for number in point):
        raise ValueError("a point that is no finite number")
    if any(later[0] < earlier[0] for earlier, later in pairwise(points)):
        raise ValueError("points that are not in order of time")
    return points


class Archive:
    """The curves of one file, which several processes may use at once; every method raises StoreError."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def beside(cls, ledger: Path) -> Self:
        """The archive that belongs to a ledger file."""
        return cls(ledger.with_name(ARCHIVE_NAME))

    def keep(self, run_id: str, series: Iterable[Series]) -> None:
        """Keep curves of a run, thinned; one of the same node, quantity, source and zone is replaced."""
        kept = [one.thinned(MOST_POINTS) for one in series]
        if len(kept) > _SERIES:
            raise RunError(f"run {run_id}: at most {_SERIES} curves, got {len(kept)}")
        with self._database() as database:
            database.executemany(_PUT, (_row(run_id, one) for one in kept if one.lines))

    def series(self, run_id: str) -> list[Series]:
        """What is kept of a run, by node and quantity; nothing if nothing is."""
        if not self.path.exists():
            return []
        with self._database() as database:
            return [_series(row) for row in database.execute(_GET, (run_id,))]

    def delete(self, run_id: str) -> None:
        """Forget the curves of a run."""
        if self.path.exists():
            with self._database() as database:
                database.execute("DELETE FROM curves WHERE run_id = ?", (run_id,))

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """A transaction of its own: processes that measure for hours must not keep each other waiting."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY_SECONDS)) as database, database:
                _prepare(self.path, database)
                yield database
        except OSError as error:
            raise StoreError(f"{self.path}: {error.strerror}; check the directory") from error
        except (sqlite3.Error, zlib.error, ValueError) as error:
            raise StoreError(f"{self.path}: {error}; remove it to lose only kept curves") from error


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > _VERSION:
        raise StoreError(f"{path}: written by a newer wattwatch (format {version}): update this one")
    if version < _VERSION:
        database.execute(_SCHEMA)
        database.execute(f"PRAGMA user_version = {_VERSION}")


def _row(run_id: str, series: Series) -> tuple[str | bytes, ...]:
    points = [point for line in series.lines for point in line]
    # All seconds, then all values: what is alike stands together, and is compressed better.
    numbers = array("d", [*(seconds for seconds, _ in points), *(value for _, value in points)])
    lengths = json.dumps([len(line) for line in series.lines])
    names = (run_id, series.node, series.quantity, series.source, series.zone)
    return (*names, lengths, zlib.compress(numbers.tobytes()))


def _series(row: tuple[Any, ...]) -> Series:
    node, source, zone, quantity, lengths, compressed = row
    numbers = array("d")
    numbers.frombytes(zlib.decompress(compressed))
    half = len(numbers) // _POINT_NUMBERS
    points = list(zip(numbers[:half], numbers[half:], strict=True))
    lines, at = [], 0
    for length in json.loads(lengths):
        lines.append(tuple(points[at : at + length]))
        at += length
    return Series(node, source, zone, quantity, tuple(lines))
