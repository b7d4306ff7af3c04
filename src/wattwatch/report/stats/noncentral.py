"""The noncentral t distribution: scipy's, mended where it has no answer."""

from math import isfinite
from typing import Final

from scipy import stats

_FAR: Final = 1_000.0  # scipy takes seconds there


def cumulated(t: float, degrees_of_freedom: float, centre: float) -> float:
    """P(T <= t) under the noncentrality `centre`.

    scipy (1.17) answers NaN at scattered places far in the tails, and is slow at great values. There the
    normal numerator of T stands still beside its `centre`, and the chi square of the denominator decides.
    """
    if t < 0:
        return 1 - cumulated(-t, degrees_of_freedom, -centre)
    if max(t, abs(centre)) < _FAR:
        found = float(stats.nct.cdf(t, degrees_of_freedom, centre))
        if isfinite(found):
            return found
    if centre <= 0 or t == 0:
        return float(centre <= 0)
    return float(stats.chi2.sf(degrees_of_freedom * (centre / t) ** 2, degrees_of_freedom))
