"""How often the verdict is wrong, and how often it misses what is there; bench_calibration.py prints it."""

import pytest

from support.trials import World, positive_rate, theory, warned
from wattwatch.report.stats.difference import Method

TRIALS = 2000
METHODS: tuple[Method, ...] = ("mann-whitney", "welch")


@pytest.mark.parametrize("method", METHODS)
def test_differences_are_seldom_seen_where_there_are_none(method: Method) -> None:
    found = positive_rate(World(), TRIALS, seed=20, method=method)
    assert 0.02 <= found <= 0.065


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ratio", [1.05, 1.10])
def test_differences_are_seen_as_often_as_theory_has_it(method: Method, ratio: float) -> None:
    found, expected = positive_rate(World(ratio), TRIALS, seed=21, method=method), theory(ratio, method)
    assert found >= expected - 0.03
    assert found <= expected + 0.03


def test_drift_without_shuffle_makes_differences_and_is_told() -> None:
    drifting = World(drift_ratio=0.02, is_shuffled=False)
    found, false = warned(drifting, TRIALS // 4, seed=22), positive_rate(drifting, TRIALS // 4, seed=22)
    assert false >= 0.9  # all of them would be wrong
    assert found.drift_between >= 0.85
    assert found.drift_between + found.not_shuffled == 1.0


def test_drift_with_shuffle_makes_no_differences_and_is_seldom_told() -> None:
    drifting = World(drift_ratio=0.02)
    found, false = warned(drifting, TRIALS // 4, seed=23), positive_rate(drifting, TRIALS, seed=23)
    assert false <= 0.065
    assert found.drift_between + found.not_shuffled <= 0.10


def test_blocks_without_drift_are_told_apart() -> None:
    found = warned(World(is_shuffled=False), TRIALS // 2, seed=24)
    assert found.drift_between <= 0.07
    assert found.drift <= 0.06  # two groups, 0.02 each
