import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from wattwatch.report.stats import means, noncentral
from wattwatch.report.stats.equivalence import equivalence
from wattwatch.report.stats.records import Estimate
from wattwatch.report.stats.sample import Sample

GROUP = st.lists(st.floats(-1e3, 1e3).map(lambda x: round(x, 3)), min_size=2, max_size=10).map(
    lambda values: np.sort(np.array([*values, values[0] + 1.0]))
)


def bounds(estimate: Estimate | None) -> tuple[float, float]:
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low, estimate.high


def noncentral_by_integral(t: float, freedom: float, centre: float) -> float:
    """P(T <= t) from the definition: a normal over the root of a chi square."""

    def of_share(share: float) -> float:
        return float(stats.norm.cdf(t * math.sqrt(stats.chi2.ppf(share, freedom) / freedom) - centre))

    return float(integrate.quad(of_share, 0, 1, epsabs=1e-10, limit=200)[0])


@settings(max_examples=50, deadline=None)
@given(GROUP, GROUP)
def test_welch_is_that_of_scipy(one: Sample, other: Sample) -> None:
    reference = stats.ttest_ind(other, one, equal_var=False)
    assert means.p_value(one, other) == pytest.approx(float(reference.pvalue), rel=1e-6)
    interval = reference.confidence_interval()
    assert bounds(means.difference_of_means(one, other)) == pytest.approx(
        (float(interval.low), float(interval.high)), rel=1e-6, abs=1e-6
    )


@settings(max_examples=50, deadline=None)
@given(GROUP, GROUP, st.floats(0.1, 1e3))
def test_equivalence_is_two_tests_of_scipy(one: Sample, other: Sample, margin: float) -> None:
    above = stats.ttest_ind(other + margin, one, equal_var=False, alternative="greater").pvalue
    below = stats.ttest_ind(other - margin, one, equal_var=False, alternative="less").pvalue
    found = equivalence(one.tolist(), other.tolist(), margin)
    assert found.p_value == pytest.approx(max(float(above), float(below)), rel=1e-6, abs=1e-12)
    assert found.margin == margin
    assert found.is_equivalent == (found.p_value < 0.05)


@settings(max_examples=50, deadline=None)
@given(GROUP, GROUP, st.floats(1, 1e3))
def test_equivalent_is_what_has_its_90_percent_interval_inside(
    one: Sample, other: Sample, margin: float
) -> None:
    interval = stats.ttest_ind(other, one, equal_var=False).confidence_interval(0.90)
    room = min(margin - interval.high, margin + interval.low)
    if abs(room) > 1e-6 * margin:
        assert equivalence(one.tolist(), other.tolist(), margin).is_equivalent == (room > 0)


def test_equivalence_is_not_shown_without_spread_or_repetitions() -> None:
    for one, other in (([5.0], [5.0, 5.1]), ([5.0, 5.0], [5.0, 5.0])):
        found = equivalence(one, other, 1.0)
        assert (found.p_value, found.is_equivalent) == (1.0, False)


@pytest.mark.parametrize("margin", [0.0, -1.0, math.nan])
def test_a_margin_is_positive(margin: float) -> None:
    with pytest.raises(ValueError, match="greater than 0"):
        equivalence([1.0, 2.0], [1.0, 2.0], margin)


def test_equivalence_is_claimed_wrongly_no_more_often_than_is_said() -> None:
    rng, trials = np.random.default_rng(3), 2000
    claims = sum(
        equivalence(rng.normal(100, 5, 20).tolist(), rng.normal(106, 5, 20).tolist(), 6.0).is_equivalent
        for _ in range(trials)
    )
    assert 0.03 <= claims / trials <= 0.065


def test_the_factor_of_hedges_is_the_tabled_one() -> None:
    """Exact values of Hedges 1981; and his approximation, which is within 0.008."""
    tabled = {2: 0.5642, 10: 0.9228, 50: 0.9849}
    for freedom, factor in tabled.items():
        assert means.small_sample_factor(freedom) == pytest.approx(factor, abs=6e-5)
        assert means.small_sample_factor(freedom) == pytest.approx(1 - 3 / (4 * freedom - 1), abs=0.008)


def test_hedges_g_is_free_of_bias() -> None:
    rng, trials = np.random.default_rng(4), 1500
    found = [means.hedges_g(rng.normal(0, 1, 5), rng.normal(1, 1, 5)) for _ in range(trials)]
    values = [estimate.value for estimate in found if estimate is not None]
    assert np.mean(values) == pytest.approx(1.0, abs=0.05)  # Cohen's d would give 1.11


def test_the_interval_of_g_covers_as_often_as_is_said() -> None:
    rng, trials, hits = np.random.default_rng(5), 500, 0
    for _ in range(trials):
        low, high = bounds(means.hedges_g(rng.normal(0, 1, 10), rng.normal(1.5, 1, 10)))
        bias = means.small_sample_factor(18)
        hits += low <= 1.5 * bias <= high
    assert 0.92 <= hits / trials <= 0.98


def test_the_interval_of_g_is_that_of_the_noncentral_t() -> None:
    one, other = np.array([1.0, 2, 3, 4, 5, 6]), np.array([4.0, 5, 6, 7, 8, 9])
    t = 3 / math.sqrt(3.5 * 2 / 6)
    low, high = bounds(means.hedges_g(one, other))
    for limit, tail in ((low, 0.975), (high, 0.025)):
        centre = limit / means.small_sample_factor(10) * math.sqrt(3)
        assert noncentral_by_integral(t, 10, centre) == pytest.approx(tail, abs=1e-6)


@pytest.mark.parametrize("gap", [0.0, 1.0, 30.0, 1e3, 1e6])
@pytest.mark.parametrize("count", [2, 3, 5, 10, 50])
def test_g_is_finite_however_far_groups_are_apart(gap: float, count: int) -> None:
    one = np.linspace(0, 1, count)
    found = means.hedges_g(one, one + gap)
    low, high = bounds(found)
    assert found is not None
    assert low <= found.value <= high
    assert math.isfinite(low)
    assert math.isfinite(high)


@pytest.mark.parametrize("freedom", [2, 10, 18, 98])
@pytest.mark.parametrize("t", [-3.0, 0.0, 0.5, 3.0, 10.0])
@pytest.mark.parametrize("centre", [-30.0, -2.0, 0.0, 3.0, 20.0, 39.0, 43.0])
def test_noncentral_t_is_that_of_the_definition(freedom: int, t: float, centre: float) -> None:
    found = noncentral.cumulated(t, freedom, centre)
    assert found == pytest.approx(noncentral_by_integral(t, freedom, centre), abs=2e-3)
