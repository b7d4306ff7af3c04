"""What columns are by `--map`, and in which units: as the key says, else the column's name. Pure."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wattwatch.session.imports.table import ImportRefused

TIME: Final = "time"
DATE: Final = "date"
POWER: Final = "power_watts"
ENERGY: Final = "energy_joules"
VOLTS: Final = "voltage_volts"
AMPERES: Final = "current_amperes"
CELSIUS: Final = "temperature_celsius"

_FAHRENHEIT_RATIO: Final = 5 / 9
_FAHRENHEIT_ZERO_CELSIUS: Final = -32 * 5 / 9


@dataclass(frozen=True, slots=True)
class Column:
    """A column that is read: its place from 0, the quantity, and how a value becomes one in SI units."""

    place: int
    quantity: str  # with its unit: power_watts
    factor: float = 1.0
    zero: float = 0.0

    def si(self, value: float) -> float:
        """A value of the column in the quantity's unit."""
        return value * self.factor + self.zero


@dataclass(frozen=True, slots=True)
class _Unit:
    word: str  # in keys: power_milliwatts
    factor: float
    signs: tuple[str, ...]  # in names of columns: Power [mW]
    zero: float = 0.0


_UNITS: Final[Mapping[str, tuple[_Unit, ...]]] = {
    POWER: (
        _Unit("watts", 1.0, ("W", "w", "Watt", "watt", "Watts", "watts")),
        _Unit("milliwatts", 1e-3, ("mW", "mw")),
        _Unit("kilowatts", 1e3, ("kW", "kw")),
    ),
    ENERGY: (
        _Unit("joules", 1.0, ("J", "j", "Joule", "Joules", "joules")),
        _Unit("watt_hours", 3600.0, ("Wh", "wh")),
        _Unit("milliwatt_hours", 3.6, ("mWh", "mwh")),
        _Unit("kilowatt_hours", 3.6e6, ("kWh", "kwh")),
    ),
    CELSIUS: (
        _Unit("celsius", 1.0, ("°C", "C", "celsius", "Celsius", "°")),
        _Unit("fahrenheit", _FAHRENHEIT_RATIO, ("°F", "F", "fahrenheit"), _FAHRENHEIT_ZERO_CELSIUS),
    ),
    VOLTS: (
        _Unit("volts", 1.0, ("V", "v", "Volt", "volts")),
        _Unit("millivolts", 1e-3, ("mV", "mv")),
    ),
    AMPERES: (
        _Unit("amperes", 1.0, ("A", "a", "Amp", "amps")),
        _Unit("milliamperes", 1e-3, ("mA", "ma")),
    ),
}
_BRACKETED: Final = re.compile(r"[\[(]\s*([^\])]*?)\s*[\])]\s*$")
_LAST_WORD: Final = re.compile(r"(?:^|[_ ])([^_ ]+)$")

_PLAIN: Final[Mapping[str, str]] = {quantity.partition("_")[0]: quantity for quantity in _UNITS}
"""Keys without a unit, such as `power`: the column's name tells it."""

_SAID: Final[Mapping[str, tuple[str, _Unit]]] = {
    f"{plain}_{unit.word}": (quantity, unit)
    for plain, quantity in _PLAIN.items()
    for unit in _UNITS[quantity]
}
KEYS: Final = (TIME, DATE, *_PLAIN, *_SAID)
"""Every key of `--map`."""


def column_of(key: str, place: int, name: str) -> Column:
    """The column that a key of `--map` names; ImportRefused if its name has a unit of something else."""
    if key in _SAID:
        quantity, unit = _SAID[key]
    else:
        quantity = _PLAIN[key]
        unit = _unit_of(key, name)
    return Column(place, quantity, unit.factor, unit.zero)


def measured_column(quantity: str, place: int, name: str) -> Column:
    """A column of a quantity, in the unit that its name has; ImportRefused if that is no unit of it."""
    return column_of(quantity.partition("_")[0], place, name)


def _unit_of(key: str, name: str) -> _Unit:
    """The unit in a column's name: in brackets, or its last word; in SI units if there is none."""
    units = _UNITS[_PLAIN[key]]
    bracketed, last = _BRACKETED.search(name), _LAST_WORD.search(name)
    for found in (bracketed, last):
        unit = next((unit for unit in units if found and found[1] in unit.signs), None)
        if unit is not None:
            return unit
    if bracketed is not None or key == _energy_key():
        words = ", ".join(f"{key}_{unit.word}" for unit in units)
        raise ImportRefused(f"--map {key}={name[:60]}: in which unit? pass one of {words}")
    return units[0]


def _energy_key() -> str:
    """The key whose columns are as often in Wh as in J: nothing is assumed."""
    return ENERGY.partition("_")[0]


def parsed_mapping(texts: Iterable[str]) -> dict[str, str]:
    """The columns of `KEY=COLUMN[,KEY=COLUMN…]` texts by key; ImportRefused for anything else.

    A comma in the name of a column is kept where no known key follows it.
    """
    keys = "|".join(KEYS)
    found: dict[str, str] = {}
    for text in texts:
        for part in re.split(rf",(?=(?:{keys})=)", text):
            key, equals, name = part.partition("=")
            if not equals or not name.strip() or key not in KEYS:
                raise ImportRefused(
                    f"--map {part[:60]!r}: expected KEY=COLUMN with KEY one of {', '.join(KEYS)}"
                )
            if key in found:
                raise ImportRefused(f"--map: {key} is given twice")
            found[key] = name.strip()
    return found
