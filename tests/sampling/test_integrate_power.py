"""The laws of DESIGN section 2 for power channels, over generated series."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.power import POWER_CHANNEL, UM24C, instant, meter_point, plain_point
from wattwatch.reading import EnergyRecord
from wattwatch.sampling.integrate import (
    FILL_DOUBT_JOULES,
    STALL_JOULES,
    Event,
    PowerIntegrator,
    PowerPoint,
    PowerState,
    fill_joules,
)

GAP_LIMIT_SECONDS = 3.0
INTEGRATOR = PowerIntegrator(POWER_CHANNEL, GAP_LIMIT_SECONDS)


def integrate(points: list[PowerPoint]) -> list[EnergyRecord]:
    state: PowerState | None = None
    records = []
    for point in points:
        step = INTEGRATOR.step(state, point)
        state = step.state
        if step.record is not None:
            records.append(step.record)
    return records


def total_seconds(record: EnergyRecord) -> float:
    return record.sampled_seconds + record.recovered_seconds + record.missing_seconds


steps = st.tuples(
    st.floats(0.001, 5000.0),  # seconds since the last point: ticks, late ticks, gaps, suspends
    st.floats(0.0, 72.0),  # watts
    st.integers(0, 2000),  # mWh added
    st.sampled_from(["go", "go", "go", "go", "reset", "group", "model"]),
)


def series(drawn: list[tuple[float, float, int, str]]) -> list[PowerPoint]:
    """A meter's points, with gaps, resets and changes as drawn."""
    points, seconds, milliwatt_hours, identity = [], 1000.0, 100, UM24C
    for elapsed_seconds, watts, added, happening in drawn:
        seconds = round(seconds + elapsed_seconds, 6)
        milliwatt_hours += added
        if happening == "reset":
            milliwatt_hours = 0
        if happening == "group":
            identity = replace(identity, group=(identity.group + 1) % 10)
        if happening == "model":
            identity = replace(identity, model="UM25C")
        points.append(meter_point(seconds, watts, milliwatt_hours, identity=identity))
    return points


@given(st.lists(steps, min_size=2, max_size=40))
def test_every_second_between_the_first_and_last_point_is_in_exactly_one_state(
    drawn: list[tuple[float, float, int, str]],
) -> None:
    points = series(drawn)
    records = integrate(points)
    # Records follow each other without hole or overlap ...
    assert records[0].start == points[0].at
    for before, after in pairwise(records):
        assert before.end == after.start
    # ... and each is of one state and as long as its ends say.
    for record in records:
        states = (record.sampled_seconds, record.recovered_seconds, record.missing_seconds)
        assert sum(seconds > 0 for seconds in states) == 1
        assert total_seconds(record) == pytest.approx(record.end.boot_seconds - record.start.boot_seconds)


@given(st.lists(steps, min_size=2, max_size=40))
def test_missing_time_has_no_energy_and_no_energy_is_negative_or_above_full_scale(
    drawn: list[tuple[float, float, int, str]],
) -> None:
    for record in integrate(series(drawn)):
        assert record.joules >= 0
        if record.missing_seconds:
            assert record.joules == 0
        seconds = record.end.boot_seconds - record.start.boot_seconds
        assert record.joules <= 72.0 * seconds * (1 + 1e-9) + STALL_JOULES


@given(st.lists(steps, min_size=2, max_size=40))
def test_only_steps_within_the_gap_limit_are_sampled(drawn: list[tuple[float, float, int, str]]) -> None:
    for record in integrate(series(drawn)):
        if record.sampled_seconds:
            assert record.sampled_seconds <= GAP_LIMIT_SECONDS
            assert record.doubt_joules == 0


@given(
    st.lists(st.tuples(st.floats(0.01, 3.0), st.floats(0.0, 72.0)), min_size=2, max_size=60),
    st.integers(1, 58),
)
def test_energy_is_additive_over_any_cut_of_a_series(drawn: list[tuple[float, float]], cut: int) -> None:
    seconds, points = 0.0, []
    for elapsed_seconds, watts in drawn:
        seconds = round(seconds + elapsed_seconds, 6)
        points.append(plain_point(seconds, watts))
    cut = min(cut, len(points) - 1)
    whole = sum(r.joules for r in integrate(points))
    parts = sum(r.joules for r in integrate(points[: cut + 1])) + sum(
        r.joules for r in integrate(points[cut:])
    )
    assert parts == pytest.approx(whole, rel=1e-9, abs=1e-12)


