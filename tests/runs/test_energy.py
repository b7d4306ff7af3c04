from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from support.history import POWER, gap, powers
from wattwatch.reading import EnergyRecord, Instant, Reading
from wattwatch.runs.energy import EnergyFigures, Look, Progress, Supply, Timing
from wattwatch.runs.energy import settled_energy as settled_energy_of
from wattwatch.runs.energy import window_energy as window_energy_of
from wattwatch.runs.tracks import edge_uncertainty_joules as edge_uncertainty_of
from wattwatch.runs.tracks import track_of

TIMING = Timing(interval_seconds=1.0, gap_seconds=3.0)


def look(readings: Iterable[Reading], gaps: Iterable[EnergyRecord], boot_id: str, timing: Timing) -> Look:
    """All that is known of one meter."""
    return Look([track_of(Supply(POWER, timing), readings, gaps, boot_id)])


def window_energy(
    readings: Iterable[Reading], gaps: Iterable[EnergyRecord], start: Instant, end: Instant, timing: Timing
) -> EnergyFigures:
    return window_energy_of(look(readings, gaps, start.boot_id, timing), start, end)


def settled_energy(
    readings: Iterable[Reading], gaps: Iterable[EnergyRecord], start: Instant, end: Instant, timing: Timing
) -> Progress:
    return settled_energy_of(look(readings, gaps, start.boot_id, timing), start, end)


def edge_uncertainty_joules(readings: Iterable[Reading], at: Instant, timing: Timing) -> float:
    return edge_uncertainty_of(track_of(Supply(POWER, timing), readings, [], at.boot_id), at)


def at(seconds: float) -> Instant:
    return Instant("boot-1", seconds)


def energy(
    points: list[tuple[float, float]],
    start: float,
    end: float,
    *gaps: EnergyRecord,
) -> EnergyFigures:
    return window_energy(powers(points), gaps, at(start), at(end), TIMING)


def test_a_window_between_readings_takes_its_share_of_each_step() -> None:
    # Steps of 2 -> 4 W and 4 -> 8 W over 1 s each: 3 J and 6 J; half of the first, a quarter of the second.
    figures = energy([(10, 2.0), (11, 4.0), (12, 8.0)], 10.5, 11.25)
    assert figures.joules == pytest.approx(1.5 + 1.5)
    assert figures.sampled_seconds == 0.75
    assert figures.mean_watts == pytest.approx(4.0)
    assert figures.peak_watts == 4.0


def test_a_window_within_one_step_has_no_reading_inside() -> None:
    figures = energy([(10, 2.0), (11, 4.0)], 10.25, 10.75)
    assert figures.joules == pytest.approx(1.5)
    assert figures.peak_watts is None


def test_a_step_longer_than_the_limit_is_missing() -> None:
    figures = energy([(0, 5.0), (1, 5.0), (5, 5.0), (6, 5.0)], 0.0, 6.0)
    assert (figures.joules, figures.sampled_seconds, figures.missing_seconds) == (10.0, 2.0, 4.0)
    assert figures.mean_watts == 5.0
    assert figures.is_lower_bound


def test_the_limit_is_three_intervals_where_that_is_more() -> None:
    slow = Timing(interval_seconds=10.0, gap_seconds=3.0)
    figures = window_energy(powers([(0, 1.0), (30, 1.0)]), [], at(0), at(30), slow)
    assert figures.sampled_seconds == 30.0


def test_a_recovered_gap_gives_its_share() -> None:
    # 36 J over 10 s recovered; the window has the last quarter of it, then one second at 4 W.
    figures = energy([(0, 3.0), (10, 4.0), (11, 4.0)], 7.5, 11.0, gap(0, 10, 36.0))
    assert figures.joules == pytest.approx(9.0 + 4.0)
    assert (figures.recovered_seconds, figures.sampled_seconds, figures.missing_seconds) == (2.5, 1.0, 0.0)
    assert figures.gap_doubt_joules == 3.6


def test_a_stalled_meter_covers_nothing_although_it_gives_readings() -> None:
    points = [(float(second), 5.0) for second in range(11)]
    figures = energy(points, 0.0, 10.0, gap(4, 8, None))
    assert (figures.joules, figures.sampled_seconds, figures.missing_seconds) == (30.0, 6.0, 4.0)


def test_a_gap_record_cuts_the_steps_that_it_overlaps() -> None:
    figures = energy([(0, 4.0), (2, 4.0)], 0.0, 2.0, gap(0.5, 1.0, None))
    assert figures.joules == pytest.approx(6.0)
    assert figures.sampled_seconds == 1.5


def test_before_the_first_and_after_the_last_reading_time_is_missing() -> None:
    figures = energy([(10, 1.0), (11, 1.0)], 8.0, 14.0)
    assert (figures.sampled_seconds, figures.missing_seconds) == (1.0, 5.0)


def test_without_readings_nothing_is_known() -> None:
    figures = energy([], 0.0, 2.0)
    assert (figures.missing_seconds, figures.mean_watts, figures.peak_watts) == (2.0, None, None)


def test_readings_of_another_boot_are_not_neighbours() -> None:
    readings = [*powers([(99.5, 9.0)], "boot-0"), *powers([(1, 2.0), (2, 2.0)])]
    figures = window_energy(readings, [], at(0), at(2), TIMING)
    assert (figures.joules, figures.sampled_seconds, figures.missing_seconds) == (2.0, 1.0, 1.0)


def test_edges_of_two_boots_are_refused() -> None:
    with pytest.raises(ValueError, match="boot by boot"):
        window_energy([], [], Instant("boot-0", 1.0), at(2), TIMING)


