"""Repetitions that are not alike: a cold first run, a drift from run to run. Values in order of start."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from wattwatch.report.stats.records import ALPHA, Caution

Figures = NDArray[np.float64]

_COLD_LEVEL: Final = 0.01  # false alarms: one of a hundred series of normal figures
_COLD_TRIALS: Final = 40_000
_COLD_MOST_COUNT: Final = 30  # above, the threshold hardly falls any more
_ONE_OUTLIER_OF: Final = 5  # so many of the others may lie apart, too
# Five repetitions in a row that all rise (or all fall) have p = 2/5! = 0.017: that is to be said.
DRIFT_LEVEL: Final = 0.02
_LEAST_COUNT: Final = 5
_COOL_DOWN: Final = "let it cool down between runs, and shuffle what is compared"
_IN_BLOCKS: Final = "the groups were measured one after the other"
_ONE_AFTER_THE_OTHER: Final = 0.5  # Cliff's delta of the places: 3 of 4 pairs of runs in the same order


def cold_run(values: Sequence[float]) -> Caution | None:
    """A caution where the first repetition lies apart from the others; None for fewer than five.

    Its distance from the others' median is compared with their root mean square distance from it, a fifth of
    them, the most distant, left out. The threshold is that which 1 % of series of normal figures pass, by
    simulation.
    """
    figures = np.asarray(values, dtype=np.float64)
    if figures.size < _LEAST_COUNT:
        return None
    distance, spread = _distance_and_spread(figures[np.newaxis])
    if not abs(distance[0]) > _cold_threshold(min(figures.size, _COLD_MOST_COUNT)) * spread[0]:
        return None
    return Caution("cold-first-run", f"cold first run: {_first_against_others(figures)}; use --warmup 1")


def drift(values: Sequence[float], temperatures: Sequence[float] | None = None) -> Caution | None:
    """A caution where figures rise or fall over the repetitions: Kendall's tau with their order, p < 0.02.

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
        return Caution("drift-with-temperature", f"{text}, and the temperature is the suspect: {_COOL_DOWN}")
    return Caution("drift", f"{text}: {_COOL_DOWN}")


def confounded_order(
    one: Sequence[float], other: Sequence[float], one_places: Sequence[int], other_places: Sequence[int]
) -> Caution | None:
    """A caution where two groups were measured one after the other; None for an interleaved series.

    The places are those of the runs in their common series. What drifts then looks like a difference of the
    groups, while in a shuffled series it only adds spread. "drift-between" where a drift is seen, at 0.05,
    the level of the verdict that it puts in doubt: by the sum of both groups' Kendall scores (Hirsch, Slack
    and Smith 1982), which no difference of the groups moves. Else "not-shuffled".
    """
    apart = float(np.sign(np.subtract.outer(np.asarray(other_places), np.asarray(one_places))).mean())
    if abs(apart) <= _ONE_AFTER_THE_OTHER:
        return None
    scores, variances = zip(_score(one, one_places), _score(other, other_places), strict=True)
    score, variance = sum(scores), sum(variances)
    if not variance or 2 * stats.norm.sf((abs(score) - 1) / np.sqrt(variance)) >= ALPHA:
        return Caution(
            "not-shuffled", f"{_IN_BLOCKS}: a slow drift would look like a difference; use --shuffle"
        )
    direction = "rose" if score > 0 else "fell"
    return Caution(
        "drift-between",
        f"{_IN_BLOCKS} while the figures {direction} from run to run: their difference may be this drift; "
        "measure again with --shuffle",
    )


def _score(values: Sequence[float], places: Sequence[int]) -> tuple[float, float]:
    """Kendall's score of values against their places, and its variance without trend (Kendall 1975)."""
    if len(values) != len(places):
        raise ValueError("one place is needed for each repetition")
    figures = np.asarray(values, dtype=np.float64)[np.argsort(places, kind="stable")]
    count = figures.size
    score = np.sign(np.subtract.outer(figures, figures))[np.tril_indices(count, -1)].sum()
    repeats = np.unique(figures, return_counts=True)[1]
    return float(score), float(_kendall_variance(np.asarray(count)) - _kendall_variance(repeats).sum())


def _kendall_variance(count: NDArray[np.int_]) -> Figures:
    return count * (count - 1) * (2 * count + 5) / 18


def _tau(one: Figures, other: Figures) -> float | None:
    """Kendall's tau if it is beyond the level, else None."""
    if one.shape != other.shape:
        raise ValueError("one value is needed for each repetition")
    if other.size < _LEAST_COUNT or np.ptp(other) == 0 or np.ptp(one) == 0:
        return None
    found = stats.kendalltau(one, other)
    return float(found.statistic) if found.pvalue < DRIFT_LEVEL else None


def _slope_text(figures: Figures) -> str:
    """By how much, of the median, after Theil and Sen; nothing where a percentage says nothing."""
    centre = float(np.median(figures))
    if figures.min() <= 0:
        return ""
    slope = float(stats.theilslopes(figures).slope)
    return f" (by about {abs(slope / centre):.1%} each)"


def _first_against_others(figures: Figures) -> str:
    first, others = float(figures[0]), float(np.median(figures[1:]))
    direction = "above" if first > others else "below"
    if figures.min() <= 0:
        return f"the first repetition lies far {direction} the others"
    return f"the first repetition is {abs(first / others - 1):.1%} {direction} the median of the others"


def _distance_and_spread(series: Figures) -> tuple[Figures, Figures]:
    """Of each row: its first value minus the others' median, and the others' spread about it."""
    others = series[:, 1:]
    median = np.median(others, axis=1)
    distances = np.sort(np.abs(others - median[:, np.newaxis]), axis=1)
    kept = distances[:, : others.shape[1] - others.shape[1] // _ONE_OUTLIER_OF]
    return series[:, 0] - median, np.sqrt(np.square(kept).mean(axis=1))


@lru_cache(maxsize=_COLD_MOST_COUNT)
def _cold_threshold(count: int) -> float:
    """The distance, in spreads, that the first of `count` normal figures exceeds by chance."""
    series = np.random.default_rng(count).standard_normal((_COLD_TRIALS, count))
    distance, spread = _distance_and_spread(series)
    return float(np.quantile(np.abs(distance) / spread, 1 - _COLD_LEVEL))
