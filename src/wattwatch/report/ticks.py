"""Round numbers for the axes of a chart. Pure."""

import math
from typing import Final, NamedTuple

_MOST_TICKS: Final = 8
_ROUND: Final = (1.0, 2.0, 2.5, 5.0, 10.0)
_LEAST_SPAN: Final = 1e-6
_MINUTE: Final = 60
_HOUR: Final = 3600
_TIME_STEPS_SECONDS: Final = (
    0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400,
)  # fmt: skip


class Tick(NamedTuple):
    """A mark on an axis, and what is written there."""

    at: float
    text: str


def value_ticks(lowest: float, highest: float, most: int = 5) -> list[Tick]:
    """Round values that enclose both; at most `most` steps between the first and the last, at least one."""
    span, size = highest - lowest, max(1.0, abs(highest))
    if span < _LEAST_SPAN * size:  # flat: any axis will do that has room for the line
        span, highest = size, lowest + size
    step = _round_step(span / (most - 1))
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    places += not math.isclose(round(step, places), step, rel_tol=1e-6)
    return [Tick(index * step, f"{index * step:.{places}f}") for index in range(first, last + 1)]


def _round_step(at_least: float) -> float:
    power = 10.0 ** math.floor(math.log10(at_least))
    return next((power * factor for factor in _ROUND if power * factor >= at_least * (1 - 1e-9)), power * 10)


def time_ticks(start_seconds: float, end_seconds: float) -> list[Tick]:
    """Round times from one to the other, such as `30 s`, `1:30`, `2:00 h`; at most eight."""
    span = end_seconds - start_seconds
    step = next((step for step in _TIME_STEPS_SECONDS if span / step < _MOST_TICKS), 0.0)
    if not step:  # longer than a week: whole days
        step = 86400.0 * math.ceil(span / _MOST_TICKS / 86400.0)
    first, last = math.ceil(start_seconds / step), math.floor(end_seconds / step)
    return [Tick(index * step, _time_text(index * step, span)) for index in range(first, last + 1)]


def _time_text(seconds: float, span_seconds: float) -> str:
    if span_seconds < 2 * _MINUTE:
        return f"{seconds:g} s"
    sign, whole = ("-" if seconds < 0 else ""), abs(round(seconds))
    if span_seconds < 2 * _HOUR:
        return f"{sign}{whole // _MINUTE}:{whole % _MINUTE:02d}"
    return f"{sign}{whole // _HOUR}:{whole % _HOUR // _MINUTE:02d} h"
