import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.quantities import has_zero, measure_of, quantity
from wattwatch.report.stats.records import Estimate


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("J", 412.04, "412.0 J"),
        ("J", 9_876.5, "9,876 J"),
        ("J", 38_210.0, "38.21 kJ"),
        ("J", 2.5e6, "2.500 MJ"),
        ("J", 0.0, "0.000 J"),
        ("W", 6.4153, "6.415 W"),
        ("W", 24.58, "24.58 W"),
        ("s", 63.21, "63.21 s"),
        ("s", 600.0, "10.00 min"),
        ("s", 10_800.0, "3.000 h"),
        ("°C", 75.44, "75.4 °C"),
        ("J", -38_210.0, "-38.21 kJ"),
    ],
)
def test_figures_have_four_digits_in_a_unit_of_their_size(unit: str, value: float, text: str) -> None:
    assert quantity(unit, [value]).text(value) == text


def test_figures_side_by_side_have_the_same_unit_and_places() -> None:
    scale = quantity("J", [120.0, 38_210.0, None])
    assert [scale.text(value) for value in (120.0, 38_210.0, None)] == ["0.12 kJ", "38.21 kJ", "unknown"]


def test_an_interval_is_in_brackets_where_there_is_one() -> None:
    scale = quantity("J", [512.3])
    assert scale.interval(Estimate(512.3, 508.1, 516.0)) == "512.3 [508.1, 516.0]"
    assert scale.interval(Estimate(512.3)) == "512.3"
    assert scale.interval(None) == "unknown"


@given(st.sampled_from(["J", "W", "s", "°C", ""]), st.floats(-1e12, 1e12))
def test_what_is_written_is_what_was_measured(unit: str, value: float) -> None:
    scale = quantity(unit, [value])
    written = float(scale.number(value).replace(",", "")) * scale.factor
    assert written == pytest.approx(value, abs=0.5001 * 10**-scale.places * scale.factor)


def test_an_unknown_measure_is_named_by_its_key() -> None:
    assert measure_of("energy_joules").title == "energy"
    assert measure_of("water_litres").title == "water litres"
    assert not has_zero(measure_of("temperature_max_celsius"))
    assert has_zero(measure_of("energy_joules"))
