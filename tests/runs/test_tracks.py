"""Curves of counters and of sums, against references that were worked out another way."""

from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.history import FakeHistory, gap, powers
from support.supplies import DRAM, LIMITS, PACKAGE
from wattwatch.reading import Channel, EnergyRecord, Instant, Reading
from wattwatch.runs.edges import EdgeReader, edge_channels
from wattwatch.runs.energy import Curve, EnergyFigures, Look, Supply, Timing, settled_energy, window_energy
from wattwatch.runs.tracks import Track, edge_uncertainty_joules, track_of
from wattwatch.sources.base import CounterLimits
from wattwatch.store.base import Span

TIMING = Timing(interval_seconds=1.0, gap_seconds=3.0)
COUNTER = Supply(PACKAGE, TIMING, lambda _: LIMITS)


def at(seconds: float) -> Instant:
    return Instant("boot-1", seconds)


def counted(points: Sequence[tuple[float, float]], channel: Channel = PACKAGE) -> list[Reading]:
    return [Reading(channel, joules % LIMITS.range_joules, at(seconds)) for seconds, joules in points]


def track(points: Sequence[tuple[float, float]], *gaps: EnergyRecord, supply: Supply = COUNTER) -> Track:
    return track_of(supply, counted(points, supply.channel), gaps, "boot-1")


def energy(
    points: Sequence[tuple[float, float]], start: float, end: float, *gaps: EnergyRecord
) -> EnergyFigures:
    return window_energy(Look([track(points, *gaps)]), at(start), at(end))


def missing(start: float, end: float) -> EnergyRecord:
    return EnergyRecord(PACKAGE, at(start), at(end), 0.0, missing_seconds=end - start)


def test_a_window_takes_its_share_of_each_step_of_a_counter() -> None:
    figures = energy([(10, 100.0), (11, 104.0), (12, 114.0)], 10.5, 11.25)
    assert figures.joules == pytest.approx(2.0 + 2.5)
    assert figures.sampled_seconds == 0.75
    assert figures.peak_watts == pytest.approx(10.0)  # the highest mean of a step


def test_a_long_step_of_a_counter_is_sampled_and_a_wrap_undone() -> None:
    figures = energy([(0, 4990.0), (20, 5010.0)], 0.0, 20.0)  # 4990, then 10
    assert (figures.joules, figures.sampled_seconds) == (20.0, 20.0)
    assert energy([(0, 4990.0), (20, 5010.0)], 5.0, 10.0).joules == pytest.approx(5.0)


def test_what_cannot_be_trusted_is_open_until_the_store_calls_it_missing() -> None:
    points = [(0.0, 10.0), (30.0, 20.0), (31.0, 30.0)]  # 30 s at 100 W are over half of the range
    progress = settled_energy(Look([track(points)]), at(0), at(31))
    assert progress.settled_until == at(0)
    figures = energy(points, 0.0, 31.0, missing(0, 30))
    assert (figures.joules, figures.sampled_seconds, figures.missing_seconds) == (10.0, 1.0, 30.0)


def test_a_fall_without_a_known_range_is_no_energy() -> None:
    unknown = Supply(PACKAGE, TIMING)
    look = Look([track_of(unknown, counted([(0, 100.0), (1, 3.0), (2, 5.0)]), [missing(0, 1)], "boot-1")])
    assert window_energy(look, at(0), at(2)).joules == pytest.approx(2.0)


counters = st.lists(
    st.tuples(st.sampled_from([0.25, 1.0, 1.000001, 2.5, 20.0]), st.integers(0, 99)), min_size=1, max_size=15
)
EDGES = st.lists(st.integers(0, 60_000_000).map(lambda us: us / 1e6), min_size=2, max_size=2)


@given(counters, EDGES)
def test_a_counters_curve_is_the_line_through_its_readings(
    drawn: list[tuple[float, int]], edges: list[float]
) -> None:
    """In fractions: what the line through the unwrapped readings has grown by between the edges."""
    points = [(Fraction(0), Fraction(4900))]
    for seconds, watts in drawn:
        points.append((points[-1][0] + Fraction(seconds), points[-1][1] + Fraction(seconds) * watts))
    start, end = sorted(min(Fraction(edge), points[-1][0]) for edge in edges)
    start, end = (Fraction(round(edge * 1_000_000), 1_000_000) for edge in (start, end))

    def value(seconds: Fraction) -> Fraction:
        index = min(bisect_right([point[0] for point in points], seconds), len(points) - 1)
        (left, before), (right, after) = points[index - 1], points[index]
        return before + (after - before) * (seconds - left) / (right - left)

    figures = energy([(float(s), float(j)) for s, j in points], float(start), float(end))
    expected = value(end) - value(start)
    assert figures.joules == pytest.approx(float(expected), rel=1e-6, abs=1e-3)  # edges in microseconds
    assert figures.sampled_microseconds == round((end - start) * 1_000_000)


