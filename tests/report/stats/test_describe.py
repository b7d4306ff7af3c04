import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wattwatch.report.stats.describe import summary
from wattwatch.report.stats.records import Estimate, Summary

# Whole numbers: sums and products by powers of two are exact, so that equivariance can be asked to the bit.
WHOLE = st.lists(st.integers(-1000, 1000).map(float), min_size=1, max_size=12)


def codes(found: Summary) -> list[str]:
    return [caution.code for caution in found.cautions]


def finite(estimate: Estimate) -> bool:
    return all(x is None or math.isfinite(x) for x in (estimate.value, estimate.low, estimate.high))


def bca_by_hand(values: np.ndarray, statistic: str, seed: int, draws: int = 40_000) -> tuple[float, float]:
    """Efron 1987, written out, with resamples of its own."""
    of = np.median if statistic == "median" else np.mean
    resamples = np.random.default_rng(seed).choice(values, (draws, values.size))
    drawn, found = of(resamples, axis=1), of(values)
    share = (np.mean(drawn < found) + np.mean(drawn <= found)) / 2
    bias = stats.norm.ppf(share)
    left_out = np.array([of(np.delete(values, i)) for i in range(values.size)])
    deviations = left_out.mean() - left_out
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    levels: list[float] = [
        float(stats.norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z))))
        for z in (-1.959964, 1.959964)
    ]
    return float(np.quantile(drawn, levels[0])), float(np.quantile(drawn, levels[1]))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_intervals_are_those_of_the_definition(seed: int) -> None:
    values = np.random.default_rng(seed).lognormal(3, 0.4, 25)
    found = summary(values.tolist())
    for estimate, name, slack in ((found.mean, "mean", 0.04), (found.median, "median", 0.12)):
        low, high = bca_by_hand(values, name, seed + 100)
        width = high - low
        assert estimate.low == pytest.approx(low, abs=slack * width)
        assert estimate.high == pytest.approx(high, abs=slack * width)


def test_centre_spread_and_range_are_exact() -> None:
    found = summary([2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0])
    assert (found.count, found.median.value, found.mean.value) == (8, 4.5, 5.0)
    assert found.standard_deviation == pytest.approx(math.sqrt(32 / 7))
    assert (found.minimum, found.maximum) == (2.0, 9.0)
    assert found.cautions == ()


def test_the_mean_is_covered_as_often_as_is_said() -> None:
    rng = np.random.default_rng(5)
    trials, hits = 150, 0
    for trial in range(trials):
        estimate = summary(rng.normal(100, 5, 20).tolist(), seed=trial).mean
        assert estimate.low is not None
        assert estimate.high is not None
        hits += estimate.low <= 100 <= estimate.high
    # Bootstrap intervals of 20 values hold about 93 %; one in a thousand of 150 trials falls below 0.87.
    assert hits / trials > 0.87


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([5.0], "too-few-repetitions"),
        ([5.0, 6.0], "too-few-repetitions"),
        ([5.0, 5.0, 5.0], "no-spread"),
        ([5.0] * 40, "no-spread"),
    ],
)
def test_what_has_no_interval_says_so(values: list[float], code: str) -> None:
    found = summary(values)
    assert codes(found) == [code]
    assert found.median == Estimate(float(np.median(values)))
    assert found.mean == Estimate(float(np.mean(values)))
    assert (found.standard_deviation is None) == (len(values) == 1)


def test_few_repetitions_say_how_few() -> None:
    found = summary([1.0, 2.0, 3.0, 4.0, 5.0])
    assert codes(found) == ["few-repetitions"]
    assert "94%" in found.cautions[0].text
    assert codes(summary([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == []


def test_a_median_amid_ties_has_a_percentile_interval() -> None:
    found = summary([5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 5.0, 9.0])
    assert codes(found) == ["bootstrap-percentile"]
    assert (found.median.low, found.median.high) == (5.0, 5.0)
    assert found.mean.low is not None
    assert found.mean.low < found.mean.value


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_unknown_figures_are_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="value"):
        summary(values)


@settings(max_examples=60, deadline=None)
@given(WHOLE)
def test_no_sample_gives_nan_or_a_warning(values: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = summary(values)
    for estimate in (found.median, found.mean):
        assert finite(estimate)
        assert (estimate.low is None) == (len(values) < 3 or len(set(values)) == 1)
        if estimate.low is not None and estimate.high is not None:
            assert found.minimum <= estimate.low <= estimate.high <= found.maximum


@settings(max_examples=30, deadline=None)
@given(WHOLE, st.randoms(use_true_random=False))
def test_order_changes_nothing(values: list[float], random: "object") -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert summary(shuffled) == summary(values)


@settings(max_examples=30, deadline=None)
@given(WHOLE, st.sampled_from([0.25, 2.0, 1024.0]))
def test_another_unit_scales_everything(values: list[float], factor: float) -> None:
    found, scaled = summary(values), summary([factor * x for x in values])
    for before, after in ((found.median, scaled.median), (found.mean, scaled.mean)):
        assert after.value == factor * before.value
        if before.low is not None and before.high is not None:
            assert (after.low, after.high) == pytest.approx((factor * before.low, factor * before.high))


def test_the_seed_decides() -> None:
    values = np.random.default_rng(1).normal(100, 5, 10).tolist()
    assert summary(values, seed=3) == summary(values, seed=3)
    assert summary(values, seed=3).mean != summary(values, seed=4).mean
