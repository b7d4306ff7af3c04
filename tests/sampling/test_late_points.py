"""Points that come after their time was given up: what a relay brings late, or a read that was under way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.power import POWER_CHANNEL, instant, meter_point
from wattwatch.reading import Channel, EnergyRecord, Kind, Quality, Scope
from wattwatch.sampling.integrate import (
    CounterIntegrator,
    CounterPoint,
    CounterState,
    PowerIntegrator,
    PowerPoint,
    PowerState,
    Step,
)
from wattwatch.sources.base import CounterLimits

COUNTER = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE, Quality.SENSOR)
POWERS = PowerIntegrator(POWER_CHANNEL, 3.0)
COUNTERS = CounterIntegrator(COUNTER, CounterLimits(262143.0, 400.0))  # trusted for 327 s

happenings = st.lists(
    st.tuples(
        st.floats(0.1, 2000.0),  # seconds that pass
        st.booleans(),  # whether a point comes, or only time is given up
        st.floats(0.0, 5000.0),  # how late it comes
    ),
    min_size=1,
    max_size=40,
)


def seconds_of(record: EnergyRecord) -> float:
    return record.sampled_seconds + record.recovered_seconds + record.missing_seconds


def check(records: list[EnergyRecord], first_seconds: float) -> None:
    """The records adjoin: every second once, none of them backwards."""
    until = first_seconds
    for record in records:
        assert record.start.boot_seconds == until
        until = record.end.boot_seconds
        assert seconds_of(record) == pytest.approx(until - record.start.boot_seconds)
        assert min(record.joules, record.sampled_seconds, record.recovered_seconds) >= 0
        assert seconds_of(record) > 0


def play(kind: str, drawn: list[tuple[float, bool, float]]) -> list[EnergyRecord]:
    now, last = 1000.0, 0.0
    power: PowerState = POWERS.step(None, meter_point(now, 5.0, 100)).state
    counter: CounterState = COUNTERS.step(None, CounterPoint(instant(now), 1000.0)).state
    records = []
    for seconds, comes, late_seconds in drawn:
        now = round(now + seconds, 6)
        at = round(max(last, now - late_seconds), 6)  # the points of a source come in order of time
        step: Step[PowerState] | Step[CounterState]
        if kind == "power":
            point = meter_point(at, 5.0, 100 + round(at / 720))
            step = POWERS.step(power, point) if comes else POWERS.expire(power, instant(now))
            power = step.state
        else:
            reading = CounterPoint(instant(at), 1000.0 + 5 * at)
            counted = COUNTERS.step(counter, reading) if comes else COUNTERS.expire(counter, instant(now))
            step, counter = counted, counted.state
        last = at if comes else last
        records += [step.record] if step.record else []
    return records


@pytest.mark.parametrize("kind", ["power", "counter"])
@given(drawn=happenings)
def test_every_second_is_told_once_however_late_the_points_come(
    kind: str, drawn: list[tuple[float, bool, float]]
) -> None:
    check(play(kind, drawn), 1000.0)


def test_a_point_of_time_that_is_missing_already_says_nothing_and_the_next_ones_go_on() -> None:
    state = POWERS.step(None, meter_point(0, 5.0, 100)).state
    state = POWERS.expire(state, instant(4000)).state
    late = POWERS.step(state, meter_point(3310, 5.0, 4700))
    assert late.record is None
    back = POWERS.step(late.state, meter_point(4000.5, 5.0, 5656))
    assert back.record is not None
    assert (back.record.missing_seconds, back.record.joules) == (0.5, 0.0)
    going_on = POWERS.step(back.state, PowerPoint(instant(4001), 7.0)).record
    assert going_on is not None
    assert (going_on.sampled_seconds, going_on.joules) == (0.5, 3.0)
