"""Loads of a simulated meter: how much power flows when.

The shapes `training` and `inference` follow a published measurement of a Raspberry Pi 4: training for about
10 minutes at a mean of 6.4 W while its CPU warms from 50 to 75.4 degrees, inference at a mean of 3.35 W with
peaks of 4.97 W, idle at about 2.9 W.
"""

import csv
import math
import random
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Final, Protocol

from wattwatch.errors import ConfigError

IDLE_WATTS: Final = 2.9
BUSY_WATTS: Final = 6.4
TRAINING_SECONDS: Final = 600
TRAINING_MEAN_WATTS: Final = 6.4
INFERENCE_PERIOD_SECONDS: Final = 60
INFERENCE_MEAN_WATTS: Final = 3.35
INFERENCE_PEAK_WATTS: Final = 4.97
COOL_CELSIUS: Final = 50.0
HOT_CELSIUS: Final = 75.4

_SUPPLY_VOLTS: Final = 5.15
_CABLE_OHMS: Final = 0.04
_VOLTS_RANGE: Final = (4.0, 24.0)  # what the meters are made for; below, they go off


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is shown beside the power."""

    volts: float
    temperature_celsius: float


class Profile(Protocol):
    """A load. Time may be negative: then it is what was before the simulation began."""

    def joules(self, seconds: float) -> float:
        """Energy that has flowed by then, counted from any origin; asked for in rising order, roughly."""
        ...

    def conditions(self, seconds: float) -> Conditions:
        """Supply voltage and temperature at that time."""
        ...


@dataclass(frozen=True, slots=True)
class Point:
    """A corner of a piecewise linear load."""

    seconds: float
    watts: float
    volts: float
    temperature_celsius: float = 40.0


class TableProfile:
    """A piecewise linear load: repeated for ever with `period_seconds`, else held at both ends."""

    def __init__(self, points: Sequence[Point], period_seconds: float | None = None) -> None:
        """`points` in rising order of time; two at the same time make a step. With a period it spans it."""
        self._points = tuple(points)
        self._starts = [point.seconds for point in self._points]
        self._cumulative = list(accumulate((_segment_joules(a, b) for a, b in pairwise(points)), initial=0.0))
        self._period_seconds = period_seconds

    def joules(self, seconds: float) -> float:
        """Energy since the table's first point."""
        periods, rest_seconds = self._folded(seconds)
        before, here = self._before(rest_seconds), self.point(rest_seconds)
        whole = self._cumulative[before] + _segment_joules(self._points[before], here)
        return periods * self._cumulative[-1] + whole

    def conditions(self, seconds: float) -> Conditions:
        """Voltage and temperature of the table."""
        here = self.point(self._folded(seconds)[1])
        return Conditions(here.volts, here.temperature_celsius)

    def point(self, seconds: float) -> Point:
        """The table's state at a time within it, held before and after."""
        index = self._before(seconds)
        a, b = self._points[index], self._points[min(index + 1, len(self._points) - 1)]
        span_seconds = b.seconds - a.seconds
        share = (seconds - a.seconds) / span_seconds if span_seconds > 0 and seconds > a.seconds else 0.0
        return Point(
            seconds,
            a.watts + share * (b.watts - a.watts),
            a.volts + share * (b.volts - a.volts),
            a.temperature_celsius + share * (b.temperature_celsius - a.temperature_celsius),
        )

    def _before(self, seconds: float) -> int:
        return max(bisect_right(self._starts, seconds) - 1, 0)

    def _folded(self, seconds: float) -> tuple[float, float]:
        return divmod(seconds, self._period_seconds) if self._period_seconds else (0.0, seconds)


def _segment_joules(a: Point, b: Point) -> float:
    return (a.watts + b.watts) / 2 * (b.seconds - a.seconds)


def supply_volts(watts: float) -> float:
    """Voltage at the board: a 5 V supply sags a little over its cable."""
    return _SUPPLY_VOLTS - _CABLE_OHMS * watts / _SUPPLY_VOLTS


def constant(watts: float) -> TableProfile:
    """The same power for ever."""
    return TableProfile([Point(0.0, watts, supply_volts(watts))])


def training(seed: int) -> TableProfile:
    """Ten minutes of preparing and epochs with a mean of 6.4 W, warming to 75.4 degrees, then idle."""
    rng = random.Random(seed)  # noqa: S311 - a simulation wants repeatable noise
    shape = [_training_shape(second) * rng.uniform(0.98, 1.02) for second in range(TRAINING_SECONDS + 1)]
    mean_watts = (sum(shape) - (shape[0] + shape[-1]) / 2) / TRAINING_SECONDS
    scale = TRAINING_MEAN_WATTS / mean_watts
    run = [_training_point(second, watts * scale) for second, watts in enumerate(shape)]
    return TableProfile([*run, *_cooling()])


