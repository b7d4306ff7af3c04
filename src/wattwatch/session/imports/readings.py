"""The readings of a log, in SI units and UTC, row by row; the file is streamed twice and never held whole."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import tzinfo
from itertools import groupby
from operator import itemgetter
from statistics import fmean
from typing import Final

from wattwatch.session.imports.dates import DateOrder
from wattwatch.session.imports.layouts import Layout
from wattwatch.session.imports.quantities import AMPERES, ENERGY, POWER, VOLTS, Column
from wattwatch.session.imports.table import ImportRefused, Log, Row
from wattwatch.session.imports.values import ImportProblem, Numerals, number_of
from wattwatch.session.imports.zones import Moment, TimeReader, in_time

_UNKNOWN: Final = frozenset({"", "-", "--", "n/a", "nan", "null", "none"})
"""What programs write for a value that they do not have."""


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
    joined: int = 0  # at the instant of the one before, whose mean with it counts
    cut: int = 0  # the last line, where the program was stopped in it

    def __add__(self, other: "LeftOut") -> "LeftOut":
        """Those of both."""
        return LeftOut(
            self.footers + other.footers,
            self.empty + other.empty,
            self.joined + other.joined,
            self.cut + other.cut,
        )

    def causes(self) -> dict[str, int]:
        """How many by cause, in words; causes that were not are not there."""
        said = {
            "repeated headers or footers": self.footers,
            "without a power": self.empty,
            "at the instant of the row before, their mean counts": self.joined,
            "cut off at the end of the file": self.cut,
        }
        return {cause: count for cause, count in said.items() if count}


@dataclass(slots=True)
class LogReader:
    """Reads one log; `left_out` is complete when all readings were taken."""

    log: Log
    layout: Layout
    reckoning: Reckoning
    left_out: LeftOut = field(default_factory=LeftOut)
    _named_columns: int = field(init=False)  # without those of a delimiter at the end; 0: there is no header

    def __post_init__(self) -> None:
        """Count the columns that have names."""
        named = (place for place, name in enumerate(self.layout.names, 1) if name.strip())
        self._named_columns = max(named, default=0)

    def readings(self, before: float | None = None) -> Iterator[ImportedReading]:
        """Every reading, in order of time; ImportRefused names file and line of what cannot be read.

        `before` is the UTC of what another log ended with.
        """
        with self.named():
            for utc_seconds, rows in groupby(self._timed_values(before), key=itemgetter(0)):
                found = [values for _, values in rows]
                self.left_out.joined += len(found) - 1
                yield ImportedReading(utc_seconds, found[0] if len(found) == 1 else _mean(found))

    def _timed_values(self, before: float | None) -> Iterator[tuple[float, dict[str, float]]]:
        """The instant, in whole microseconds, and the quantities of every row that has some."""
        order, decimal = self._looked_at()
        for row, utc_seconds in in_time(self._moments(order), before):
            if values := self._values(row, decimal):
                yield round(utc_seconds, 6), values
            else:
                self.left_out.empty += 1

    def rows(self) -> Iterator[Row]:
        """The rows as they are, each with all the columns of the header; ImportProblem."""
        return self._data(len(self.layout.names))

    def time_reader(self, order: str = "") -> TimeReader:
        """What reads the times of this log."""
        return TimeReader(order, self.reckoning.zone, self.reckoning.begin_utc_seconds)

    def _looked_at(self) -> tuple[str, str]:
        """The order of dates and the decimal sign, by all of the file where the user does not say."""
        dates, numerals = DateOrder(), Numerals(self.log.delimiter == ",")
        order, decimal = self.reckoning.date_order or self.layout.date_order, self.reckoning.decimal
        if not (order and decimal):
            for row in self._data(counts=False):
                if not order:
                    dates.look(row.line, self._time_text(row))
                if not decimal:
                    self._look(numerals, row)
        return order or dates.settled(), decimal or numerals.settled()

    def _look(self, numerals: Numerals, row: Row) -> None:
        for column in self.layout.columns:
            text = row.cell(column.place)
            if text.lower() not in _UNKNOWN:
                numerals.look(row.line, text)

    def _moments(self, order: str) -> Iterator[Moment]:
        reader = self.time_reader(order)
        for row in self._data():
            text = self._time_text(row)
            try:
                utc_seconds = reader.utc_seconds(text)
            except ImportProblem as problem:
                raise ImportProblem(f"line {row.line}: {problem}") from problem
            yield Moment(row, text, utc_seconds)

    def _data(self, columns: int = 0, *, counts: bool = True) -> Iterator[Row]:
        """The rows below the header that have a time; the last is left out if it was cut.

        A row must have that many columns, or those that are needed.
        """
        layout = self.layout
        needed = max(layout.needed) + 1
        width = max(needed, columns)
        waiting: Row | None = None
        for row in self.log.rows():
            if row.line <= layout.header_line:
                continue
            if waiting is not None:
                yield _whole(waiting, width)
                waiting = None
            if self._is_footer(row):
                self.left_out.footers += counts
            else:
                waiting = self._checked(row)
        if waiting is None:
            return
        # Without a line's end its last number may lack digits.
        is_unsure = not self.log.is_whole and len(waiting.cells) == needed
        if len(waiting.cells) < width or is_unsure:
            self.left_out.cut += counts
        else:
            yield waiting

    def _is_footer(self, row: Row) -> bool:
        """Whether a row repeats the header, or has no time; ImportProblem if its columns are others now."""
        layout = self.layout
        time = row.cell(layout.time)
        if not time or (layout.footer is not None and layout.footer.fullmatch(row.cell(0))):
            return True
        if time[0].isdigit() or layout.time >= len(layout.names) or time != layout.names[layout.time]:
            return False
        if any(row.cell(column.place) != layout.names[column.place] for column in layout.columns):
            raise ImportProblem(
                f"line {row.line}: another header, with other columns: part the file in two there"
            )
        return True

    def _checked(self, row: Row) -> Row:
        """The row; ImportProblem if it has more cells than the header has names."""
        width = self._named_columns
        if width and any(cell.strip() for cell in row.cells[width:]):
            raise ImportProblem(
                f"line {row.line}: {len(row.cells)} cells below a header of {width}: "
                "are decimals parted by the delimiter? pass --delimiter, or write it anew with another"
            )
        return row

    def _time_text(self, row: Row) -> str:
        time = row.cell(self.layout.time)
        return time if self.layout.date is None else f"{row.cell(self.layout.date)} {time}"

    def _values(self, row: Row, decimal: str) -> dict[str, float]:
        """The quantities of a row; none if what its energy comes from is not known."""
        layout, found = self.layout, {}
        for column in layout.columns:
            text = row.cell(column.place)
            if text.lower() not in _UNKNOWN:
                found[column.quantity] = _value(row, column, text, decimal)
        if POWER not in found and VOLTS in found and AMPERES in found:
            found[POWER] = found[VOLTS] * found[AMPERES]
        return found if (POWER if layout.has_power else ENERGY) in found else {}

    @contextmanager
    def named(self) -> Iterator[None]:
        """Within it, an ImportProblem becomes an ImportRefused that names the file."""
        try:
            yield
        except ImportProblem as problem:
            raise ImportRefused(f"{self.log.path}: {problem}; nothing was imported") from problem


def _mean(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Of rows at one instant: where stamps are in whole seconds, rows of a faster program share them."""
    found = {quantity: [row[quantity] for row in rows if quantity in row] for row in rows for quantity in row}
    # A counter goes on within the instant.
    return {quantity: of[-1] if quantity == ENERGY else fmean(of) for quantity, of in found.items()}


def _whole(row: Row, width: int) -> Row:
    if len(row.cells) < width:
        raise ImportProblem(f"line {row.line}: it ends after {len(row.cells)} of {width} columns")
    return row


def _value(row: Row, column: Column, text: str, decimal: str) -> float:
    try:
        value = column.si(number_of(text, decimal))
    except ImportProblem as problem:
        raise ImportProblem(f"line {row.line}: {problem}") from problem
    if value < 0 and column.quantity in (POWER, ENERGY):
        raise ImportProblem(f"line {row.line}: {text[:40]!r}: a power or an energy below 0")
    return value


def joined(readers: Sequence[LogReader]) -> Iterator[ImportedReading]:
    """The readings of several logs of one machine, one after the other; ImportRefused if they overlap."""
    last: float | None = None
    for reader in readers:
        for reading in reader.readings(last):
            last = reading.utc_seconds
            yield reading


def total_left_out(readers: Iterable[LogReader]) -> LeftOut:
    """What was left out of all of them."""
    return sum((reader.left_out for reader in readers), LeftOut())
