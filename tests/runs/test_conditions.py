"""What disturbs a measurement is told, and only that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.reading import Channel, Instant, Kind, Reading
from wattwatch.runs.conditions import Conditions, condition_channels, condition_warnings, conditions_of

VOLTS = Channel("meter", "vbus", "voltage_volts", Kind.GAUGE)
AMPERES = Channel("meter", "vbus", "current_amperes", Kind.GAUGE)
COUNT = Channel("meter", "group-3", "energy_joules", Kind.ACCUMULATOR)
CHARGE = Channel("meter", "group-3", "charge_coulombs", Kind.ACCUMULATOR)
UNDER_VOLTAGE = Channel("pi", "under-voltage", "throttled_now_flag", Kind.GAUGE)
SINCE_BOOT = Channel("pi", "under-voltage", "throttled_since_boot_flag", Kind.GAUGE)
OTHER = Channel("hwmon", "vbus", "voltage_volts", Kind.GAUGE)
JOULES_PER_MILLIWATT_HOUR = 3.6


def readings(channel: Channel, *values: float) -> list[Reading]:
    return [Reading(channel, value, Instant("boot-1", float(n))) for n, value in enumerate(values)]


def warned(conditions: Conditions, model: str = "UM24C") -> list[str]:
    return list(condition_warnings(conditions, model))


def test_only_the_meter_and_throttling_now_are_looked_at() -> None:
    channels = (VOLTS, AMPERES, COUNT, CHARGE, UNDER_VOLTAGE, SINCE_BOOT, OTHER)
    assert condition_channels(channels, ("meter",)) == (VOLTS, AMPERES, COUNT, UNDER_VOLTAGE)


def test_an_undisturbed_run_has_no_warning() -> None:
    good = (
        conditions_of(readings(VOLTS, 5.1, 5.0, 4.75))
        + conditions_of(readings(AMPERES, 0.5, 2.84))
        + conditions_of(readings(UNDER_VOLTAGE, 0.0, 0.0))
        + conditions_of(readings(COUNT, 10.0, 20.0))
    )
    assert warned(good) == []
    assert warned(Conditions(), "") == []


@pytest.mark.parametrize(
    ("channel", "values", "model", "said"),
    [
        (VOLTS, (5.1, 4.74, 5.1), "UM24C", "4.74 V, below 4.75 V"),
        (AMPERES, (1.0, 2.85), "UM24C", "2.85 A of the UM24C's 3 A"),
        (AMPERES, (1.0, 4.75), "UM25C", "of the UM25C's 5 A"),
        (UNDER_VOLTAGE, (0.0, 1.0, 0.0), "", "slowed down during the run (under-voltage)"),
        (COUNT, (95_000 * 3.6,), "UM24C", "group-3 is near the end of its display (95000 mWh)"),
        (COUNT, (999_000 * 3.6,), "UM24C", "near the end of its display (999000 mWh)"),
    ],
)
def test_each_disturbance_is_one_line_that_says_what_to_do(
    channel: Channel, values: tuple[float, ...], model: str, said: str
) -> None:
    lines = warned(conditions_of(readings(channel, *values)), model)
    assert len(lines) == 1
    assert said in lines[0]
    assert "\n" not in lines[0]


def test_a_current_beyond_the_range_of_an_unknown_meter_says_nothing() -> None:
    assert warned(conditions_of(readings(AMPERES, 9.0)), "") == []


def test_another_selected_group_is_told_with_both() -> None:
    other = Channel("meter", "group-0", "energy_joules", Kind.ACCUMULATOR)
    both = conditions_of(readings(COUNT, 1.0)) + conditions_of(readings(other, 2.0))
    assert [line for line in warned(both) if "group-0, group-3" in line]


def test_two_meters_may_count_in_different_groups() -> None:
    second = Channel("second", "group-0", "energy_joules", Kind.ACCUMULATOR)
    assert warned(conditions_of(readings(COUNT, 1.0)) + conditions_of(readings(second, 2.0))) == []


def test_past_the_end_of_the_display_it_is_no_longer_near_it() -> None:
    assert warned(conditions_of(readings(COUNT, 150_000 * JOULES_PER_MILLIWATT_HOUR))) == []


@given(st.lists(st.floats(0.0, 30.0), min_size=1, max_size=30), st.integers(0, 30))
def test_a_stretch_may_be_cut_anywhere(values: list[float], cut: int) -> None:
    for channel in (VOLTS, AMPERES, UNDER_VOLTAGE, COUNT):
        whole = readings(channel, *values)
        assert conditions_of(whole[:cut]) + conditions_of(whole[cut:]) == conditions_of(whole)
