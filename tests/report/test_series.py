from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.series import Trace, step_powers, summed, trace

VALUES = st.floats(-1e6, 1e6)
STEPS = st.floats(1e-3, 20.0)


def drawn(points: list[tuple[float, float]], limit: float = 3.0, most: int = 2000) -> Trace:
    return trace("power", "W", points, limit, most)


@st.composite
def series(draw: st.DrawFn) -> list[tuple[float, float]]:
    """Readings in order of time, from 5 s before the run."""
    at, points = -5.0, []
    for step, value in draw(st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=200)):
        at += step
        points.append((at, value))
    return points


def segments(of: Trace) -> set[tuple[tuple[float, float], tuple[float, float]]]:
    return {(tuple(a), tuple(b)) for line in of.lines for a, b in pairwise(line)}  # type: ignore[misc]


@given(series(), st.integers(2, 60))
def test_a_short_curve_keeps_lowest_and_highest_in_order_of_time(
    points: list[tuple[float, float]], most: int
) -> None:
    short = drawn(points, most=most)
    kept = [tuple(point) for point in short.points]
    assert len(kept) <= most
    assert min(value for _, value in kept) == min(value for _, value in points)
    assert max(value for _, value in kept) == max(value for _, value in points)
    assert set(kept) <= set(points)
    assert [at for at, _ in kept] == sorted(at for at, _ in kept)


@given(series(), st.integers(2, 60))
def test_every_bucket_keeps_its_own_extremes(points: list[tuple[float, float]], most: int) -> None:
    width = (points[-1][0] - points[0][0]) / (most // 2)
    kept = {tuple(point) for point in drawn(points, most=most).points}
    buckets: dict[int, list[tuple[float, float]]] = {}
    for at, value in points:
        index = int((at - points[0][0]) / width) if width else 0
        buckets.setdefault(min(index, most // 2 - 1), []).append((at, value))
    for inside in buckets.values():
        values = {point[1] for point in inside if point in kept}
        assert {min(point[1] for point in inside), max(point[1] for point in inside)} <= values


@given(series(), st.floats(0.1, 20.0))
def test_a_curve_of_few_readings_is_drawn_whole_and_broken_at_every_gap(
    points: list[tuple[float, float]], limit: float
) -> None:
    whole = drawn(points, limit, most=len(points))
    neighbours = list(pairwise(points))
    assert [tuple(point) for point in whole.points] == points
    assert segments(whole) == {(a, b) for a, b in neighbours if b[0] - a[0] <= limit}
    gaps = [(gap.start_seconds, gap.end_seconds) for gap in whole.gaps]
    assert gaps == [(a[0], b[0]) for a, b in neighbours if b[0] - a[0] > limit]


@given(series(), st.integers(2, 20), st.floats(0.1, 20.0))
def test_no_line_of_a_short_curve_crosses_a_gap(
    points: list[tuple[float, float]], most: int, limit: float
) -> None:
    short = drawn(points, limit, most)
    gaps = [(a[0], b[0]) for a, b in pairwise(points) if b[0] - a[0] > limit]
    for left, right in segments(short):
        assert not any(left[0] <= start and end <= right[0] for start, end in gaps)
    assert len(short.gaps) <= most


def test_a_month_at_2_hz_is_two_thousand_points() -> None:
    points = ((index / 2, float(index % 7)) for index in range(500_000))
    long = trace("power", "W", points, 3.0)
    assert sum(1 for _ in long.points) == 2000
    assert (len(long.lines), long.gaps) == (1, ())


def test_time_that_runs_back_breaks_the_line() -> None:
    assert len(drawn([(0.0, 1.0), (1.0, 1.0), (0.5, 1.0), (1.5, 1.0)]).lines) == 2


def test_none_and_one() -> None:
    assert drawn([]).lines == ()
    assert drawn([(1.0, 2.0)]).lines == (((1.0, 2.0),),)


def test_a_counter_is_drawn_as_the_mean_power_of_its_steps() -> None:
    points = [(0.0, 100.0), (1.0, 104.0), (3.0, 114.0), (4.0, 2.0), (5.0, 3.0), (15.0, 103.0)]
    assert step_powers(points, 3.0) == [(1.0, 4.0), (3.0, 5.0), (5.0, 1.0)]


def test_a_sum_is_drawn_where_both_curves_are_known() -> None:
    one = [(float(second), 1.0) for second in range(12)]
    other = [(0.5, 2.0), (2.5, 4.0), (9.0, 4.0), (10.0, 6.0)]
    assert summed(one, other, 3.0) == [(1.0, 3.5), (2.0, 4.5), (9.0, 5.0), (10.0, 7.0)]
    assert summed(one, [], 3.0) == []


@given(series(), series(), st.floats(0.1, 30.0))
def test_a_sum_is_between_the_sums_of_lowest_and_highest(
    one: list[tuple[float, float]], other: list[tuple[float, float]], limit: float
) -> None:
    lowest = min(value for _, value in one) + min(value for _, value in other)
    highest = max(value for _, value in one) + max(value for _, value in other)
    for point in summed(one, other, limit):
        assert lowest - 1e-6 <= point.value <= highest + 1e-6
        assert other[0][0] <= point.seconds <= other[-1][0]
