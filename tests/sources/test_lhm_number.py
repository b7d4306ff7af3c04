"""Numbers as Windows writes them."""

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.sources.lhm_number import BASE_UNITS, si_from_number, si_from_text


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("Power", "42.0 W", 42.0),
        ("Power", "42,0 W", 42.0),
        ("Power", "42 W", 42.0),
        ("Power", "42", 42.0),
        ("Power", "-3,5 W", -3.5),
        ("Power", "\N{MINUS SIGN}3,5 W", -3.5),
        ("Power", "850 mW", 0.85),
        ("Power", "1.234,5 W", 1234.5),
        ("Power", "1,234.5 W", 1234.5),
        ("Power", "1'234.5 W", 1234.5),
        ("Power", "1\N{RIGHT SINGLE QUOTATION MARK}234.5 W", 1234.5),
        ("Power", "1\N{NO-BREAK SPACE}234,5\N{NO-BREAK SPACE}W", 1234.5),
        ("Power", "1\N{NARROW NO-BREAK SPACE}234,5 W", 1234.5),
        ("Power", "1.234.567,8 W", 1234567.8),
        ("Power", "1.234.567 W", 1234567.0),
        ("Power", "1.234 W", 1.234),  # formats of sensors never group: this is no thousand
        ("Energy", "41230 mWh", 148428.0),
        ("Voltage", "1,184 V", 1.184),
        ("Current", "512 mA", 0.512),
        ("Load", "37.5 %", 0.375),
        ("Clock", "4689.5 MHz", 4689.5e6),
        ("Temperature", "61,0 °C", 61.0),
        ("Temperature", "212.0 °F", 100.0),
    ],
)
def test_numbers(kind: str, text: str, value: float) -> None:
    assert si_from_text(kind, text) == pytest.approx(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-",
        "W",
        "NaN W",
        "inf",
        "1e9 W",
        "1.2.3 W",
        "1,2,3 W",
        "1.23,4.5 W",
        "12.34,5 W",
        "1..2",
        "42 V",
        "42 °C",
    ],
)
def test_what_is_no_number_of_watts(text: str) -> None:
    with pytest.raises(ValueError, match=r"not a number|no unit"):
        si_from_text("Power", text)


def test_bare_numbers_are_in_the_unit_of_their_type() -> None:
    bare = {kind: si_from_number(kind, 100.0) for kind in BASE_UNITS}
    assert bare == {
        "Power": 100.0,
        "Energy": 360.0,
        "Voltage": 100.0,
        "Current": 100.0,
        "Load": 1.0,
        "Clock": 1e8,
        "Temperature": 100.0,
    }


@given(st.decimals(-99999, 99999, places=3), st.sampled_from(list(BASE_UNITS)), st.booleans(), st.booleans())
def test_point_and_comma_mean_the_same(number: float, kind: str, comma: bool, grouped: bool) -> None:
    text = f"{number:,.3f}" if grouped else f"{number:.3f}"
    unit = next(iter(BASE_UNITS[kind]))
    swapped = text.translate(str.maketrans(".,", ",.")) if comma else text
    expected = si_from_number(kind, float(number))
    assert si_from_text(kind, f"{swapped} {unit}") == pytest.approx(expected)


@given(
    st.text(alphabet="0123456789.,-+'WVm% °CFNainf\N{NO-BREAK SPACE}\N{ARABIC-INDIC DIGIT ONE}", max_size=60)
)
def test_any_text_is_a_finite_number_or_a_value_error(text: str) -> None:
    for kind in BASE_UNITS:
        with contextlib.suppress(ValueError):
            assert math.isfinite(si_from_text(kind, text))
