"""Figures of one kind side by side, in the same unit and with the same places. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from wattwatch.report.stats.records import Estimate
from wattwatch.report.study import MEASURES, Measure
from wattwatch.report.words import UNKNOWN

TIMES: Final = "\N{MULTIPLICATION SIGN}"
"""Behind a ratio."""

_DIGITS: Final = 4
_SCALES: Final = {
    "J": ((1e6, "MJ"), (1e4, "kJ")),  # below 10 kJ joules have no more than four digits
    "W": ((1e4, "kW"),),
    "s": ((7200.0, "h"), (600.0, "min")),
}
_FACTORS: Final = {"MJ": 1e6, "kJ": 1e3, "kW": 1e3, "h": 3600.0, "min": 60.0}
_WITHOUT_ZERO: Final = frozenset({"°C"})  # their zero is a convention: lengths from it mean nothing
_MEASURES: Final = {measure.key: measure for measure in MEASURES}


@dataclass(frozen=True, slots=True)
class Quantity:
    """How figures of one kind are written: `value / factor`, with so many places, in the unit."""

    unit: str
    factor: float = 1.0
    places: int = 2

    def number(self, value: float | None) -> str:
        """The number alone, for a table whose head has the unit."""
        return UNKNOWN if value is None else f"{value / self.factor:,.{self.places}f}"

    def text(self, value: float | None) -> str:
        """The number with its unit."""
        return UNKNOWN if value is None else f"{self.number(value)} {self.unit}"

    def interval(self, estimate: Estimate | None) -> str:
        """`512.3 [508.1, 516.0]`; without brackets where there is no interval."""
        if estimate is None:
            return UNKNOWN
        if estimate.low is None or estimate.high is None:
            return self.number(estimate.value)
        return f"{self.number(estimate.value)} [{self.number(estimate.low)}, {self.number(estimate.high)}]"


def quantity(unit: str, values: Iterable[float | None]) -> Quantity:
    """How these figures, in a base unit, are best written: four digits of the largest."""
    largest = max((abs(value) for value in values if value is not None), default=0.0)
    scaled = next((unit for least, unit in _SCALES.get(unit, ()) if largest >= least), unit)
    factor = _FACTORS.get(scaled, 1.0)
    whole_digits = len(f"{largest / factor:.0f}")
    places = 1 if unit in _WITHOUT_ZERO else max(0, min(3, _DIGITS - whole_digits))
    return Quantity(scaled, factor, places)


def measure_of(key: str) -> Measure:
    """The measure of a key; one that is not known is named by its key."""
    return _MEASURES.get(key) or Measure(key, key.replace("_", " "), "")


def has_zero(measure: Measure) -> bool:
    """Whether its ratios mean anything."""
    return measure.unit not in _WITHOUT_ZERO
