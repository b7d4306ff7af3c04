"""The noncentral t distribution: scipy's, mended where it has no answer."""

from math import isfinite, sqrt

from scipy import stats


def cumulated(t: float, degrees_of_freedom: float, centre: float) -> float:
    """P(T <= t) under the noncentrality `centre`.

    scipy (1.17) answers NaN at scattered places far in the tails, where the value is 0 or 1 to many digits:
    there the normal approximation of Johnson and Welch (1940) stands in.
    """
    found = float(stats.nct.cdf(t, degrees_of_freedom, centre))
    if isfinite(found):
        return found
    deviation = sqrt(1 + t * t / (2 * degrees_of_freedom))
    return float(stats.norm.cdf((t * (1 - 1 / (4 * degrees_of_freedom)) - centre) / deviation))
