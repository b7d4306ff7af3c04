"""Two groups by their means: Welch's t, the difference of means, Hedges' g."""

from math import exp, hypot, lgamma, sqrt
from typing import Final, NamedTuple

import numpy as np
from scipy import optimize, stats

from wattwatch.report.stats import noncentral
from wattwatch.report.stats.records import ALPHA, Estimate
from wattwatch.report.stats.sample import Sample, is_constant

_LEAST_COUNT: Final = 2
_DEVIATIONS: Final = 12  # far beyond both tails that are looked for
_TAIL: Final = ALPHA / 2


class WelchError(NamedTuple):
    """Standard error of a difference of means, and its degrees of freedom (Welch-Satterthwaite)."""

    standard_error: float
    degrees_of_freedom: float


def welch_error(one: Sample, other: Sample) -> WelchError | None:
    """Of `other` minus `one`, without assuming equal variances; None for n < 2, or no spread in both."""
    if min(one.size, other.size) < _LEAST_COUNT or (is_constant(one) and is_constant(other)):
        return None
    one_part, other_part = (float(np.std(group, ddof=1)) / sqrt(group.size) for group in (one, other))
    total = hypot(one_part, other_part)
    squares = (one_part / total) ** 4 / (one.size - 1) + (other_part / total) ** 4 / (other.size - 1)
    return WelchError(total, 1 / squares)


def difference_of_means(one: Sample, other: Sample) -> Estimate:
    """Mean of `other` minus mean of `one` with Welch's 95 % interval; without where there is no spread."""
    centre = float(other.mean() - one.mean())
    error = welch_error(one, other)
    if error is None:
        return Estimate(centre)
    half_width = float(stats.t.isf(_TAIL, error.degrees_of_freedom)) * error.standard_error
    return Estimate(centre, centre - half_width, centre + half_width)


def p_value(one: Sample, other: Sample) -> float | None:
    """Two-sided p of Welch's t; None for n < 2, or no spread in both."""
    error = welch_error(one, other)
    if error is None:
        return None
    return float(2 * stats.t.sf(abs(_t(one, other, error)), error.degrees_of_freedom))


def one_sided_p_values(one: Sample, other: Sample, margin: float) -> tuple[float, float] | None:
    """For "the difference is above -margin" and "it is below +margin": p by Welch's t; None as above."""
    error = welch_error(one, other)
    if error is None:
        return None
    centre = float(other.mean() - one.mean())
    above = (centre + margin) / error.standard_error
    below = (margin - centre) / error.standard_error
    return float(stats.t.sf(above, error.degrees_of_freedom)), float(
        stats.t.sf(below, error.degrees_of_freedom)
    )


def hedges_g(one: Sample, other: Sample) -> Estimate | None:
    """Difference of means in pooled standard deviations, freed of its bias by the exact factor.

    Hedges 1981; interval by the noncentral t (Hedges and Olkin 1985), which takes equal variances. None for
    n < 2 in a group, or no spread in both.
    """
    if welch_error(one, other) is None:
        return None
    freedom = one.size + other.size - 2
    pooled = sqrt(((one.size - 1) * one.var(ddof=1) + (other.size - 1) * other.var(ddof=1)) / freedom)
    to_t = sqrt(one.size * other.size / (one.size + other.size))
    cohens_d = float(other.mean() - one.mean()) / pooled
    low, high = _noncentralities(cohens_d * to_t, freedom)
    bias = small_sample_factor(freedom)
    return Estimate(bias * cohens_d, bias * low / to_t, bias * high / to_t)


def small_sample_factor(degrees_of_freedom: int) -> float:
    """What Cohen's d is multiplied by to be free of bias: about 1 - 3 / (4 m - 1) (Hedges 1981)."""
    half = degrees_of_freedom / 2
    return exp(lgamma(half) - lgamma(half - 0.5)) / sqrt(half)


def _t(one: Sample, other: Sample, error: WelchError) -> float:
    return float(other.mean() - one.mean()) / error.standard_error


def _noncentralities(t: float, freedom: int) -> tuple[float, float]:
    """Noncentrality parameters under which this t is at the upper and at the lower 2.5 %."""
    # Johnson and Welch 1940, with room: t deviates about its noncentrality by more the greater it is.
    reach = _DEVIATIONS * sqrt(1 + t * t / freedom)

    def solved(tail: float) -> float:
        def excess(centre: float) -> float:
            return noncentral.cumulated(t, freedom, centre) - tail

        return float(optimize.brentq(excess, t - reach, t + reach))

    return solved(1 - _TAIL), solved(_TAIL)
