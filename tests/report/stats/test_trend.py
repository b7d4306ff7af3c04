import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import stats

from wattwatch.report.stats.trend import cold_run, confounded_order, drift

SERIES = st.lists(st.integers(1, 1000).map(float), min_size=1, max_size=15)
Draw = Callable[[np.random.Generator, int], NDArray[np.float64]]

DISTRIBUTIONS: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(100, 5, n),
    "uniform": lambda rng, n: rng.uniform(90, 110, n),
    "skewed": lambda rng, n: 100 * rng.lognormal(0, 0.2, n),
    "heavy tails": lambda rng, n: 100 + 5 * rng.standard_t(5, n),
}


def stationary(count: int, trials: int, draw: Draw = DISTRIBUTIONS["normal"]) -> list[list[float]]:
    rng = np.random.default_rng(count)
    return [draw(rng, count).tolist() for _ in range(trials)]


def rate(of: Callable[[list[float]], object], series: list[list[float]]) -> float:
    return sum(of(values) is not None for values in series) / len(series)


@pytest.mark.parametrize("count", [5, 6, 8, 10, 20, 40])
def test_false_alarms_of_a_cold_run_are_one_in_a_hundred(count: int) -> None:
    assert rate(cold_run, stationary(count, 3000)) <= 0.017


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_other_distributions_give_few_false_alarms(name: str) -> None:
    series = stationary(10, 2000, DISTRIBUTIONS[name])
    assert rate(cold_run, series) <= 0.035
    assert rate(drift, series) <= 0.03


@pytest.mark.parametrize(("count", "at_least"), [(5, 0.7), (6, 0.8), (10, 0.98), (20, 0.98)])
def test_a_cold_run_is_seen(count: int, at_least: float) -> None:
    """10 standard deviations: 20 % where runs spread by 2 %."""
    series = [[values[0] + 50, *values[1:]] for values in stationary(count, 500)]
    assert rate(cold_run, series) >= at_least


def test_another_outlier_does_not_hide_it() -> None:
    series = [[values[0] + 50, values[1] + 40, *values[2:]] for values in stationary(10, 500)]
    assert rate(cold_run, series) >= 0.95


def test_an_outlier_elsewhere_is_no_cold_run() -> None:
    series = [[*values[:-1], values[-1] + 50] for values in stationary(10, 1000)]
    assert rate(cold_run, series) <= 0.02


def test_a_cold_run_is_named_with_its_size() -> None:
    found = cold_run([120.0, 100.0, 101.0, 99.0, 100.0, 100.5])
    assert found is not None
    assert found.code == "cold-first-run"
    assert found.text == (
        "cold first run: the first repetition is 20.0% above the median of the others; use --warmup 1"
    )
    below = cold_run([-80.0, 100.0, 101.0, 99.0, 100.0, 100.5])
    assert below is not None
    assert "lies far below the others" in below.text


@pytest.mark.parametrize("count", [5, 6, 8, 10, 20])
def test_false_alarms_of_drift_are_below_its_level(count: int) -> None:
    assert rate(drift, stationary(count, 2000)) <= 0.028


def test_drift_is_the_trend_test_of_kendall() -> None:
    """By counting pairs, and the normal approximation of its definition."""
    values = np.random.default_rng(2).normal(100, 5, 40) + 0.25 * np.arange(40)
    score = sum(np.sign(values[j] - values[i]) for j in range(40) for i in range(j))
    z = (abs(score) - 1) / math.sqrt(40 * 39 * 85 / 18)
    p = 2 * stats.norm.sf(z)
    assert (drift(values.tolist()) is not None) == (p < 0.02)
    assert drift(values.tolist()) is not None


def test_five_rising_repetitions_are_enough_and_four_are_not() -> None:
    assert drift([1.0, 2.0, 3.0, 4.0, 5.0]) is not None
    assert drift([1.0, 2.0, 3.0, 4.0]) is None
    assert drift([1.0, 2.0, 3.0, 5.0, 4.0]) is None  # p = 10 / 120


def test_drift_says_where_to_and_how_much() -> None:
    rising, falling = drift([100.0, 101, 102, 103, 104]), drift([104.0, 103, 102, 101, 100])
    assert rising is not None
    assert falling is not None
    assert rising.code == falling.code == "drift"
    assert "rise from repetition to repetition (by about 1.0% each)" in rising.text
    assert "fall" in falling.text
    crossing = drift([-2.0, -1, 0, 1, 2, 3])
    assert crossing is not None
    assert "%" not in crossing.text