def test_an_end_before_the_start_is_refused() -> None:
    with pytest.raises(ValueError, match="before its start"):
        window_energy([], [], at(2), at(1), TIMING)


def test_what_is_open_is_not_settled() -> None:
    progress = settled_energy(powers([(0, 2.0), (1, 2.0), (9, 2.0)]), [], at(0.5), at(9), TIMING)
    assert progress.settled_until == at(1)
    assert progress.figures == EnergyFigures(1.0, 500_000, peak_watts=2.0)


def test_a_refused_gap_is_settled() -> None:
    readings = powers([(0, 2.0), (1, 2.0), (9, 2.0)])
    progress = settled_energy(readings, [gap(1, 9, None)], at(0.5), at(9), TIMING)
    assert progress.settled_until == at(9)
    assert progress.figures.missing_seconds == 8.0


def test_edge_uncertainty_by_hand() -> None:
    # Within 1.1 s of 10.5 lie 10 s and 11 s (3 W, 7 W): 4 W for 1.1 s / 2.
    readings = powers([(9, 30.0), (10, 3.0), (11, 7.0), (12, 40.0)])
    assert edge_uncertainty_joules(readings, at(10.5), TIMING) == pytest.approx(4.0 * 1.1 / 2)


def test_edge_uncertainty_takes_the_bracketing_pair_however_far() -> None:
    readings = powers([(0, 3.0), (20, 7.0)])
    assert edge_uncertainty_joules(readings, at(10), TIMING) == pytest.approx(4.0 * 1.1 / 2)


def test_edge_uncertainty_without_readings_is_not_an_error() -> None:
    assert edge_uncertainty_joules([], at(10), TIMING) == 0.0


STEP = st.sampled_from([0.1, 0.5, 0.999999, 1.0, 2.999999, 3.0, 3.000001, 40.0])
WATTS = st.floats(0, 50, allow_nan=False)


@st.composite
def series(draw: st.DrawFn) -> tuple[list[Reading], list[EnergyRecord]]:
    """Readings with steps around the limit, and gap records: filled, refused, stalled, half overlapping."""
    seconds, points = 100.0, []
    for _ in range(draw(st.integers(0, 12))):
        points.append((round(seconds, 6), draw(WATTS)))
        seconds += draw(STEP)
    gaps, start = [], 99.0
    for _ in range(draw(st.integers(0, 3))):
        start = round(start + draw(st.floats(0, 20)), 6)
        end = round(start + draw(st.floats(0.001, 20)), 6)
        gaps.append(gap(start, end, draw(st.one_of(st.none(), st.floats(0, 500)))))
        start = end
    return powers(points), gaps


EDGE = st.integers(95_000_000, 200_000_000).map(lambda microseconds: microseconds / 1e6)


@given(series(), EDGE, EDGE)
def test_every_microsecond_is_in_exactly_one_state(
    data: tuple[list[Reading], list[EnergyRecord]], one: float, other: float
) -> None:
    start, end = sorted((one, other))
    figures = window_energy(*data, at(start), at(end), TIMING)
    states = (
        figures.sampled_microseconds,
        figures.recovered_microseconds,
        figures.missing_microseconds,
    )
    assert min(states) >= 0
    assert sum(states) == round(end * 1e6) - round(start * 1e6)
    assert figures.joules >= 0
    if figures.covered_seconds == 0:
        assert figures.joules == 0


@given(series(), st.lists(EDGE, min_size=3, max_size=6))
def test_the_parts_of_a_window_add_up(
    data: tuple[list[Reading], list[EnergyRecord]], edges: list[float]
) -> None:
    cuts = sorted(edges)
    whole = window_energy(*data, at(cuts[0]), at(cuts[-1]), TIMING)
    parts = EnergyFigures()
    for start, end in pairwise(cuts):
        parts += window_energy(*data, at(start), at(end), TIMING)
    assert parts.joules == pytest.approx(whole.joules, rel=1e-9, abs=1e-12)
    assert parts.sampled_microseconds == whole.sampled_microseconds
    assert parts.recovered_microseconds == whole.recovered_microseconds
    assert parts.missing_microseconds == whole.missing_microseconds
    assert parts.peak_watts == whole.peak_watts
    assert parts.gap_doubts == whole.gap_doubts


@given(series(), EDGE, EDGE)
def test_settled_figures_are_those_of_the_part_that_they_name(
    data: tuple[list[Reading], list[EnergyRecord]], one: float, other: float
) -> None:
    start, end = sorted((one, other))
    progress = settled_energy(*data, at(start), at(end), TIMING)
    assert start <= progress.settled_until.boot_seconds <= end
    assert progress.figures == window_energy(*data, at(start), progress.settled_until, TIMING)


@given(series(), EDGE, EDGE, WATTS, STEP)
def test_what_is_settled_does_not_change_with_later_readings(
    data: tuple[list[Reading], list[EnergyRecord]], one: float, other: float, watts: float, step: float
) -> None:
    readings, gaps = data
    assume(readings and not gaps)
    start, end = sorted((one, other))
    before = settled_energy(readings, [], at(start), at(end), TIMING)
    later = [*readings, *powers([(readings[-1].at.boot_seconds + step, watts)])]
    after = settled_energy(later, [], at(start), at(end), TIMING)
    assert after.settled_until.boot_seconds >= before.settled_until.boot_seconds
    assert window_energy(later, [], at(start), before.settled_until, TIMING) == before.figures
