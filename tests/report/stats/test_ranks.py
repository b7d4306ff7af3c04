import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from wattwatch.report.stats import ranks
from wattwatch.report.stats.sample import Sample, sample_of

DISTINCT = st.lists(st.integers(-1000, 1000), min_size=4, max_size=9, unique=True)


def u_of(one: list[float], other: list[float]) -> float:
    """U of `other`, counted pair by pair."""
    return sum((b > a) + (b == a) / 2 for a in one for b in other)


def p_by_enumeration(one: list[float], other: list[float]) -> float:
    """Share of all ways to deal the values out whose U is as far from the middle, or farther."""
    pooled, middle = one + other, len(one) * len(other) / 2
    found = abs(u_of(one, other) - middle)
    dealt = [
        abs(u_of([x for i, x in enumerate(pooled) if i not in chosen], [pooled[i] for i in chosen]) - middle)
        for chosen in itertools.combinations(range(len(pooled)), len(other))
    ]
    return sum(distance >= found for distance in dealt) / len(dealt)


def split(values: list[int], at: int) -> tuple[list[float], list[float]]:
    floats = [float(value) for value in values]
    return floats[:at], floats[at:]


@settings(max_examples=40, deadline=None)
@given(DISTINCT, st.integers(2, 7))
def test_exact_p_is_that_of_all_ways_to_deal_the_values_out(values: list[int], at: int) -> None:
    one, other = split(values, min(at, len(values) - 2))
    found = ranks.p_value(sample_of(one), sample_of(other))
    assert found == pytest.approx(p_by_enumeration(one, other))


def test_approximate_p_is_that_of_the_textbook() -> None:
    """Normal, with tie and continuity correction, written out."""
    one, other = [1.0, 2, 2, 3, 5, 5, 6], [2.0, 5, 6, 7, 8, 8, 9, 9]
    m, n = len(one), len(other)
    total = m + n
    ties = sum(c**3 - c for c in np.unique(one + other, return_counts=True)[1])
    deviation = math.sqrt(m * n / 12 * (total + 1 - ties / (total * (total - 1))))
    z = (abs(u_of(one, other) - m * n / 2) - 0.5) / deviation
    assert ranks.p_value(sample_of(one), sample_of(other)) == pytest.approx(2 * stats.norm.sf(z))


def test_the_approximation_meets_the_exact_p_where_it_takes_over() -> None:
    values = np.random.default_rng(1).normal(0, 1, 100)
    one, other = np.sort(values[:50]), np.sort(values[50:] + 0.4)
    exact = ranks.p_value(one, other)
    approximate = stats.mannwhitneyu(other, one, method="asymptotic").pvalue
    assert exact == pytest.approx(float(approximate), rel=0.02)


@pytest.mark.parametrize(
    ("one_count", "other_count", "critical"),
    # Printed tables of U, two-sided 5 %.
    [
        (3, 3, -1), (4, 4, 0), (5, 5, 2), (6, 6, 5), (7, 7, 8), (8, 8, 13), (9, 9, 17), (10, 10, 23),
        (20, 20, 127), (2, 8, 0), (3, 5, 0), (2, 7, -1), (5, 10, 8), (10, 20, 55),
    ],
)  # fmt: skip
def test_critical_values_are_those_of_the_tables(one_count: int, other_count: int, critical: int) -> None:
    assert ranks.critical_u(one_count, other_count) == critical
    assert ranks.critical_u(other_count, one_count) == critical


@pytest.mark.parametrize(("one_count", "other_count"), [(2, 3), (4, 4), (3, 6), (5, 5)])
def test_attained_levels_are_counted(one_count: int, other_count: int) -> None:
    values = list(range(one_count + other_count))
    dealt = [
        u_of([x for x in values if x not in chosen], list(chosen))
        for chosen in itertools.combinations(values, other_count)
    ]
    critical = ranks.critical_u(one_count, other_count)
    share = 2 * sum(u <= critical for u in dealt) / len(dealt)
    assert ranks.attained_level(one_count, other_count) == pytest.approx(share)


def test_critical_values_of_large_groups_go_on_from_the_exact_ones() -> None:
    exact = ranks.critical_u(50, 50)
    pairs, deviation = 50 * 50, math.sqrt(50 * 50 * 101 / 12)
    approximate = math.floor(pairs / 2 - stats.norm.isf(0.025) * deviation - 0.5)
    assert abs(exact - approximate) <= 1
    assert ranks.critical_u(51, 51) > exact
    assert ranks.attained_level(51, 51) == 0.05