def _training_shape(second: int) -> float:
    preparing_seconds, epoch_seconds, evaluation_from, ending_from = 30, 56, 50, 590
    if second < preparing_seconds:
        return IDLE_WATTS + 2.1 * second / preparing_seconds
    if second >= ending_from:
        return 5.0
    return 6.9 if (second - preparing_seconds) % epoch_seconds < evaluation_from else 5.6


def _training_point(second: int, watts: float) -> Point:
    time_constant_seconds = 150.0
    warm = -math.expm1(-second / time_constant_seconds) / -math.expm1(
        -TRAINING_SECONDS / time_constant_seconds
    )
    return Point(second, watts, supply_volts(watts), COOL_CELSIUS + (HOT_CELSIUS - COOL_CELSIUS) * warm)


def _cooling() -> Iterable[Point]:
    """Idle from the end of training on: a step down, then fifteen minutes of cooling."""
    time_constant_seconds, step_seconds = 180.0, 10
    for second in range(0, 900, step_seconds):
        cooled = math.exp(-second / time_constant_seconds)
        celsius = COOL_CELSIUS + (HOT_CELSIUS - COOL_CELSIUS) * cooled
        yield Point(TRAINING_SECONDS + second, IDLE_WATTS, supply_volts(IDLE_WATTS), celsius)


def inference(seed: int) -> TableProfile:
    """Bursts of requests on an idle board, each minute the same: a mean of 3.35 W, peaks of 4.97 W."""
    rng = random.Random(seed)  # noqa: S311 - a simulation wants repeatable noise
    busy = {start + second for start in (4, 16, 28) for second in range(rng.randint(4, 7))}
    peak = range(42, 46)
    watts = [IDLE_WATTS + rng.uniform(-0.02, 0.02) for _ in range(INFERENCE_PERIOD_SECONDS)]
    rest = sum(w for second, w in enumerate(watts) if second not in busy and second not in peak)
    wanted = INFERENCE_MEAN_WATTS * INFERENCE_PERIOD_SECONDS - rest - len(peak) * INFERENCE_PEAK_WATTS
    for second in range(INFERENCE_PERIOD_SECONDS):
        if second in busy:
            watts[second] = wanted / len(busy)
        elif second in peak:
            watts[second] = INFERENCE_PEAK_WATTS
    corners = [Point(second, w, supply_volts(w), 55.0) for second, w in enumerate([*watts, watts[0]])]
    return TableProfile(corners, INFERENCE_PERIOD_SECONDS)


def from_csv(path: Path) -> TableProfile:
    """The load of a CSV file with the columns seconds, watts and perhaps volts, temperature.

    Straight lines between rows, the last row held for ever. ConfigError names the file and the line.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            points = _csv_points(path, csv.DictReader(row for row in file if not row.startswith("#")))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({error}): give a CSV file with seconds,watts") from error
    if not points:
        raise ConfigError(f"{path}: no rows: expected a header with seconds,watts and at least one row")
    return TableProfile([replace(point, seconds=point.seconds - points[0].seconds) for point in points])


def _csv_points(path: Path, reader: "csv.DictReader[str]") -> list[Point]:
    points: list[Point] = []
    for row in reader:
        try:
            point = _csv_point(row)
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{path}: row {len(points) + 1}: {error}: expected the columns "
                "seconds,watts[,volts][,temperature] with numbers"
            ) from error
        if points and point.seconds < points[-1].seconds:
            raise ConfigError(f"{path}: row {len(points) + 1}: its seconds are less than those before it")
        points.append(point)
    return points


def _csv_point(row: dict[str, str]) -> Point:
    if not {"seconds", "watts"} <= row.keys():
        raise ValueError("a column is missing")
    seconds, watts = float(row["seconds"]), float(row["watts"])
    volts = float(row["volts"]) if row.get("volts") else supply_volts(watts)
    celsius = float(row.get("temperature") or row.get("temperature_celsius") or 40.0)
    lowest_volts, highest_volts = _VOLTS_RANGE
    if not (
        watts >= 0 and lowest_volts <= volts <= highest_volts and math.isfinite(seconds + watts + celsius)
    ):
        raise ValueError(f"watts must be 0 or more, and volts {lowest_volts:g} to {highest_volts:g}")
    return Point(seconds, watts, volts, celsius)
