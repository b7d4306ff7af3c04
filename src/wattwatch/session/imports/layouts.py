"""What is where in a log: as the program is known to write it, or as the user says. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wattwatch.reading import Quality, Scope
from wattwatch.session.imports.quantities import (
    AMPERES,
    DATE,
    ENERGY,
    POWER,
    TIME,
    VOLTS,
    Column,
    column_of,
)
from wattwatch.session.imports.table import ImportRefused, Row

_SHOWN_COLUMNS: Final = 12
_BY_NUMBER: Final = re.compile(r"#([1-9]\d{0,4})")
_DIGIT: Final = re.compile(r"\d")


class LogFormat(StrEnum):
    """The program that wrote a log."""

    LIBRE_HARDWARE_MONITOR = "lhm"
    HWINFO = "hwinfo"
    CORE_TEMP = "coretemp"
    UM_METER = "um"
    CODECARBON = "codecarbon"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Layout:
    """What is where in a log."""

    format: LogFormat
    header_line: int  # 0: there is none
    time: int
    columns: tuple[Column, ...]
    names: tuple[str, ...]  # of all columns
    date: int | None = None  # where date and time are two columns
    date_order: str = ""  # where the program always writes it so
    scope: Scope | None = None
    quality: Quality | None = None
    footer: re.Pattern[str] | None = None  # of the first cell of a row that is none

    def column(self, quantity: str) -> Column | None:
        """The column of a quantity."""
        return next((column for column in self.columns if column.quantity == quantity), None)

    @property
    def has_power(self) -> bool:
        """Whether it has power, or voltage and current that make it."""
        return bool(self.column(POWER) or (self.column(VOLTS) and self.column(AMPERES)))

    @property
    def needed(self) -> tuple[int, ...]:
        """The places without which a row is none: of its time, and of what its energy comes from."""
        if self.column(POWER):
            wanted: tuple[str, ...] = (POWER,)
        else:
            wanted = (VOLTS, AMPERES) if self.has_power else (ENERGY,)
        found = (column.place for column in self.columns if column.quantity in wanted)
        return (self.time, *([] if self.date is None else [self.date]), *found)


def mapped_layout(head: Sequence[Row], mapping: Mapping[str, str]) -> Layout:
    """The layout that `--map` says: columns by name, or `#3` by number; ImportRefused if one is not there."""
    if TIME not in mapping:
        raise ImportRefused("--map: time=COLUMN is missing")
    row, places = _header(head, mapping)
    names = tuple(cell.strip() for cell in row.cells) if row.line else ()
    columns = tuple(
        column_of(key, place, names[place] if place < len(names) else "")
        for key, place in places.items()
        if key not in (TIME, DATE)
    )
    layout = Layout(LogFormat.CSV, row.line, places[TIME], columns, names, places.get(DATE))
    if not layout.has_power and layout.column(ENERGY) is None:
        raise ImportRefused(
            "no column of power, energy, or voltage and current: name one by --map power=COLUMN"
        )
    return layout


def _header(head: Sequence[Row], mapping: Mapping[str, str]) -> tuple[Row, dict[str, int]]:
    """The row that has all the names, and their places; a row of line 0 if there is no header."""
    before: Sequence[str] = ()
    for row in head:
        named = _Names(row, before)
        places = {key: named.place(name) for key, name in mapping.items()}
        found = {key: place for key, place in places.items() if place is not None}
        if len(found) == len(mapping):
            is_header = any(not _BY_NUMBER.fullmatch(name) for name in mapping.values())
            has_time = bool(_DIGIT.search(row.cell(found[TIME])))
            return (row if is_header or not has_time else Row(0, ())), found
        before = row.cells
    raise ImportRefused(f"--map: {_missing(head, mapping)}")


@dataclass(frozen=True, slots=True)
class _Names:
    """A row that may be the header; identifiers may stand in the row above it (LibreHardwareMonitor)."""

    row: Row
    above: Sequence[str]

    def place(self, name: str) -> int | None:
        """Where a column is; ImportRefused if several have the name."""
        if by_number := _BY_NUMBER.fullmatch(name):
            place = int(by_number[1]) - 1
            return place if place < len(self.row.cells) else None
        cells = [cell.strip() for cell in (self.above if name.startswith("/") else self.row.cells)]
        return only_place([place for place, cell in enumerate(cells) if cell == name], name)


def only_place(places: Sequence[int], name: str) -> int | None:
    """The one place; None for none, ImportRefused for several: which is meant cannot be told."""
    if len(places) > 1:
        numbers = ", ".join(f"#{place + 1}" for place in places)
        raise ImportRefused(
            f"{len(places)} columns are called {name!r}: name one by its number, --map power=… with {numbers}"
        )
    return places[0] if places else None


def _missing(head: Sequence[Row], mapping: Mapping[str, str]) -> str:
    known = max((row.cells for row in head), key=len, default=())
    cells = [cell.strip() for cell in known]
    missing = [name for name in mapping.values() if name not in cells]
    return f"no column {missing[0] if missing else '?'!r} in the header: it has {shown_columns(known)}"


def shown_columns(cells: Sequence[str]) -> str:
    """Names of columns for an error."""
    more = f" … ({len(cells)})" if len(cells) > _SHOWN_COLUMNS else ""
    return ", ".join(repr(cell.strip()) for cell in cells[:_SHOWN_COLUMNS]) + more
