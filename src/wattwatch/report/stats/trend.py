"""Repetitions that are not alike: a cold first run, a drift from run to run. Values in order of start."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wattwatch.report.stats.records import Caution

_COLD_LEVEL: Final = 0.01  # false alarms: one of a hundred series of normal figures
_COLD_LEAST_COUNT: Final = 5
_COLD_TRIALS: Final = 40_000
_COLD_MOST_COUNT: Final = 30  # the threshold hardly falls any more
_QUARTILES: Final = (0.25, 0.75)
# Five repetitions in a row that all rise (or all fall) have p = 2/5! = 0.017: that is to be said.
DRIFT_LEVEL: Final = 0.02
_LEAST_COUNT: Final = 5


def cold_run(values: Sequence[float]) -> Caution | None:
    """A caution where the first repetition lies apart from the others; None for fewer than five.

    Its distance from the others' median is compared with their interquartile range, which one outlier among
    them does not move. The threshold is that which 1 % of series of normal figures pass, by simulation.
    """
    figures = np.asarray(values, dtype=np.float64)
    if figures.size < _COLD_LEAST_COUNT:
        return None
    distance, spread = _distance_and_spread(figures[np.newaxis])
    if not abs(distance[0]) > _cold_threshold(min(figures.size, _COLD_MOST_COUNT)) * spread[0]:
        return None
    return Caution("cold-first-run", f"cold first run: {_first_against_others(figures)}: make it a warm-up")


def drift(values: Sequence[float], temperatures: Sequence[float] | None = None) -> Caution | None:
    """A caution where figures rise or fall over the repetitions: Kendall's tau with the order, p < 0.02.

    Exact for few values without ties (Mann 1945). Where the temperatures, one for each value, go along with
    the figures at the same level, they are named as the suspect. None for fewer than five.
    """
    figures = np.asarray(values, dtype=np.float64)
    order = np.arange(figures.size, dtype=np.float64)
    tau = _tau(order, figures)
    if tau is None:
        return None
    text = f"the figures {'rise' if tau > 0 else 'fall'} from repetition to repetition{_slope_text(figures)}"
    if temperatures is not None and _tau(np.asarray(temperatures, dtype=np.float64), figures) is not None:
        return Caution(
            "drift-with-temperature", f"{text}; the temperature goes along with them: let it cool down"
        )
    return Caution("drift", f"{text}: shuffle the order, and wait between runs")


def _tau(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """Kendall's tau if it is beyond the level, else None."""
    if one.shape != other.shape:
        raise ValueError("one value is needed for each repetition")
    if other.size < _LEAST_COUNT or np.ptp(other) == 0 or np.ptp(one) == 0:
        return None
    found = stats.kendalltau(one, other)
    return float(found.statistic) if found.pvalue < DRIFT_LEVEL else None


def _slope_text(figures: NDArray[np.float64]) -> str:
    """By how much, of the median, after Theil and Sen; nothing where a percentage says nothing."""
    centre = float(np.median(figures))
    if figures.min() <= 0:
        return ""
    slope = float(stats.theilslopes(figures).slope)
    return f" (by about {abs(slope / centre):.1%} each)"


def _first_against_others(figures: NDArray[np.float64]) -> str:
    first, others = float(figures[0]), float(np.median(figures[1:]))
    direction = "above" if first > others else "below"
    if figures.min() <= 0:
        return f"the first repetition lies far {direction} the others"
    return f"the first repetition is {abs(first / others - 1):.1%} {direction} the median of the others"


def _distance_and_spread(series: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each row: its first value minus the others' median, and their interquartile range."""
    first, others = series[:, 0], series[:, 1:]
    low, high = np.quantile(others, _QUARTILES, axis=1)
    return first - np.median(others, axis=1), high - low


@lru_cache(maxsize=_COLD_MOST_COUNT)
def _cold_threshold(count: int) -> float:
    """The distance, in interquartile ranges, that the first of `count` normal figures exceeds by chance."""
    series = np.random.default_rng(count).standard_normal((_COLD_TRIALS, count))
    distance, spread = _distance_and_spread(series)
    return float(np.quantile(np.abs(distance) / spread, 1 - _COLD_LEVEL))
