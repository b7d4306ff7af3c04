"""The logs of programs that are known: by their headers. Pure.

Facts of the formats: docs/importing.md. Power is that of the sensor that stands for the whole package; where
several could, the user says which, because which one is the node's cannot be told from a log.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from wattwatch.reading import Quality, Scope
from wattwatch.session.imports.layouts import (
    Layout,
    LogFormat,
    mapped_layout,
    only_place,
    shown_columns,
)
from wattwatch.session.imports.quantities import (
    AMPERES,
    CELSIUS,
    POWER,
    VOLTS,
    Column,
    measured_column,
)
from wattwatch.session.imports.table import ImportRefused, Row

_LHM_PACKAGE: Final = re.compile(r"/(?:intel|amd)cpu/\d+/power/\d+", re.IGNORECASE)
_LHM_HEAT: Final = re.compile(r"/(?:intel|amd)cpu/\d+/temperature/\d+", re.IGNORECASE)
_LHM_PACKAGE_NAMES: Final = ("cpu package", "package")
_LHM_HEAT_NAMES: Final = ("cpu package", "core (tctl/tdie)", "core max", "core average", "cpu core")
_HWINFO_POWER: Final = ("cpu package power [w]", "cpu ppt [w]", "cpu package [w]")
_HWINFO_HEAT: Final = ("cpu package [°c]", "cpu (tctl/tdie) [°c]", "core temperatures (avg) [°c]")
_CORE_TEMP_POWER: Final = re.compile(r"cpu \d+ power")
_CORE_TEMP_FOOTER: Final = re.compile(r"[^\d]*:")  # `Session end:`
_CODECARBON_COLUMNS: Final = frozenset({"timestamp", "duration", "energy_consumed"})
_DEFAULTS: Final[Mapping[LogFormat, tuple[Scope, Quality]]] = {
    LogFormat.LIBRE_HARDWARE_MONITOR: (Scope.PACKAGE, Quality.SENSOR),
    LogFormat.HWINFO: (Scope.PACKAGE, Quality.SENSOR),
    LogFormat.CORE_TEMP: (Scope.PACKAGE, Quality.SENSOR),
    LogFormat.UM_METER: (Scope.BOARD, Quality.METERED),
    LogFormat.CODECARBON: (Scope.PACKAGE, Quality.MODEL),  # a package with its memory counts as one
}


def layout_of(head: Sequence[Row], wanted: str, mapping: Mapping[str, str]) -> Layout:
    """The layout of a log by its first lines; ImportRefused if no program's, and there is no `--map`."""
    if mapping:
        if wanted == LogFormat.CODECARBON:
            raise ImportRefused("--map: the rows of CodeCarbon's file are runs, and their columns are known")
        layout = mapped_layout(head, mapping)
        return layout if wanted in ("auto", LogFormat.CSV) else _known(layout, LogFormat(wanted))
    for kind, make in _MAKERS.items():
        for place in range(len(head) if wanted in ("auto", kind) else 0):
            layout_found = make(head, place)
            if layout_found is not None:
                return _known(layout_found, kind)
    names = shown_columns(head[0].cells if head else ())
    raise ImportRefused(
        f"no known log ({names}): name its columns by --map, such as --map 'time=Time,power=Power [W]'"
    )


def _known(layout: Layout, kind: LogFormat) -> Layout:
    scope, quality = _DEFAULTS[kind]
    return replace(layout, format=kind, scope=scope, quality=quality)


def _layout(row: Row, time: int, columns: Sequence[Column | None]) -> Layout:
    names = tuple(cell.strip() for cell in row.cells)
    return Layout(LogFormat.CSV, row.line, time, tuple(filter(None, columns)), names)


def _lhm(head: Sequence[Row], place: int) -> Layout | None:
    """Identifiers in one line, names in the next; dates in .NET's invariant culture, month first."""
    if place + 1 >= len(head) or head[place + 1].cell(0).lower() != "time":
        return None
    identifiers, names = head[place].cells, head[place + 1]
    power = _lhm_places(identifiers, names.cells, _LHM_PACKAGE, _LHM_PACKAGE_NAMES)
    if not power:
        return None
    heat = _lhm_places(identifiers, names.cells, _LHM_HEAT, _LHM_HEAT_NAMES)
    columns = [
        Column(_chosen(power, names.cells[power[0]]), POWER),
        Column(heat[0], CELSIUS) if heat else None,
    ]
    return replace(_layout(names, 0, columns), date_order="mdy")