def test_the_least_count_is_four() -> None:
    assert ranks.least_count() == 4  # 2 / C(8, 4) = 0.029; 2 / C(6, 3) = 0.1
    assert ranks.smallest_p_value(4, 4) == pytest.approx(2 / 70)
    assert ranks.smallest_p_value(1, 1) == 1.0
    assert ranks.least_count(0.001) == 7  # 2 / C(14, 7) = 0.00058


def test_cliffs_delta_counts_pairs() -> None:
    """Estimate of statpsych's example of a Mann-Whitney parameter: 0.795."""
    y2 = sample_of([36, 44, 47, 42, 49, 39, 46, 31, 33, 48])
    y1 = sample_of([32, 39, 26, 35, 43, 27, 40, 37, 34, 29])
    assert ranks.cliffs_delta(y1, y2).value == pytest.approx(2 * 0.795 - 1)
    assert ranks.cliffs_delta(y2, y1).value == pytest.approx(1 - 2 * 0.795)


def test_cliffs_interval_solves_its_equation() -> None:
    """Newcombe 2006, method 5: at both limits (share - limit)² = z² V(limit)."""
    one, other = np.arange(10.0), np.arange(10.0) + 3.5
    estimate = ranks.cliffs_delta(one, other)
    assert estimate.low is not None
    assert estimate.high is not None
    share = (estimate.value + 1) / 2
    for limit in ((estimate.low + 1) / 2, (estimate.high + 1) / 2):
        hanley = (1 - limit) / (2 - limit) + limit / (1 + limit)
        variance = limit * (1 - limit) * (1 + 9 * hanley) / 100
        assert (share - limit) ** 2 == pytest.approx(1.959964**2 * variance, rel=1e-4)


def test_groups_apart_leave_doubt_about_delta() -> None:
    found = ranks.cliffs_delta(np.arange(5.0), np.arange(5.0) + 10)
    assert (found.value, found.high) == (1.0, 1.0)
    assert found.low is not None
    assert 0.2 < found.low < 0.9
    more = ranks.cliffs_delta(np.arange(20.0), np.arange(20.0) + 100)
    assert more.low is not None
    assert more.low > found.low


def delta_of_normals(effect: float) -> float:
    return float(2 * stats.norm.cdf(effect / math.sqrt(2)) - 1)


@pytest.mark.parametrize("effect", [0.0, 1.0, 2.0])
def test_cliffs_interval_covers_as_often_as_is_said(effect: float) -> None:
    rng, trials = np.random.default_rng(7), 600
    expected, hits = delta_of_normals(effect), 0
    for _ in range(trials):
        found = ranks.cliffs_delta(np.sort(rng.normal(0, 1, 10)), np.sort(rng.normal(effect, 1, 10)))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= expected <= found.high
    assert 0.92 <= hits / trials <= 0.99


def test_the_shift_interval_covers_as_often_as_is_said() -> None:
    rng, trials, hits = np.random.default_rng(8), 2000, 0
    for _ in range(trials):
        found = ranks.hodges_lehmann(np.sort(rng.exponential(1, 8)), np.sort(rng.exponential(1, 10) + 3))
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 3 <= found.high
    attained = 1 - ranks.attained_level(8, 10)
    assert hits / trials == pytest.approx(attained, abs=0.015)


def walsh(one: Sample, other: Sample) -> list[float]:
    return sorted(float(b - a) for a in one for b in other)


@settings(max_examples=40, deadline=None)
@given(DISTINCT, DISTINCT)
def test_the_shift_interval_is_what_the_test_would_not_reject(first: list[int], second: list[int]) -> None:
    one, other = sample_of([float(x) for x in first]), sample_of([float(x) for x in second])
    found = ranks.hodges_lehmann(one, other)
    assert found.low is not None
    assert found.high is not None
    assert found.value == pytest.approx(float(np.median(walsh(one, other))))
    for shift, is_kept in ((found.low - 0.25, False), (found.low + 0.25, True), (found.high + 0.25, False)):
        moved = other - shift  # a quarter: no ties with whole numbers
        p = ranks.p_value(one, moved)
        assert p is not None
        assert (p >= 0.05) == is_kept or found.low + 0.25 > found.high
