import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattwatch.report.stats.difference import Method, difference, p_value
from wattwatch.report.stats.records import Difference, Estimate

METHODS: tuple[Method, ...] = ("mann-whitney", "welch")
WHOLE = st.lists(st.integers(-50, 50).map(float), min_size=1, max_size=9)
POSITIVE = st.lists(st.integers(1, 50).map(float), min_size=1, max_size=9)

# Tritiated water diffusion across human chorioamnion: Hollander and Wolfe 1999, table 4.1.
AT_TERM = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
EARLY = [1.15, 0.88, 0.90, 0.74, 1.21]


def codes(found: Difference) -> list[str]:
    return [caution.code for caution in found.cautions]


def estimates(found: Difference) -> list[Estimate]:
    return [estimate for estimate in (found.shift, found.effect, found.ratio) if estimate is not None]


def negated(estimate: Estimate) -> tuple[float, float | None, float | None]:
    if estimate.low is None or estimate.high is None:
        return -estimate.value, None, None
    return -estimate.value, -estimate.high, -estimate.low


def triple(estimate: Estimate) -> tuple[float, float | None, float | None]:
    return estimate.value, estimate.low, estimate.high


def test_published_example_of_ranks() -> None:
    """Hollander and Wolfe 1999, p. 111: p = 0.2544; -0.305, 95 % interval -0.76 to 0.15."""
    found = difference(AT_TERM, EARLY)
    assert found.p_value == pytest.approx(0.2544, abs=5e-5)
    assert triple(found.shift) == pytest.approx((-0.305, -0.76, 0.15))
    assert found.effect_name == "Cliff's delta"
    assert found.effect is not None
    assert found.effect.value == pytest.approx(-(2 * 35 / 50 - 1))  # W = 35 of 50 pairs
    assert found.cautions == ()


def test_published_example_of_unequal_variances() -> None:
    """Welch's t of the same data, by the textbook formulas with plain numbers."""
    found = difference(AT_TERM, EARLY, method="welch")
    one, other = np.array(AT_TERM), np.array(EARLY)
    error = math.sqrt(one.var(ddof=1) / 10 + other.var(ddof=1) / 5)
    assert found.shift.value / error == pytest.approx(-(one.mean() - other.mean()) / error)
    assert found.effect_name == "Hedges' g"
    assert found.ratio is not None
    assert found.ratio.value == pytest.approx(other.mean() / one.mean())


def test_one_function_gives_the_p_value() -> None:
    for method in METHODS:
        assert p_value(AT_TERM, EARLY, method=method) == difference(AT_TERM, EARLY, method=method).p_value


def test_a_ratio_is_of_the_centres_that_the_method_speaks_of() -> None:
    one, other = [1.0, 2.0, 9.0, 10.0], [4.0, 8.0, 8.0, 9.0]
    ranked, averaged = difference(one, other).ratio, difference(one, other, method="welch").ratio
    assert ranked is not None
    assert averaged is not None
    assert ranked.value == pytest.approx(8 / 5.5)
    assert averaged.value == pytest.approx(29 / 22)


@pytest.mark.parametrize("method", METHODS)
def test_a_ratio_is_covered_as_often_as_is_said(method: Method) -> None:
    rng = np.random.default_rng(11)
    trials, hits = 100, 0
    for trial in range(trials):
        one, other = rng.normal(100, 5, 15).tolist(), rng.normal(120, 6, 15).tolist()
        ratio = difference(one, other, method=method, seed=trial).ratio
        assert ratio is not None
        assert ratio.low is not None
        assert ratio.high is not None
        hits += ratio.low <= 1.2 <= ratio.high
    assert hits / trials >= 0.86


@pytest.mark.parametrize("method", METHODS)
def test_net_energy_about_zero_has_no_ratio(method: Method) -> None:
    assert difference([-1.0, 0.5, -2.0], [3.0, 4.0, 5.0], method=method).ratio is None
    assert difference([3.0, 4.0, 5.0], [-1.0, -3.0, -2.0], method=method).ratio is None
    mixed = difference([-1.0, 5.0, 6.0, 7.0], [3.0, 4.0, 5.0, 9.0], method=method).ratio
    assert mixed is not None
    assert mixed.low is None


def test_too_few_repetitions_name_how_many_are_enough() -> None:
    found = difference([1.0, 2.0, 3.0], [7.0, 8.0, 9.0])
    assert found.p_value == pytest.approx(0.1)
    assert codes(found) == ["too-few-repetitions"]
    assert "3 and 3" in found.cautions[0].text
    assert "4 and 4" in found.cautions[0].text
    assert found.shift == Estimate(6.0)  # no interval at 95 %
    assert codes(difference([1.0, 2.0, 3.0, 4.0], [7.0, 8.0, 9.0, 10.0])) == []


