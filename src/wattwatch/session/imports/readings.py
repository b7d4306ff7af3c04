"""The readings of a log, in SI units and UTC, row by row; the file is streamed twice and never held whole."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Final

from wattwatch.session.imports.layouts import Column, Layout
from wattwatch.session.imports.table import ImportRefused, Log, Row
from wattwatch.session.imports.values import (
    DateOrder,
    ImportProblem,
    Instants,
    Numerals,
    number_of,
)

_UNKNOWN: Final = frozenset({"", "-", "--", "n/a", "nan", "null", "none"})
"""What programs write for a value that they do not have."""

_POWER: Final = "power_watts"
_ENERGY: Final = "energy_joules"


@dataclass(frozen=True, slots=True)
class Reckoning:
    """How texts become numbers and instants, as far as the user says it; "" is found out."""

    zone: tzinfo | None = None
    date_order: str = ""
    decimal: str = ""
    begin_utc_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ImportedReading:
    """A row of a log: UTC, and its quantities in SI units by name, without those it does not have."""

    utc_seconds: float
    values: dict[str, float]


@dataclass(slots=True)
class LeftOut:
    """Rows that are no readings, by cause."""

    footers: int = 0  # headers repeated, and lines without a time
    empty: int = 0  # without a value for power
    repeated: int = 0  # at the same instant as the one before
    cut: int = 0  # the last line, where the program was stopped in it

    def lines(self) -> list[str]:
        """For people."""
        said = (
            (self.footers, "repeated headers or footers"),
            (self.empty, "without a power"),
            (self.repeated, "at the instant of the row before"),
            (self.cut, "cut off at the end of the file"),
        )
        return [f"{count} rows left out: {cause}" for count, cause in said if count]


@dataclass(slots=True)
class LogReader:
    """Reads one log; `left_out` is complete when all readings were taken."""

    log: Log
    layout: Layout
    reckoning: Reckoning
    left_out: LeftOut = field(default_factory=LeftOut)

    def readings(self, after: Instants | None = None) -> Iterator[ImportedReading]:
        """Every reading, in order of time; ImportRefused names file and line of what cannot be read."""
        order, decimal = self._looked_at()
        instants = after or Instants(begin_utc_seconds=self.reckoning.begin_utc_seconds)
        instants.order, instants.zone = order, self.reckoning.zone
        before: float | None = None
        for row in self._data():
            with self._placed(row):
                utc_seconds = round(instants.utc_seconds(self._time_text(row)), 6)
                values = self._values(row, decimal)
            if not values:
                self.left_out.empty += 1
            elif utc_seconds == before:
                self.left_out.repeated += 1
            else:
                before = utc_seconds
                yield ImportedReading(utc_seconds, values)

    def _looked_at(self) -> tuple[str, str]:
        """The order of dates and the decimal sign, by all of the file."""
        dates, numerals = DateOrder(), Numerals()
        with self._placed(None):
            for row in self._data(counts=False):
                dates.look(row.line, self._time_text(row))
                for column in self.layout.columns:
                    numerals.look(row.line, row.cell(column.place))
            order = dates.settled(self.reckoning.date_order or self.layout.date_order)
            return order, numerals.settled(self.reckoning.decimal)

    def _data(self, *, counts: bool = True) -> Iterator[Row]:
        """The rows below the header that have a time; the last is left out if it was cut."""
        waiting: Row | None = None
        width = max([self.layout.time, *(column.place for column in self.layout.columns)]) + 1
        for row in self.log.rows():
            if row.line <= self.layout.header_line:
                continue
            if self._is_footer(row):
                self.left_out.footers += counts
                continue
            if waiting is not None:
                yield waiting
            waiting = row
        if waiting is None:
            return
        if len(waiting.cells) < width:
            self.left_out.cut += counts
        else:
            yield waiting

    def _is_footer(self, row: Row) -> bool:
        """Whether a row repeats the header, or has no time."""
        time = row.cell(self.layout.time)
        name = self.layout.names[self.layout.time] if self.layout.time < len(self.layout.names) else ""
        return not time or time.lower() == name.strip().lower()

    def _time_text(self, row: Row) -> str:
        time = row.cell(self.layout.time)
        return time if self.layout.date is None else f"{row.cell(self.layout.date)} {time}"

    def _values(self, row: Row, decimal: str) -> dict[str, float]:
        """The quantities of a row; none if neither its power nor its energy is known."""
        found = {
            column.quantity: value
            for column in self.layout.columns
            if (value := _value(row, column, decimal)) is not None
        }
        if _POWER not in found and {"voltage_volts", "current_amperes"} <= found.keys():
            found[_POWER] = found["voltage_volts"] * found["current_amperes"]
        return found if _POWER in found or _ENERGY in found else {}

    @contextmanager
    def _placed(self, row: Row | None) -> Iterator[None]:
        try:
            yield
        except ImportProblem as problem:
            place = f"line {row.line}: " if row else ""
            raise ImportRefused(f"{self.log.path}: {place}{problem}; nothing was imported") from problem


def _value(row: Row, column: Column, decimal: str) -> float | None:
    text = row.cell(column.place)
    if text.lower() in _UNKNOWN:
        return None
    return number_of(text, decimal) * column.factor


def joined(readers: Sequence[LogReader]) -> Iterator[ImportedReading]:
    """The readings of several logs of one machine, one after the other; ImportRefused if they overlap."""
    last: float | None = None
    for reader in readers:
        instants = Instants(begin_utc_seconds=reader.reckoning.begin_utc_seconds)
        for first, reading in enumerate(reader.readings(instants)):
            if not first and last is not None and reading.utc_seconds < last:
                raise ImportRefused(
                    f"{reader.log.path}: begins before the file before it ends: name files in order of time"
                )
            last = reading.utc_seconds
            yield reading


def total_left_out(readers: Iterable[LogReader]) -> LeftOut:
    """What was left out of all of them."""
    parts = [reader.left_out for reader in readers]
    return LeftOut(
        sum(part.footers for part in parts),
        sum(part.empty for part in parts),
        sum(part.repeated for part in parts),
        sum(part.cut for part in parts),
    )
