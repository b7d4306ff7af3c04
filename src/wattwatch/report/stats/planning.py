"""How many repetitions a question needs, before they are made. Two groups of one size, two-sided."""

from collections.abc import Callable
from math import pi, sqrt
from statistics import harmonic_mean
from typing import Final

from scipy import optimize, stats

from wattwatch.report.stats import noncentral, ranks
from wattwatch.report.stats.difference import Method
from wattwatch.report.stats.records import ALPHA, Summary

USUAL_POWER: Final = 0.8
# Repetitions are worth 3/pi as many for ranks as for means, if figures are normal (Pitman 1948).
RANK_EFFICIENCY: Final = 3 / pi
_LEAST_COUNT: Final = 2
_MOST_COUNT: Final = 1_000_000
_ANY: Final = 1.0  # standard deviation


def power(
    standard_deviation: float,
    difference: float,
    count: int,
    *,
    alpha: float = ALPHA,
    method: Method = "mann-whitney",
) -> float:
    """The chance to see a difference with `count` repetitions in each group, 0 to 1.

    By the noncentral t (Cohen 1988), which is exact for normal figures of equal spread. Mann-Whitney counts
    as t with 3/pi of the repetitions, at the level that it attains: exact p-values go in steps.
    """
    if not standard_deviation > 0:
        raise ValueError("a standard deviation to plan with is greater than 0")
    worth, level = float(count), alpha
    if method == "mann-whitney":
        worth, level = count * RANK_EFFICIENCY, ranks.attained_level(count, count, alpha)
    if count < _LEAST_COUNT or not level:
        return 0.0
    freedom = 2 * worth - 2
    noncentrality = difference / (standard_deviation * sqrt(2 / worth))
    critical = float(stats.t.isf(level / 2, freedom))
    above = 1 - noncentral.cumulated(critical, freedom, noncentrality)
    return above + noncentral.cumulated(-critical, freedom, noncentrality)


def repetitions_needed(
    standard_deviation: float,
    difference: float,
    *,
    power: float = USUAL_POWER,
    alpha: float = ALPHA,
    method: Method = "mann-whitney",
) -> int:
    """Repetitions in each group to see `difference` with the chance `power`. ValueError above a million."""
    _check_power(power, alpha)
    if not difference:
        raise ValueError("a difference to plan for is not 0")

    def reaches(count: int) -> bool:
        return _power(standard_deviation, difference, count, alpha=alpha, method=method) >= power

    # Below, the level that ranks attain goes up and down, and so may the power: no bisection there.
    few = next(filter(reaches, range(_LEAST_COUNT, ranks.LARGEST_EXACT_COUNT + 1)), None)
    return few or _first_above(ranks.LARGEST_EXACT_COUNT, reaches)


def detectable_difference(
    standard_deviation: float,
    count: int,
    *,
    power: float = USUAL_POWER,
    alpha: float = ALPHA,
    method: Method = "mann-whitney",
) -> float | None:
    """The least difference that `count` repetitions in each group see with the chance `power`.

    In the unit of the standard deviation; None where no difference can be seen, or there is no spread.
    """
    _check_power(power, alpha)
    if _power(1.0, _ANY, count, alpha=alpha, method=method) == 0 or not standard_deviation > 0:
        return None
    most = _ANY
    while _power(1.0, most, count, alpha=alpha, method=method) < power:
        most *= 2
    found = optimize.brentq(
        lambda effect: _power(1.0, effect, count, alpha=alpha, method=method) - power, 0.0, most
    )
    return float(found) * standard_deviation


def detectable_between(one: Summary, other: Summary, *, method: Method = "mann-whitney") -> float | None:
    """The least difference that these two groups would have shown with a chance of 80 %, in their unit.

    By the pooled standard deviation, and for unequal counts their harmonic mean, rounded down. None where no
    difference could have been seen, or the spread is not known.
    """
    if one.standard_deviation is None or other.standard_deviation is None:
        return None
    freedoms = one.count - 1, other.count - 1
    squares = freedoms[0] * one.standard_deviation**2 + freedoms[1] * other.standard_deviation**2
    count = int(harmonic_mean([one.count, other.count]))
    return detectable_difference(sqrt(squares / sum(freedoms)), count, method=method)


_power = power  # the name is a parameter in the functions above


def _first_above(too_few: int, reaches: Callable[[int], bool]) -> int:
    enough = 2 * too_few
    while not reaches(enough):
        too_few, enough = enough, 2 * enough
        if enough > _MOST_COUNT:
            raise ValueError("more than a million repetitions would be needed: the difference is too small")
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        too_few, enough = (too_few, middle) if reaches(middle) else (middle, enough)
    return enough


def _check_power(power: float, alpha: float) -> None:
    if not alpha < power < 1:
        raise ValueError(f"a power lies between {alpha:g} and 1, got {power:g}")
