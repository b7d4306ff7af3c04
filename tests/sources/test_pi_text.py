"""Texts of the Raspberry Pi's firmware."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.vcgencmd import PMIC_TEXT
from wattwatch.sources.pi_text import (
    FLAGS,
    Rail,
    board_watts,
    rails_from_text,
    rails_watts,
    throttled_from_sysfs,
    throttled_from_text,
)

LINES = PMIC_TEXT.splitlines(keepends=True)


def test_the_documented_example() -> None:
    flags = throttled_from_text("throttled=0x50005\n")
    assert flags.now == flags.since_boot == {"under-voltage", "throttled"}


def test_now_and_since_boot_are_told_apart() -> None:
    flags = throttled_from_text("throttled=0xa0002")
    assert flags.now == {"frequency-capped"}
    assert flags.since_boot == {"frequency-capped", "soft-temperature-limit"}


def test_sysfs_has_no_prefix() -> None:
    assert throttled_from_sysfs("50005\n") == throttled_from_text("throttled=0x50005")


@given(st.integers(0, 2**32 - 1))
def test_every_bit_is_one_flag_or_none(bits: int) -> None:
    flags = throttled_from_text(f"throttled=0x{bits:x}")
    assert flags == throttled_from_sysfs(f"{bits:x}")
    for name, bit in FLAGS.items():
        assert (name in flags.now) == bool(bits & 1 << bit)
        assert (name in flags.since_boot) == bool(bits & 1 << bit + 16)


@pytest.mark.parametrize("text", ["", "throttled=", "throttled=0x", "0x5", "throttled=0xg", "a\nb" * 99])
def test_other_text_is_no_flags(text: str) -> None:
    for parse in (throttled_from_text, throttled_from_sysfs):
        with pytest.raises(ValueError, match="expected") as caught:
            parse(text)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 130


def test_a_pi_5_has_twelve_rails_and_two_voltages() -> None:
    rails = rails_from_text(PMIC_TEXT)
    assert len(rails) == 14
    assert rails[0] == Rail("3V7_WL_SW", 3.7, 0.1)
    assert rails[7] == Rail("VDD_CORE", 0.75, 2.0)
    assert [rail.name for rail in rails if rail.amperes is None] == ["EXT5V", "BATT"]
    assert [rail.volts for rail in rails[12:]] == [5.1, 0.005]


def test_the_sum_is_that_of_volts_times_amperes() -> None:
    # by hand: .37 + .66 + .45 + .055 + 0 + .22 + .4 + 1.5 + .0033 + .0033 + .004 + .1
    assert rails_watts(rails_from_text(PMIC_TEXT)) == pytest.approx(3.7656)


@pytest.mark.parametrize(("rails", "board"), [(10.80, 12.96), (1.90, 2.76)])
def test_the_published_fit_gives_its_published_captures(rails: float, board: float) -> None:
    assert board_watts(rails) == pytest.approx(board, abs=0.01)


@pytest.mark.parametrize("kept", range(1, 24))
def test_an_answer_that_is_cut_short_is_no_answer(kept: int) -> None:
    """Currents come first: whatever is missing, a current lacks its voltage."""
    with pytest.raises(ValueError, match="cut short"):
        rails_from_text("".join(LINES[:kept]))


def test_an_answer_cut_within_a_line_is_no_answer() -> None:
    start = PMIC_TEXT.index("HDMI_V")
    for end in range(start, PMIC_TEXT.index("\n", start)):
        with pytest.raises(ValueError, match="cut short"):
            rails_from_text(PMIC_TEXT[:end])


def test_a_name_comes_once() -> None:
    with pytest.raises(ValueError, match="VDD_CORE_A comes twice"):
        rails_from_text(PMIC_TEXT + LINES[7])


def test_lines_of_another_shape_are_passed_over() -> None:
    odd = "FAN_RPM speed(1)=1200\n\n VDD_CORE_A volt(7)=1.0V\n VDD_CORE_A current(7)=1.0V\n"
    assert rails_from_text(odd + PMIC_TEXT) == rails_from_text(PMIC_TEXT)


@pytest.mark.parametrize("text", ["", 'error=1 error_msg="Command not registered"', LINES[24]])
def test_without_a_current_there_is_no_rail(text: str) -> None:
    with pytest.raises(ValueError, match="no power rail"):
        rails_from_text(text)


BITS = st.sampled_from([*"AV()=.-0123456789 \n", "current", "volt", "_A", "_V", "nan", "inf", "1e999", "\0"])


@given(st.one_of(st.text(max_size=300), st.lists(BITS, max_size=60).map("".join)))
def test_any_text_is_rails_or_a_value_error(text: str) -> None:
    check_rails(text)


@given(st.data())
def test_a_damaged_answer_is_rails_or_a_value_error(data: st.DataObject) -> None:
    lines = data.draw(st.permutations(LINES))
    position = data.draw(st.integers(0, len(PMIC_TEXT) - 1))
    damage = data.draw(st.text(max_size=3))
    text = "".join(lines)
    check_rails(text[:position] + damage + text[position + data.draw(st.integers(0, 40)) :])


def check_rails(text: str) -> None:
    try:
        rails = rails_from_text(text)
    except ValueError:
        return
    assert any(rail.amperes is not None for rail in rails)
    assert len({rail.name for rail in rails}) == len(rails)
    assert math.isfinite(rails_watts(rails))
