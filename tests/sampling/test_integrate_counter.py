"""Counters: wraps are undone, resets are recognised, neither becomes energy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.power import instant
from wattwatch.reading import Channel, EnergyRecord, Kind, Quality, Scope
from wattwatch.sampling.integrate import CounterIntegrator, CounterPoint
from wattwatch.sources.base import CounterLimits

CHANNEL = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE, Quality.SENSOR)
RANGE_JOULES = 262143.328850  # of a real package domain
LIMITS = CounterLimits(RANGE_JOULES, 400.0)
INTEGRATOR = CounterIntegrator(CHANNEL, LIMITS)


def integrate(points: list[CounterPoint], integrator: CounterIntegrator = INTEGRATOR) -> list[EnergyRecord]:
    state, records = None, []
    for point in points:
        step = integrator.step(state, point)
        state = step.state
        if step.record is not None:
            records.append(step.record)
    return records


@given(
    st.floats(0, RANGE_JOULES - 1),
    st.lists(st.tuples(st.floats(0.1, 300.0), st.floats(0.0, 400.0)), min_size=1, max_size=50),
)
def test_wraps_are_undone_exactly(start_joules: float, drawn: list[tuple[float, float]]) -> None:
    seconds, true_joules = 0.0, 0.0
    points = [CounterPoint(instant(0), start_joules)]
    for elapsed_seconds, watts in drawn:
        seconds = round(seconds + elapsed_seconds, 6)
        true_joules += elapsed_seconds * watts * 0.999
        points.append(CounterPoint(instant(seconds), (start_joules + true_joules) % RANGE_JOULES))
    records = integrate(points)
    assert sum(r.joules for r in records) == pytest.approx(true_joules, rel=1e-9, abs=1e-3)
    assert sum(r.sampled_seconds for r in records) == pytest.approx(seconds)


def test_a_difference_that_may_hide_a_wrap_is_missing() -> None:
    half_range_seconds = RANGE_JOULES / 2 / 400.0
    (record,) = integrate([CounterPoint(instant(0), 5.0), CounterPoint(instant(half_range_seconds + 1), 9.0)])
    assert record.joules == 0
    assert record.missing_seconds == pytest.approx(half_range_seconds + 1)


@given(st.floats(10.0, 1e6), st.floats(0.0, 9.0))
def test_a_fall_without_a_known_range_is_a_reset_and_no_energy(before: float, after: float) -> None:
    (record,) = integrate(
        [CounterPoint(instant(0), before), CounterPoint(instant(1), after)], CounterIntegrator(CHANNEL)
    )
    assert (record.joules, record.missing_seconds) == (0.0, 1.0)


def test_a_reset_with_a_known_range_is_told_from_a_wrap_by_the_power_it_would_mean() -> None:
    (record,) = integrate([CounterPoint(instant(0), 1000.0), CounterPoint(instant(1), 0.0)])
    assert (record.joules, record.missing_seconds) == (0.0, 1.0)


def test_more_than_the_possible_power_is_missing() -> None:
    (record,) = integrate([CounterPoint(instant(0), 0.0), CounterPoint(instant(1), 401.0)])
    assert (record.joules, record.missing_seconds) == (0.0, 1.0)


def test_a_new_boot_and_a_repeated_reading_give_no_record() -> None:
    assert integrate([CounterPoint(instant(9), 5.0), CounterPoint(instant(1, "boot-2"), 7.0)]) == []
    assert integrate([CounterPoint(instant(9), 5.0), CounterPoint(instant(9), 7.0)]) == []