@given(st.lists(steps, min_size=2, max_size=30))
def test_a_repeated_point_changes_nothing(drawn: list[tuple[float, float, int, str]]) -> None:
    points = series(drawn)
    doubled = [p for point in points for p in (point, point)]
    assert integrate(doubled) == integrate(points)


def test_worked_by_hand() -> None:
    (first, second) = integrate([plain_point(0, 2.0), plain_point(1, 4.0), plain_point(2.5, 0.0)])
    assert (first.joules, first.sampled_seconds) == (3.0, 1.0)
    assert (second.joules, second.sampled_seconds) == (3.0, 1.5)


def test_a_new_boot_begins_anew() -> None:
    assert integrate(
        [plain_point(100, 5.0), plain_point(5, 5.0, "boot-2"), plain_point(6, 5.0, "boot-2")]
    ) == [EnergyRecord(POWER_CHANNEL, instant(5, "boot-2"), instant(6, "boot-2"), 5.0, sampled_seconds=1.0)]


def test_a_gap_is_filled_from_the_accumulator() -> None:
    (record,) = integrate([meter_point(0, 6.0, 100, 20), meter_point(60, 6.0, 200, 40)])
    assert record.joules == pytest.approx(360.0)
    assert (record.recovered_seconds, record.missing_seconds) == (60.0, 0.0)
    assert record.doubt_joules == FILL_DOUBT_JOULES == 3.6


def test_a_gap_of_a_source_without_accumulator_is_missing() -> None:
    (record,) = integrate([plain_point(0, 6.0), plain_point(60, 6.0)])
    assert (record.joules, record.missing_seconds) == (0.0, 60.0)


BEFORE = meter_point(0, 6.0, 100, 50)
REFUSALS = {
    "over an hour": (BEFORE, meter_point(3600.001, 6.0, 6000, 1200)),
    "another group": (BEFORE, meter_point(60, 6.0, 200, 70, replace(UM24C, group=1))),
    "another model": (BEFORE, meter_point(60, 6.0, 200, 70, replace(UM24C, model="UM25C"))),
    "another address": (BEFORE, meter_point(60, 6.0, 200, 70, replace(UM24C, address="00:00"))),
    "energy fell": (BEFORE, meter_point(60, 6.0, 99, 70)),
    "charge fell: a power cut, the energy has overtaken": (BEFORE, meter_point(60, 6.0, 200, 49)),
    "above full scale": (BEFORE, meter_point(10, 6.0, 301, 70)),
    "no difference above 1 W": (BEFORE, meter_point(60, 6.0, 100, 50)),
    "no accumulator after": (BEFORE, plain_point(60, 6.0)),
    "no accumulator before": (plain_point(0, 6.0), meter_point(60, 6.0, 200, 70)),
}


@pytest.mark.parametrize(("before", "after"), REFUSALS.values(), ids=REFUSALS.keys())
def test_each_refusal_leaves_the_gap_missing(before: PowerPoint, after: PowerPoint) -> None:
    assert fill_joules(before, after) is None
    (record,) = integrate([before, after])
    assert (record.joules, record.recovered_seconds) == (0.0, 0.0)
    assert record.missing_seconds == after.at.boot_seconds


def test_just_within_every_condition_is_filled() -> None:
    assert fill_joules(BEFORE, meter_point(3600.0, 6.0, 6000, 1200)) == pytest.approx(5900 * 3.6)
    assert fill_joules(BEFORE, meter_point(10, 6.0, 300, 50)) == pytest.approx(720.0)  # 72 W: full scale
    assert fill_joules(meter_point(0, 0.9, 100), meter_point(60, 6.0, 100)) == 0.0  # one side below 1 W


def frozen_series(seconds: int) -> list[PowerPoint]:
    return [meter_point(second, 6.0, 100) for second in range(seconds)]