def test_temperature_is_the_suspect_only_if_it_goes_along() -> None:
    values = [100.0, 101, 102, 103, 104, 105]
    along, apart = [50.0, 52, 53, 55, 58, 60], [50.0, 49, 51, 50.5, 49.5, 50.2]
    suspect, innocent = drift(values, along), drift(values, apart)
    assert suspect is not None
    assert innocent is not None
    assert suspect.code == "drift-with-temperature"
    assert "temperature is the suspect" in suspect.text
    assert innocent.code == "drift"
    assert drift([100.0, 99, 101, 100.2, 99.7, 100.1], along) is None
    assert drift(values, [50.0] * 6) == innocent


def test_a_temperature_belongs_to_each_repetition() -> None:
    with pytest.raises(ValueError, match="each repetition"):
        drift([1.0, 2, 3, 4, 5], [50.0, 51])
    with pytest.raises(ValueError, match="each repetition"):
        confounded_order([1.0, 2, 3], [4.0, 5, 6], [0, 1], [3, 4, 5])


@settings(max_examples=60, deadline=None)
@given(SERIES, st.sampled_from([0.5, 4.0]))
def test_units_change_no_warning(values: list[float], factor: float) -> None:
    scaled = [factor * value for value in values]
    assert cold_run(scaled) == cold_run(values)
    assert drift(scaled) == drift(values)


@given(SERIES)
@settings(deadline=None)
def test_equal_and_few_repetitions_are_quiet(values: list[float]) -> None:
    constant = [values[0]] * len(values)
    assert cold_run(constant) is None
    assert drift(constant) is None
    assert cold_run(values[:4]) is None
    assert drift(values[:4]) is None


def series_with_drift(
    per_run: float, *, shuffled: bool, seed: int
) -> tuple[list[float], list[float], list[int], list[int]]:
    rng = np.random.default_rng(seed)
    places = rng.permutation(20) if shuffled else np.arange(20)
    figures = (100 + per_run * np.arange(20)) + rng.normal(0, 5, 20)
    one, other = sorted(places[:10].tolist()), sorted(places[10:].tolist())
    return figures[one].tolist(), figures[other].tolist(), one, other


def codes_of(per_run: float, *, shuffled: bool, trials: int = 400) -> list[str]:
    found = [confounded_order(*series_with_drift(per_run, shuffled=shuffled, seed=i)) for i in range(trials)]
    return [caution.code if caution else "" for caution in found]


def test_blocks_are_told_and_their_drift_is_seen() -> None:
    quiet, drifting = codes_of(0.0, shuffled=False), codes_of(2.0, shuffled=False)
    assert set(quiet) == {"not-shuffled", "drift-between"}
    assert quiet.count("drift-between") / len(quiet) <= 0.08
    assert drifting.count("drift-between") / len(drifting) >= 0.9


def test_in_a_shuffled_series_drift_is_no_difference() -> None:
    assert sum(map(bool, codes_of(2.0, shuffled=True))) / 400 <= 0.1


def test_a_difference_of_the_groups_is_no_drift() -> None:
    one, other = [100.0, 101, 99, 100.5, 99.5, 100.2], [150.0, 151, 149, 150.5, 149.5, 150.2]
    found = confounded_order(one, other, range(6), range(6, 12))
    assert found is not None
    assert found.code == "not-shuffled"


def test_the_order_of_the_lists_does_not_matter_but_their_places_do() -> None:
    one, other, places, others = series_with_drift(3.0, shuffled=False, seed=1)
    told = confounded_order(one, other, places, others)
    assert told is not None
    assert told.code == "drift-between"
    assert "rose" in told.text
    assert confounded_order(one[::-1], other, places[::-1], others) == told
    assert confounded_order(other, one, others, places) == told
    turned = confounded_order(one[::-1], other[::-1], places, others)
    assert turned is not None
    assert "fell" in turned.text


def test_equal_figures_in_blocks_are_only_not_shuffled() -> None:
    found = confounded_order([5.0] * 4, [5.0] * 4, range(4), range(4, 8))
    assert found is not None
    assert found.code == "not-shuffled"
