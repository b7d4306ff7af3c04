"""What the columns of a log are: of the programs that are known, or as the user says. Pure.

Facts of the formats: docs/importing.md. A program's log is known by its header; its power column by the
sensor that stands for the whole package.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from wattwatch.reading import Quality, Scope
from wattwatch.session.imports.table import ImportRefused, Row


class LogFormat(StrEnum):
    """The program that wrote a log."""

    LIBRE_HARDWARE_MONITOR = "lhm"
    HWINFO = "hwinfo"
    CORE_TEMP = "coretemp"
    UM_METER = "um"
    CODECARBON = "codecarbon"
    CSV = "csv"


QUANTITIES: Final[Mapping[str, tuple[str, float]]] = {
    "power": ("power_watts", 1.0),
    "power_watts": ("power_watts", 1.0),
    "power_milliwatts": ("power_watts", 1e-3),
    "energy_joules": ("energy_joules", 1.0),
    "energy_milliwatt_hours": ("energy_joules", 3.6),
    "energy_watt_hours": ("energy_joules", 3600.0),
    "energy_kilowatt_hours": ("energy_joules", 3.6e6),
    "temperature": ("temperature_celsius", 1.0),
    "temperature_celsius": ("temperature_celsius", 1.0),
    "voltage": ("voltage_volts", 1.0),
    "voltage_volts": ("voltage_volts", 1.0),
    "current": ("current_amperes", 1.0),
    "current_amperes": ("current_amperes", 1.0),
    "current_milliamperes": ("current_amperes", 1e-3),
}
"""Names of `--map`, what they are, and the factor to its SI unit."""

_TIME: Final = "time"
_DATE: Final = "date"
_LHM_PACKAGE: Final = re.compile(r"/(?:intel|amd)cpu/\d+/power/\d+", re.IGNORECASE)
_LHM_HEAT: Final = re.compile(r"/(?:intel|amd)cpu/\d+/temperature/\d+", re.IGNORECASE)
_PACKAGE_NAMES: Final = ("cpu package", "package")
_HEAT_NAMES: Final = ("cpu package", "core (tctl/tdie)", "core max", "core average", "cpu core")
_MILLI: Final = re.compile(r"\bmw\b|\bma\b", re.IGNORECASE)
_SHOWN_COLUMNS: Final = 12


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read: its place, what it is, and the factor to SI units."""

    place: int
    quantity: str
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class Layout:
    """What is where in a log."""

    format: LogFormat
    header_line: int
    time: int
    columns: tuple[Column, ...]
    date: int | None = None  # where date and time are two columns
    date_order: str = ""  # where the program always writes it so
    scope: Scope | None = None
    quality: Quality | None = None
    names: tuple[str, ...] = field(default=())

    def column(self, quantity: str) -> Column | None:
        """The column of a quantity."""
        return next((column for column in self.columns if column.quantity == quantity), None)


def layout_of(head: Sequence[Row], wanted: str, mapping: Mapping[str, str]) -> Layout:
    """The layout of a log by its first lines; ImportRefused if no program's, and there is no `--map`."""
    if mapping:
        return _mapped(head, mapping)
    makers = [make for name, make in _MAKERS.items() if wanted in ("auto", name)]
    for make in makers:
        for place in range(len(head)):
            layout = make(head, place)
            if layout is not None:
                return layout
    names = ", ".join(repr(name.strip()) for name in (head[0].cells if head else ())[:_SHOWN_COLUMNS])
    raise ImportRefused(
        f"no known log ({names}): name its columns by --map, such as --map 'time=Time,power=Power [W]'"
    )


def parsed_mapping(texts: Iterable[str]) -> dict[str, str]:
    """The columns of `KEY=COLUMN[,KEY=COLUMN…]` texts; ImportRefused for anything else.

    A comma in the name of a column is kept where no known key follows it.
    """
    keys = "|".join((_TIME, _DATE, *QUANTITIES))
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(rf",(?=(?:{keys})=)", text):
            key, equals, name = part.partition("=")
            if not equals or not name or key not in {_TIME, _DATE, *QUANTITIES}:
                raise ImportRefused(f"--map {part!r}: expected KEY=COLUMN with KEY one of {_keys()}")
            found[key] = name
    return found


def _keys() -> str:
    return ", ".join((_TIME, _DATE, *QUANTITIES))


def _mapped(head: Sequence[Row], mapping: Mapping[str, str]) -> Layout:
    if _TIME not in mapping:
        raise ImportRefused("--map: time=COLUMN is missing")
    names = {key: name.strip() for key, name in mapping.items()}
    for row in head:
        cells = [cell.strip() for cell in row.cells]
        if all(name in cells for name in names.values()):
            places = {key: cells.index(name) for key, name in names.items()}
            columns = tuple(
                Column(place, *QUANTITIES[key]) for key, place in places.items() if key in QUANTITIES
            )
            layout = Layout(
                LogFormat.CSV, row.line, places[_TIME], columns, places.get(_DATE), names=tuple(cells)
            )
            return _measuring(layout)
    known = head[0].cells if head else ()
    missing = [name for name in names.values() if name not in [cell.strip() for cell in known]]
    shown = ", ".join(repr(cell.strip()) for cell in known[:_SHOWN_COLUMNS])
    raise ImportRefused(f"--map: no column {missing[0] if missing else '?'!r} in the header: it has {shown}")