def test_a_frozen_meter_is_stalled_and_coverage_stops() -> None:
    state: PowerState | None = None
    events: list[Event] = []
    sampled_seconds = 0.0
    for point in frozen_series(60):
        step = INTEGRATOR.step(state, point)
        state, events = step.state, [*events, *step.events]
        sampled_seconds += step.record.sampled_seconds if step.record else 0
    assert events == [Event.STALLED]
    assert state is not None
    assert state.stalled
    assert sampled_seconds == 2.0  # 12 J at 6 W is the first to exceed 3 mWh + 5 % = 11.34 J


def test_energy_of_a_thawed_meter_is_counted_once() -> None:
    # Frozen for 60 s at 6 W = 360 J = 100 mWh, of which 12 J were sampled before the stall was noticed.
    records = integrate([*frozen_series(60), meter_point(60, 6.0, 200, 1)])
    assert sum(r.joules for r in records) == pytest.approx(360.0)
    assert records[-1].recovered_seconds == 58.0


def test_a_clamped_accumulator_does_not_stop_a_meter_whose_display_moves() -> None:
    points = [meter_point(second, 6.0 + second % 2 / 1000, 99999) for second in range(120)]
    records = integrate(points)
    assert sum(r.sampled_seconds for r in records) == 119.0


def test_a_slow_accumulator_at_low_power_is_no_stall() -> None:
    # 0.1 W: 1 mWh every 36 s, identical frames in between are valid and cover time.
    points = [meter_point(second, 0.1, second // 36) for second in range(300)]
    assert sum(r.sampled_seconds for r in integrate(points)) == 299.0


def test_an_open_gap_is_in_no_state_for_an_hour_then_missing_minute_by_minute() -> None:
    state = INTEGRATOR.step(None, meter_point(0, 6.0, 100)).state
    assert INTEGRATOR.expire(state, instant(3600)).record is None
    step = INTEGRATOR.expire(state, instant(3601))
    assert step.record is not None
    assert step.record.missing_seconds == 3601
    assert INTEGRATOR.expire(step.state, instant(3661)).record is None
    step = INTEGRATOR.expire(step.state, instant(3662))
    assert step.record is not None
    assert (step.record.start, step.record.missing_seconds) == (instant(3601), 61)
    # When the meter is back, only the rest is added, and nothing is filled any more.
    record = INTEGRATOR.step(step.state, meter_point(3670, 6.0, 700)).record
    assert record == EnergyRecord(POWER_CHANNEL, instant(3662), instant(3670), 0.0, missing_seconds=8)


@given(st.lists(st.floats(1.0, 4000.0), min_size=1, max_size=30))
def test_expiry_and_return_together_count_each_second_once(waits_seconds: list[float]) -> None:
    state, now_seconds, missing_seconds = INTEGRATOR.step(None, plain_point(0, 5.0)).state, 0.0, 0.0
    for wait_seconds in waits_seconds:
        now_seconds = round(now_seconds + wait_seconds, 6)
        step = INTEGRATOR.expire(state, instant(now_seconds))
        state = step.state
        missing_seconds += step.record.missing_seconds if step.record else 0.0
    record = INTEGRATOR.step(state, plain_point(now_seconds + 10, 5.0)).record
    assert record is not None
    assert missing_seconds + record.missing_seconds == pytest.approx(now_seconds + 10)
    assert record.joules == 0


def test_changes_in_the_meter_are_named() -> None:
    def events(before: PowerPoint, after: PowerPoint) -> tuple[Event, ...]:
        return INTEGRATOR.step(PowerState(before, before.at), after).events

    assert events(BEFORE, meter_point(0.5, 6.0, 0, 0)) == (Event.ACCUMULATOR_RESET,)
    assert events(BEFORE, meter_point(0.5, 6.0, 0, 0, replace(UM24C, group=3))) == (Event.GROUP_CHANGED,)
    assert events(BEFORE, meter_point(0.5, 6.0, 0, 0, replace(UM24C, model="UM34C"))) == (
        Event.MODEL_CHANGED,
    )
    assert events(BEFORE, meter_point(0.5, 6.0, 101, 50)) == ()
