import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from wattwatch.report.stats.describe import summary
from wattwatch.report.stats.difference import Method
from wattwatch.report.stats.planning import (
    detectable_between,
    detectable_difference,
    power,
    repetitions_needed,
)

METHODS: tuple[Method, ...] = ("mann-whitney", "welch")


def power_by_integral(effect: float, count: int) -> float:
    """Of the two-sided t test: over the distribution of the pooled variance, from the definition."""
    freedom = 2 * count - 2
    critical = stats.t.isf(0.025, freedom)

    def at(share: float) -> float:
        edge = critical * math.sqrt(stats.chi2.ppf(share, freedom) / freedom)
        centre = effect * math.sqrt(count / 2)
        return float(stats.norm.sf(edge - centre) + stats.norm.cdf(-edge - centre))

    return float(integrate.quad(at, 0, 1, limit=200)[0])


@pytest.mark.parametrize(
    ("effect", "power_wanted", "count"),
    # Cohen 1988, table 2.4.1, for a two-sided test at 0.05; the medium effect's 64 is the best known of all.
    [(0.2, 0.8, 394), (0.5, 0.8, 64), (0.8, 0.8, 26), (1.0, 0.8, 17), (0.5, 0.9, 86), (0.5, 0.95, 105)],
)
def test_repetitions_are_those_of_the_tables(effect: float, power_wanted: float, count: int) -> None:
    assert repetitions_needed(1.0, effect, power=power_wanted, method="welch") == count


@pytest.mark.parametrize("effect", [0.0, 0.3, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("count", [2, 3, 10, 40])
def test_power_is_that_of_the_definition(effect: float, count: int) -> None:
    assert power(1.0, effect, count, method="welch") == pytest.approx(
        power_by_integral(effect, count), abs=1e-6
    )


def test_power_without_a_difference_is_the_level() -> None:
    assert power(1.0, 0.0, 10, method="welch") == pytest.approx(0.05)
    assert power(1.0, 0.0, 10) == pytest.approx(0.0433, abs=1e-4)  # what ten against ten attain


def test_ranks_cost_five_percent_of_large_groups() -> None:
    """3/pi = 0.955."""
    by_means, by_ranks = (repetitions_needed(1.0, 0.1, method=method) for method in ("welch", "mann-whitney"))
    assert by_means / by_ranks == pytest.approx(3 / math.pi, abs=1e-3)


def simulated_power(effect: float, count: int) -> float:
    rng, trials = np.random.default_rng(count), 2000
    pairs = [(rng.normal(0, 1, count), rng.normal(effect, 1, count)) for _ in range(trials)]
    return float(np.mean([stats.mannwhitneyu(a, b, method="exact").pvalue < 0.05 for a, b in pairs]))


@pytest.mark.parametrize(("effect", "count"), [(1.0, 10), (1.5, 8), (2.5, 5), (3.0, 4)])
def test_power_of_ranks_is_met_by_simulation(effect: float, count: int) -> None:
    assert power(1.0, effect, count) == pytest.approx(simulated_power(effect, count), abs=0.035)


def test_three_and_three_show_nothing_by_rank() -> None:
    assert power(1.0, 1e6, 3) == 0.0
    assert detectable_difference(1.0, 3) is None
    assert repetitions_needed(1.0, 1e6) == 4
    assert repetitions_needed(1.0, 1e6, method="welch") == 2


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30, deadline=None)
@given(deviation=st.floats(0.01, 100), effect=st.floats(0.15, 50), power_wanted=st.floats(0.3, 0.99))
def test_needed_is_enough_and_one_less_is_not(
    method: Method, deviation: float, effect: float, power_wanted: float
) -> None:
    difference = effect * deviation
    count = repetitions_needed(deviation, difference, power=power_wanted, method=method)
    assert power(deviation, difference, count, method=method) >= power_wanted
    if count > 2:
        assert power(deviation, difference, count - 1, method=method) < power_wanted


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30, deadline=None)
@given(deviation=st.floats(0.01, 100), count=st.integers(2, 80), power_wanted=st.floats(0.3, 0.99))
def test_detectable_is_what_has_the_power(
    method: Method, deviation: float, count: int, power_wanted: float
) -> None:
    found = detectable_difference(deviation, count, power=power_wanted, method=method)
    if found is None:
        assert method == "mann-whitney"
        assert count < 4
    else:
        assert power(deviation, found, count, method=method) == pytest.approx(power_wanted, abs=1e-6)
        assert detectable_difference(2 * deviation, count, power=power_wanted, method=method) == 2 * found


@given(st.floats(0.1, 5), st.integers(4, 60), st.sampled_from(METHODS))
@settings(deadline=None)
def test_a_direction_changes_no_power(effect: float, count: int, method: Method) -> None:
    assert power(1.0, -effect, count, method=method) == pytest.approx(
        power(1.0, effect, count, method=method)
    )


def test_two_groups_by_their_summaries() -> None:
    values = np.random.default_rng(1).normal(100, 5, 30).tolist()
    one, other = summary(values[:10]), summary(values[10:20])
    assert one.standard_deviation is not None
    assert other.standard_deviation is not None
    pooled = math.sqrt((one.standard_deviation**2 + other.standard_deviation**2) / 2)
    assert detectable_between(one, other) == pytest.approx(detectable_difference(pooled, 10))
    uneven = detectable_between(summary(values[:5]), summary(values[5:]))
    assert uneven is not None
    assert uneven == detectable_between(summary(values[5:]), summary(values[:5]))


@pytest.mark.parametrize("values", [[5.0], [5.0] * 6, [1.0, 2.0, 3.0]])
def test_what_could_show_nothing_names_no_difference(values: list[float]) -> None:
    assert detectable_between(summary(values), summary(values)) is None


def test_unknown_spread_is_no_spread() -> None:
    known = summary([1.0, 2.0, 4.0, 5.0])
    assert detectable_between(known, replace(known, standard_deviation=None)) is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: power(0.0, 1.0, 10), "greater than 0"),
        (lambda: repetitions_needed(math.nan, 1.0), "greater than 0"),
        (lambda: repetitions_needed(1.0, 0.0), "not 0"),
        (lambda: repetitions_needed(1.0, 1.0, power=1.0), "between 0.05 and 1"),
        (lambda: detectable_difference(1.0, 10, power=0.01), "between 0.05 and 1"),
        (lambda: repetitions_needed(1.0, 1e-5), "more than a million"),
    ],
)
def test_plans_that_make_no_sense_are_refused(call: "object", message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