def _measuring(layout: Layout) -> Layout:
    has_product = layout.column("voltage_volts") and layout.column("current_amperes")
    if not (layout.column("power_watts") or layout.column("energy_joules") or has_product):
        raise ImportRefused(
            "no column of power, energy, or voltage and current: name one by --map power=COLUMN"
        )
    return layout


def _lhm(head: Sequence[Row], place: int) -> Layout | None:
    """Identifiers in one line, names in the next (METERS, LHM CSV log)."""
    if place + 1 >= len(head):
        return None
    identifiers, names = head[place].cells, head[place + 1]
    if names.cell(0).lower() != "time" or not any(cell.startswith("/") for cell in identifiers):
        return None
    power = _choice(identifiers, names.cells, _LHM_PACKAGE, _PACKAGE_NAMES)
    if power is None:
        return None
    heat = _choice(identifiers, names.cells, _LHM_HEAT, _HEAT_NAMES)
    columns = [Column(power, "power_watts"), *([Column(heat, "temperature_celsius")] if heat else [])]
    return Layout(
        LogFormat.LIBRE_HARDWARE_MONITOR,
        names.line,
        0,
        tuple(columns),
        date_order="mdy",  # the invariant culture of .NET
        scope=Scope.PACKAGE,
        quality=Quality.SENSOR,
        names=names.cells,
    )


def _choice(
    identifiers: Sequence[str], names: Sequence[str], pattern: re.Pattern[str], wanted: Sequence[str]
) -> int | None:
    """The column of the first wanted name among those whose identifier fits."""
    fitting = [
        place
        for place, identifier in enumerate(identifiers)
        if pattern.fullmatch(identifier.strip().strip('"')) and place < len(names)
    ]
    for name in wanted:
        for place in fitting:
            if names[place].strip().lower().startswith(name):
                return place
    return None


def _hwinfo(head: Sequence[Row], place: int) -> Layout | None:
    cells = [cell.strip() for cell in head[place].cells]
    lower = [cell.lower() for cell in cells]
    if lower[:2] != ["date", "time"]:
        return None
    power = _first(lower, ("cpu package power [w]", "cpu ppt [w]"))
    if power is None:
        return None
    heat = _first(lower, ("cpu package [°c]", "cpu (tctl/tdie) [°c]", "core temperatures (avg) [°c]"))
    columns = [Column(power, "power_watts"), *([Column(heat, "temperature_celsius")] if heat else [])]
    return Layout(
        LogFormat.HWINFO,
        head[place].line,
        1,
        tuple(columns),
        date=0,
        scope=Scope.PACKAGE,
        quality=Quality.SENSOR,
        names=tuple(cells),
    )


def _core_temp(head: Sequence[Row], place: int) -> Layout | None:
    lower = [cell.strip().lower() for cell in head[place].cells]
    if not lower or lower[0] != "time":
        return None
    power = _first(lower, ("cpu 0 power",))
    if power is None:
        return None
    heat = next((at for at, name in enumerate(lower) if name.startswith("core 0 temp")), None)
    columns = [Column(power, "power_watts"), *([Column(heat, "temperature_celsius")] if heat else [])]
    return Layout(
        LogFormat.CORE_TEMP,
        head[place].line,
        0,
        tuple(columns),
        scope=Scope.PACKAGE,
        quality=Quality.SENSOR,
        names=head[place].cells,
    )


def _um_meter(head: Sequence[Row], place: int) -> Layout | None:
    """The meters' PC tool: by the names of its columns; no sample of it is public (docs/importing.md)."""
    names = [cell.strip() for cell in head[place].cells]
    lower = [name.lower() for name in names]
    time = next((at for at, name in enumerate(lower) if name.startswith(("time", "date"))), None)
    volts = next((at for at, name in enumerate(lower) if name.startswith("voltage")), None)
    amperes = next((at for at, name in enumerate(lower) if name.startswith("current")), None)
    if time is None or volts is None or amperes is None:
        return None
    power = next((at for at, name in enumerate(lower) if name.startswith("power")), None)
    columns = [
        Column(volts, "voltage_volts"),
        Column(amperes, "current_amperes", _scale(names[amperes])),
        *([Column(power, "power_watts", _scale(names[power]))] if power is not None else []),
    ]
    return Layout(
        LogFormat.UM_METER,
        head[place].line,
        time,
        tuple(columns),
        scope=Scope.BOARD,
        quality=Quality.METERED,
        names=tuple(names),
    )


def _codecarbon(head: Sequence[Row], place: int) -> Layout | None:
    lower = [cell.strip().lower() for cell in head[place].cells]
    if not {"timestamp", "duration", "energy_consumed"} <= set(lower):
        return None
    return Layout(LogFormat.CODECARBON, head[place].line, lower.index("timestamp"), (), names=tuple(lower))


def _first(names: Sequence[str], wanted: Sequence[str]) -> int | None:
    return next((names.index(name) for name in wanted if name in names), None)


def _scale(name: str) -> float:
    """The factor to SI units by the unit in a column's name."""
    return 1e-3 if _MILLI.search(name) else 1.0


_MAKERS: Final[Mapping[LogFormat, Callable[[Sequence[Row], int], Layout | None]]] = {
    LogFormat.CODECARBON: _codecarbon,
    LogFormat.LIBRE_HARDWARE_MONITOR: _lhm,
    LogFormat.HWINFO: _hwinfo,
    LogFormat.CORE_TEMP: _core_temp,
    LogFormat.UM_METER: _um_meter,
}