def _lhm_places(
    identifiers: Sequence[str], names: Sequence[str], pattern: re.Pattern[str], wanted: Sequence[str]
) -> list[int]:
    """The columns of the first wanted name among those whose identifier fits."""
    fitting = [
        place
        for place, identifier in enumerate(identifiers)
        if pattern.fullmatch(identifier.strip().strip('"')) and place < len(names)
    ]
    found = ([at for at in fitting if names[at].strip().lower().startswith(name)] for name in wanted)
    return next(filter(None, found), [])


def _chosen(places: Sequence[int], name: str) -> int:
    place = only_place(places, name.strip())
    if place is None:
        raise ImportRefused(f"no column {name!r}")
    return place


def _hwinfo(head: Sequence[Row], place: int) -> Layout | None:
    """Columns Date and Time, then sensors; names may be there more than once."""
    row = head[place]
    lower = [cell.strip().lower() for cell in row.cells]
    power = _named(lower, _HWINFO_POWER)
    if lower[:2] != ["date", "time"] or not power:
        return None
    heat = _named(lower, _HWINFO_HEAT)
    columns = [
        Column(_chosen(power, row.cells[power[0]]), POWER),
        Column(heat[0], CELSIUS) if heat else None,
    ]
    return replace(_layout(row, 1, columns), date=0)


def _core_temp(head: Sequence[Row], place: int) -> Layout | None:
    """Below some lines about the processor; `09:26:50 03/14/26`, month first; at the end a line about it."""
    row = head[place]
    lower = [cell.strip().lower() for cell in row.cells]
    power = [at for at, name in enumerate(lower) if _CORE_TEMP_POWER.fullmatch(name)]
    if lower[:1] != ["time"] or not power:
        return None
    heat = next((at for at, name in enumerate(lower) if name.startswith("core 0 temp")), None)
    columns = [
        Column(_chosen(power, "CPU … Power"), POWER),
        None if heat is None else Column(heat, CELSIUS),
    ]
    return replace(_layout(row, 0, columns), date_order="mdy", footer=_CORE_TEMP_FOOTER)


def _um_meter(head: Sequence[Row], place: int) -> Layout | None:
    """The meters' PC tool: by the names of its columns; no sample of it is public."""
    row = head[place]
    names = [cell.strip() for cell in row.cells]
    lower = [name.lower() for name in names]
    time, volts, amperes, power = (
        next((at for at, name in enumerate(lower) if name.startswith(begins)), None)
        for begins in (("time", "date"), "voltage", "current", "power")
    )
    if time is None or volts is None or amperes is None:
        return None
    columns = [
        measured_column(VOLTS, volts, names[volts]),
        measured_column(AMPERES, amperes, names[amperes]),
        None if power is None else measured_column(POWER, power, names[power]),
    ]
    return _layout(row, time, columns)


def _codecarbon(head: Sequence[Row], place: int) -> Layout | None:
    lower = tuple(cell.strip().lower() for cell in head[place].cells)
    if not set(lower) >= _CODECARBON_COLUMNS:
        return None
    return replace(_layout(head[place], lower.index("timestamp"), ()), names=lower)


def _named(names: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """The places of the first of these names that there is."""
    found = ([at for at, name in enumerate(names) if name == one] for one in wanted)
    return next(filter(None, found), [])


_MAKERS: Final[Mapping[LogFormat, Callable[[Sequence[Row], int], Layout | None]]] = {
    LogFormat.CODECARBON: _codecarbon,
    LogFormat.LIBRE_HARDWARE_MONITOR: _lhm,
    LogFormat.HWINFO: _hwinfo,
    LogFormat.CORE_TEMP: _core_temp,
    LogFormat.UM_METER: _um_meter,
}