@pytest.mark.parametrize("method", METHODS)
def test_one_repetition_has_no_p_value(method: Method) -> None:
    for one, other in (([5.0], [6.0, 7.0, 8.0]), ([6.0, 7.0, 8.0], [5.0]), ([5.0], [6.0])):
        found = difference(one, other, method=method)
        assert found.p_value is None
        assert codes(found) == ["too-few-repetitions"]
        assert found.shift.low is None


def test_ties_are_said_and_approximated() -> None:
    found = difference([1.0, 2.0, 3.0, 4.0, 5.0], [3.0, 6.0, 7.0, 8.0, 9.0])
    assert codes(found) == ["p-approximated"]
    assert "equal values" in found.cautions[0].text


def test_large_groups_are_said_and_approximated() -> None:
    values = np.random.default_rng(1).normal(0, 1, 111).tolist()
    assert "over 50" in difference(values[:60], values[60:]).cautions[0].text
    assert codes(difference(values[:50], values[50:100])) == []


@pytest.mark.parametrize("method", METHODS)
def test_no_spread_is_said(method: Method) -> None:
    same = difference([5.0] * 5, [5.0] * 5, method=method)
    apart = difference([5.0] * 5, [6.0] * 5, method=method)
    assert codes(same) == codes(apart) == ["no-spread"]
    if method == "welch":
        assert same.p_value is apart.p_value is None
        assert same.effect is apart.effect is None
    else:
        assert same.p_value == 1.0
        assert apart.p_value is not None
        assert apart.p_value < 0.05


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=50, deadline=None)
@given(one=WHOLE, other=WHOLE)
def test_no_groups_give_nan_or_a_warning(method: Method, one: list[float], other: list[float]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = difference(one, other, method=method)
    assert found.p_value is None or 0 <= found.p_value <= 1
    for estimate in estimates(found):
        assert math.isfinite(estimate.value)
        assert (estimate.low is None) == (estimate.high is None)
        if estimate.low is not None and estimate.high is not None:
            assert math.isfinite(estimate.low)
            assert estimate.low <= estimate.high < math.inf


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(one=WHOLE, other=WHOLE)
def test_swapped_groups_turn_the_sign(method: Method, one: list[float], other: list[float]) -> None:
    found, swapped = difference(one, other, method=method), difference(other, one, method=method)
    assert swapped.p_value == pytest.approx(found.p_value)
    assert triple(swapped.shift) == pytest.approx(negated(found.shift), abs=1e-9)
    if found.effect is not None and swapped.effect is not None:
        assert triple(swapped.effect) == pytest.approx(negated(found.effect), abs=1e-6)
    if found.ratio is not None and swapped.ratio is not None:
        assert swapped.ratio.value == pytest.approx(1 / found.ratio.value)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=40, deadline=None)
@given(one=POSITIVE, other=POSITIVE, factor=st.sampled_from([0.125, 4.0, 1024.0]))
def test_another_unit_scales_the_shift_alone(
    method: Method, one: list[float], other: list[float], factor: float
) -> None:
    """What one gain, common to both groups, does: p, effect and ratio stay."""
    found = difference(one, other, method=method)
    scaled = difference([factor * x for x in one], [factor * x for x in other], method=method)
    assert scaled.p_value == pytest.approx(found.p_value)
    assert scaled.shift.value == pytest.approx(factor * found.shift.value)
    if found.shift.low is not None:
        assert scaled.shift.low == pytest.approx(factor * found.shift.low)
    for before, after in ((found.effect, scaled.effect), (found.ratio, scaled.ratio)):
        assert (before is None) == (after is None)
        if before is not None and after is not None:
            assert triple(after) == pytest.approx(triple(before))


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=30, deadline=None)
@given(one=WHOLE, other=WHOLE, offset=st.integers(-100, 100))
def test_a_constant_in_both_groups_cancels(
    method: Method, one: list[float], other: list[float], offset: int
) -> None:
    found = difference(one, other, method=method)
    moved = difference([offset + x for x in one], [offset + x for x in other], method=method)
    assert moved.p_value == pytest.approx(found.p_value)
    assert triple(moved.shift) == pytest.approx(triple(found.shift), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(WHOLE)
def test_a_group_does_not_differ_from_itself(values: list[float]) -> None:
    for method in METHODS:
        found = difference(values, values, method=method)
        assert found.shift.value == 0
        assert found.p_value is None or found.p_value == pytest.approx(1.0)


@pytest.mark.parametrize("method", METHODS)
def test_unknown_figures_are_refused(method: Method) -> None:
    with pytest.raises(ValueError, match="finite"):
        difference([1.0, math.nan], [1.0, 2.0], method=method)
    with pytest.raises(ValueError, match="at least one"):
        p_value([], [1.0, 2.0], method=method)
