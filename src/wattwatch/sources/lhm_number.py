"""Numbers as Windows writes them for people: `42.0 W`, `42,0 W`, `1.234,5 mWh`, `1'234.5 MHz`."""

import re
from typing import Final

from wattwatch.units import JOULES_PER_MILLIWATT_HOUR

_FAHRENHEIT_ZERO: Final = 32.0
_FAHRENHEIT_STEP: Final = 5 / 9
_MINUS: Final = "\N{MINUS SIGN}"  # of Swedish and Norwegian
_GROUPS: Final = re.compile(r"[\s'\N{RIGHT SINGLE QUOTATION MARK}]")  # \s: also the no-break spaces
_NUMBER: Final = re.compile(r"([-+]?)([0-9][0-9.,]{0,39})(.{0,10})")
_ONE_SEPARATOR: Final = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_GROUPED: Final = re.compile(r"[0-9]{1,3}(?:([.,])[0-9]{3})(?:\1[0-9]{3})*(?:(?!\1)[.,][0-9]+)?")

BASE_UNITS: Final[dict[str, dict[str, float]]] = {
    "Power": {"W": 1.0, "mW": 1e-3, "kW": 1e3},
    "Energy": {"mWh": JOULES_PER_MILLIWATT_HOUR, "Wh": 3600.0, "kWh": 3.6e6},
    "Voltage": {"V": 1.0, "mV": 1e-3},
    "Current": {"A": 1.0, "mA": 1e-3},
    "Load": {"%": 0.01},
    "Clock": {"MHz": 1e6, "GHz": 1e9, "Hz": 1.0},
    "Temperature": {"°C": 1.0},
}
"""By type of sensor: the units it is shown in and what they are in SI; the first is that of bare numbers."""

_FAHRENHEIT: Final = "°F"


def si_from_number(kind: str, number: float) -> float:
    """A bare number of a sensor type (watts, milliwatt hours, percent, megahertz …) in SI."""
    return number * next(iter(BASE_UNITS[kind].values()))


def si_from_text(kind: str, text: str) -> float:
    """A number with or without its unit in SI; ValueError if it is no number, or another type's unit."""
    match = _NUMBER.fullmatch(_GROUPS.sub("", text[:60]).replace(_MINUS, "-"))
    if match is None:
        raise ValueError(f"not a number: {text[:40]!r}")
    sign, digits, unit = match.groups()
    number = _decimal(digits) * (-1 if sign == "-" else 1)
    if kind == "Temperature" and unit == _FAHRENHEIT:
        return (number - _FAHRENHEIT_ZERO) * _FAHRENHEIT_STEP
    if not unit:
        return si_from_number(kind, number)
    if unit not in BASE_UNITS[kind]:
        raise ValueError(f"{unit!r} is no unit of {kind}")
    return number * BASE_UNITS[kind][unit]


def _decimal(digits: str) -> float:
    """A number whose decimal sign is a point or a comma; with both, the last one.

    One sign alone is the decimal sign: the formats of the sensors (`F1`, `F3`) never group thousands.
    """
    if _ONE_SEPARATOR.fullmatch(digits):
        return float(digits.replace(",", "."))
    match = _GROUPED.fullmatch(digits)
    if match is None:
        raise ValueError(f"not a number: {digits[:40]!r}")
    plain = digits.replace(match[1], "")
    return float(plain.replace(",", "."))