def test_the_edge_of_a_counter_is_as_doubtful_as_its_steps_differ() -> None:
    # 2 W, then 6 W: ΔP 4 W within 1.1 s of the edge.
    points = [(8, 0.0), (9, 2.0), (10, 4.0), (11, 10.0), (12, 16.0)]
    assert edge_uncertainty_joules(track(points), at(10.2)) == pytest.approx(4.0 * 1.1 / 2)
    assert edge_uncertainty_joules(track(points[:3]), at(9.5)) == 0.0
    assert edge_uncertainty_joules(track([]), at(9.5)) == 0.0


def test_an_edge_in_a_long_step_is_as_doubtful_as_the_step_is_long() -> None:
    points = [(8, 0.0), (9, 2.0), (19, 22.0), (20, 32.0)]  # 2 W, 2 W, 10 W
    assert edge_uncertainty_joules(track(points), at(15.0)) == pytest.approx(8.0 * 10.1 / 2)


def history() -> FakeHistory:
    """A package at 5 W and its memory at 1 W, read at other instants each; the memory is lost for a while."""
    made = FakeHistory()
    for second in range(100, 161):
        made.put(*counted([(second, 5.0 * second)]))
        if not 120 < second < 130:
            made.put(*counted([(second + 0.4, float(second) + 0.4)], DRAM))
    made.put_gap(EnergyRecord(DRAM, at(120.4), at(130.4), 0.0, missing_seconds=10.0))
    return made


SUM = Curve((COUNTER, Supply(DRAM, TIMING, lambda _: LIMITS)))


def test_a_sum_is_known_where_all_of_it_is() -> None:
    span = Span(at(110), at(140))
    figures = window_energy(SUM.look(history(), span), *(span.start, span.end))
    assert figures.joules == pytest.approx(20 * 6.0)
    assert (figures.sampled_seconds, figures.missing_seconds) == (20.0, 10.0)
    assert figures.peak_watts == pytest.approx(6.0)
    assert figures.mean_watts == pytest.approx(6.0)


def test_the_edges_of_a_sum_are_doubtful_by_those_of_its_channels() -> None:
    made = FakeHistory()
    for second, package, dram in ((0, 0.0, 0.0), (1, 2.0, 1.0), (2, 6.0, 4.0), (3, 10.0, 7.0)):
        made.put(*counted([(second, package)]), *counted([(second, dram)], DRAM))
    channels = edge_channels(made.channels(), tuple(SUM.supplies), ("rapl",))
    edge = EdgeReader(made).read(at(1.0), channels, at(100.0))
    assert edge.uncertainty_joules == pytest.approx((2.0 + 2.0) * 1.1 / 2)


def test_two_filled_gaps_of_a_sum_keep_their_two_doubts() -> None:
    """Even if both meters were lost and came back together."""
    rows = []
    for source in ("a", "b"):
        channel = Channel(source, "vbus", "power_watts", gap(0, 1, 1.0).channel.kind)
        record = EnergyRecord(channel, at(0), at(10), 50.0, recovered_seconds=10.0, doubt_joules=3.6)
        rows.append(track_of(Supply(channel, TIMING), [], [record], "boot-1"))
    figures = window_energy(Look(rows), at(2), at(4))
    assert (figures.joules, figures.recovered_seconds, figures.gap_doubt_joules) == (20.0, 2.0, 7.2)


def test_a_stalled_meter_is_open_from_where_it_stalled() -> None:
    readings = powers([(float(second), 5.0) for second in range(10)])
    supply = Supply(readings[0].channel, TIMING)
    look = Look([track_of(supply, readings, [], "boot-1", at(4.0))])
    progress = settled_energy(look, at(0), at(9))
    assert (progress.settled_until, progress.figures.joules) == (at(4.0), 20.0)
    assert window_energy(look, at(0), at(9)).missing_seconds == 5.0


def test_power_that_flows_backwards_is_no_energy() -> None:
    readings = powers([(0, 4.0), (1, -4.0), (2, -4.0)])
    look = Look([track_of(Supply(readings[0].channel, TIMING), readings, [], "boot-1")])
    assert [window_energy(look, at(a), at(b)).joules for a, b in pairwise((0, 1, 2))] == [2.0, 0.0]


def test_limits_that_become_known_later_make_a_wrap_known_later() -> None:
    """After a restart the source may be read later than the run is looked at."""
    known = {PACKAGE: CounterLimits(0.0, float("inf"))}
    supply = Supply(PACKAGE, TIMING, known.__getitem__)
    look = Look([track([(0, 4999.0), (1, 5001.0)], supply=supply)])
    assert settled_energy(look, at(0), at(1)).settled_until == at(0)
    known[PACKAGE] = LIMITS
    assert settled_energy(look, at(0), at(1)).figures.joules == pytest.approx(2.0)
