import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.stats.multiplicity import holm

P_VALUES = st.lists(st.none() | st.floats(0, 1), max_size=12)


@pytest.mark.parametrize(
    ("raw", "adjusted"),
    [
        ([0.50, 0.003, 0.32, 0.054, 0.0003], [0.64, 0.012, 0.64, 0.162, 0.0015]),  # pingouin's documentation
        ([0.319, 0.201, 0.4, 0.374, 0.113], [0.957, 0.804, 0.957, 0.957, 0.565]),  # stdlib's documentation
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # R's p.adjust
    ],
)
def test_published_examples(raw: list[float], adjusted: list[float]) -> None:
    assert holm(raw) == pytest.approx(tuple(adjusted), abs=5e-4)


def stepped_down(p_values: list[float], alpha: float) -> list[bool]:
    """Holm 1979 as he wrote it: reject from the smallest up, until one is not below alpha / (m - k + 1)."""
    rejected = [False] * len(p_values)
    for rank, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] * (len(p_values) - rank) > alpha:
            break
        rejected[place] = True
    return rejected


@given(st.lists(st.floats(0, 1), max_size=10), st.floats(0.001, 0.5))
def test_adjusted_values_reject_what_holm_rejects(p_values: list[float], alpha: float) -> None:
    assert [p is not None and p <= alpha for p in holm(p_values)] == stepped_down(p_values, alpha)


@given(P_VALUES)
def test_adjusted_values_keep_the_order_and_never_fall(p_values: list[float | None]) -> None:
    adjusted = holm(p_values)
    pairs = [(p, a) for p, a in zip(p_values, adjusted, strict=True) if p is not None and a is not None]
    assert len(pairs) == sum(p is not None for p in p_values)
    assert all(p <= a <= 1 for p, a in pairs)
    in_order = [a for _, a in sorted(pairs)]
    assert in_order == sorted(in_order)
    if pairs:
        assert min(pairs)[1] == min(1.0, min(pairs)[0] * len(pairs))


@given(P_VALUES, st.integers(0, 12))
def test_a_test_that_was_not_made_counts_for_nothing(p_values: list[float | None], place: int) -> None:
    at = min(place, len(p_values))
    with_none = holm([*p_values[:at], None, *p_values[at:]])
    assert with_none[at] is None
    assert (*with_none[:at], *with_none[at + 1 :]) == holm(p_values)


@given(P_VALUES)
def test_more_tests_never_make_one_surer(p_values: list[float | None]) -> None:
    fewer, more = holm(p_values), holm([*p_values, 0.5])
    assert all(b >= a for a, b in zip(fewer, more, strict=False) if a is not None and b is not None)
