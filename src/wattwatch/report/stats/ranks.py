"""Two groups by rank: Mann-Whitney U, Cliff's delta, Hodges-Lehmann shift. No distribution is assumed."""

from functools import lru_cache
from math import comb, floor, sqrt
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from wattwatch.report.stats.records import ALPHA, Caution, Estimate
from wattwatch.report.stats.sample import Sample

LARGEST_EXACT_COUNT: Final = 50  # above, the normal approximation is right to the third digit
_HALF: Final = 0.5  # continuity: U goes in whole steps
_INSIDE: Final = 1e-9  # beside the share itself: at 0 and 1 it is a root, too, but not the one
_LEAST_COUNT: Final = 2
_Z: Final = float(stats.norm.isf(ALPHA / 2))
_APPROXIMATED: Final = "p by the normal approximation with tie and continuity correction"


def is_exact(one: Sample, other: Sample) -> bool:
    """Whether the p-value is exact: no two values are equal, and no group is over 50."""
    pooled = np.concatenate([one, other])
    return _is_small(one.size, other.size) and np.unique(pooled).size == pooled.size


def p_value(one: Sample, other: Sample) -> float | None:
    """Two-sided p of Mann-Whitney's U: exact, else normal with tie and continuity correction.

    None for fewer than two values in a group; 1 where all values of both are the same.
    """
    if min(one.size, other.size) < _LEAST_COUNT:
        return None
    if max(one[-1], other[-1]) == min(one[0], other[0]):
        return 1.0
    method: Literal["exact", "asymptotic"] = "exact" if is_exact(one, other) else "asymptotic"
    return float(stats.mannwhitneyu(other, one, alternative="two-sided", method=method).pvalue)


def smallest_p_value(one_count: int, other_count: int) -> float:
    """The p of two groups that do not overlap at all: 2 of all ways to deal out the ranks."""
    return min(1.0, 2 / comb(one_count + other_count, one_count))


def least_count(alpha: float = ALPHA) -> int:
    """Repetitions in each of two groups with which p can be below `alpha` at all."""
    count = 1
    while smallest_p_value(count, count) >= alpha:
        count += 1
    return count


def approximation_caution(one: Sample, other: Sample) -> Caution | None:
    """Why p is not exact; None if it is."""
    if is_exact(one, other):
        return None
    cause = "equal values" if _is_small(one.size, other.size) else f"over {LARGEST_EXACT_COUNT} repetitions"
    return Caution("p-approximated", f"{cause}: {_APPROXIMATED}")


def cliffs_delta(one: Sample, other: Sample) -> Estimate:
    """Share of pairs in which `other` is greater, minus the share in which it is less: -1 to 1.

    The interval is Newcombe's (Statistics in Medicine 25, 2006, 559-573, method 5) of P(other > one) + half
    the ties, doubled minus 1: a score interval, which keeps a width where no value overlaps.
    """
    delta = float(np.sign(_differences(one, other)).mean())
    if min(one.size, other.size) < _LEAST_COUNT:
        return Estimate(delta)
    low, high = _share_bounds((delta + 1) / 2, one.size, other.size)
    return Estimate(delta, 2 * low - 1, 2 * high - 1)


def hodges_lehmann(one: Sample, other: Sample) -> Estimate:
    """Median of all differences other - one, with the interval that the order statistics of them give.

    Hodges and Lehmann 1963; interval after Hollander and Wolfe, Nonparametric Statistical Methods, ch. 4:
    what Mann-Whitney's test at 5 % would not reject. Without interval where no difference could be rejected.
    """
    differences = np.sort(_differences(one, other).ravel())
    centre = float(np.median(differences))
    below = critical_u(one.size, other.size)
    if below < 0:
        return Estimate(centre)
    return Estimate(centre, float(differences[below]), float(differences[-1 - below]))


def critical_u(one_count: int, other_count: int, alpha: float = ALPHA) -> int:
    """The greatest U that a two-sided test at `alpha` rejects, as in the printed tables; -1 if none."""
    if _is_small(one_count, other_count):
        return int(np.searchsorted(_cumulated(one_count, other_count), alpha / 2, side="right")) - 1
    pairs = one_count * other_count
    deviation = sqrt(pairs * (one_count + other_count + 1) / 12)
    return floor(pairs / 2 - float(stats.norm.isf(alpha / 2)) * deviation - _HALF)


def attained_level(one_count: int, other_count: int, alpha: float = ALPHA) -> float:
    """The chance of a false alarm that a test at `alpha` really has, as p goes in steps; 0 if none."""
    if not _is_small(one_count, other_count):
        return alpha
    critical = critical_u(one_count, other_count, alpha)
    return 0.0 if critical < 0 else float(2 * _cumulated(one_count, other_count)[critical])


@lru_cache(maxsize=256)
def _cumulated(one_count: int, other_count: int) -> NDArray[np.float64]:
    return np.cumsum(_distribution(one_count, other_count))


@lru_cache(maxsize=4096)
def _distribution(one_count: int, other_count: int) -> NDArray[np.float64]:
    """Probabilities of U = 0, 1, … without ties (Mann and Whitney 1947)."""
    if not one_count or not other_count:
        return np.ones(1)
    found = np.zeros(one_count * other_count + 1)
    # The greatest value of all is above every value of the other group, or it is in that group.
    greatest_in_one = _distribution(one_count - 1, other_count) * one_count
    found[other_count:] += greatest_in_one
    greatest_in_other = _distribution(one_count, other_count - 1) * other_count
    found[: greatest_in_other.size] += greatest_in_other
    return found / (one_count + other_count)


def _is_small(one_count: int, other_count: int) -> bool:
    return max(one_count, other_count) <= LARGEST_EXACT_COUNT


def _differences(one: Sample, other: Sample) -> NDArray[np.float64]:
    return other[:, np.newaxis] - one


def _share_bounds(share: float, one_count: int, other_count: int) -> tuple[float, float]:
    pairs = one_count * other_count
    extra = (one_count + other_count) / 2 - 1

    def excess(candidate: float) -> float:
        shape = (1 - candidate) / (2 - candidate) + candidate / (1 + candidate)
        variance = candidate * (1 - candidate) * (1 + extra * shape) / pairs
        return (share - candidate) ** 2 - _Z**2 * variance

    low = 0.0 if share == 0 else float(optimize.brentq(excess, 0.0, share - _INSIDE))
    high = 1.0 if share == 1 else float(optimize.brentq(excess, share + _INSIDE, 1.0))
    return low, high
