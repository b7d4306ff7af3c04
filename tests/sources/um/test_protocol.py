"""The decoder against frames of the independent encoder, and against the one public frame."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.um_frames import PUBLISHED, frame, power_digits, resistance_digits
from support.um_frames import FrameDigits as Digits
from wattwatch.errors import FrameError
from wattwatch.sources.um.protocol import Frame, Group, Record, decode

u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)


def check_published_figures(decoded: Frame) -> None:
    assert decoded.model.name == "UM24C"
    assert (decoded.voltage_volts, decoded.current_amperes, decoded.power_watts) == (5.02, 0.05, 0.251)
    assert (decoded.temperature_celsius, decoded.temperature_fahrenheit) == (24, 75)
    assert decoded.selected_group == 0
    assert decoded.groups == (Group(403, 2016),) + (Group(0, 0),) * 9
    assert (decoded.data_positive_volts, decoded.data_negative_volts) == (3.06, 0.0)
    assert decoded.charging_mode == 0
    assert decoded.record == Record(403, 2016, 0.03, 13240, active=True)
    assert (decoded.screen_timeout_minutes, decoded.backlight, decoded.screen) == (3, 5, 0)
    assert decoded.resistance_ohms == 100.4
    assert decoded.trailer_ok
    assert decoded.problems == ()
    assert decoded.product_watts == 0.251


def test_the_figures_of_the_published_frame_from_our_encoder() -> None:
    check_published_figures(decode(frame()))


def test_the_published_frame_itself() -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"needs the published frame at {PUBLISHED.name} in ../shared/data beside the checkout")
    published = bytes.fromhex(PUBLISHED.read_text(encoding="ascii"))
    check_published_figures(decode(published))
    assert frame() == published


@pytest.mark.parametrize(
    ("model", "volts", "amperes", "expected"),
    [
        ("UM24C", 512, 1234, (5.12, 1.234, 6.318, 6.31808)),
        ("UM34C", 512, 1234, (5.12, 1.234, 6.318, 6.31808)),
        ("UM25C", 5123, 12345, (5.123, 1.2345, 6.324, 6.3243435)),
    ],
)
def test_the_model_id_decides_the_scale(
    model: str, volts: int, amperes: int, expected: tuple[float, ...]
) -> None:
    decoded = decode(frame(model=model, volts=volts, amperes=amperes))
    shown = (decoded.voltage_volts, decoded.current_amperes, decoded.power_watts, decoded.product_watts)
    assert decoded.model.name == model
    assert shown == expected
    assert decoded.problems == ()
    assert decoded.trailer_ok


@given(
    model=st.sampled_from(["UM24C", "UM25C", "UM34C"]),
    counts=st.dictionaries(st.integers(0, 9), st.tuples(u32, u32)),
    group=st.integers(0, 9),
    record=st.tuples(u32, u32, u16, u32, st.integers(0, 1)),
    fields=st.fixed_dictionaries(dict.fromkeys(("positive", "negative", "mode", "timeout", "screen"), u16)),
)
def test_every_field_comes_from_its_own_place(
    model: str,
    counts: dict[int, tuple[int, int]],
    group: int,
    record: tuple[int, int, int, int, int],
    fields: dict[str, int],
) -> None:
    decoded = decode(frame(model=model, counts=counts, group=group, record=record, **fields))
    assert decoded.groups == tuple(Group(*counts.get(number, (0, 0))) for number in range(10))
    assert decoded.selected_group == group
    assert decoded.group == decoded.groups[group]
    assert decoded.record == Record(record[0], record[1], record[2] / 100, record[3], bool(record[4]))
    assert decoded.data_positive_volts == fields["positive"] / 100
    assert decoded.data_negative_volts == fields["negative"] / 100
    assert decoded.charging_mode == fields["mode"]
    assert decoded.screen_timeout_minutes == fields["timeout"]
    assert decoded.screen == fields["screen"]
    assert decoded.trailer_ok


@given(model=st.sampled_from(["UM24C", "UM25C", "UM34C"]), volts=u16, amperes=u16)
def test_no_honest_frame_is_doubted(model: str, volts: int, amperes: int) -> None:
    assert decode(frame(model=model, volts=volts, amperes=amperes)).problems == ()


@given(celsius=st.integers(0, 100), off=st.sampled_from([-0.99, -0.5, 0, 0.5, 0.99]))
def test_fahrenheit_may_be_a_degree_off(celsius: int, off: float) -> None:
    fahrenheit = celsius * 1.8 + 32 + off
    low, high = int(fahrenheit), int(fahrenheit) + 1
    nearest = min((low, high), key=lambda f: abs(f - (celsius * 1.8 + 32)))
    assert decode(frame(celsius=celsius, fahrenheit=nearest)).problems == ()


@pytest.mark.parametrize(
    ("digits", "problem"),
    [
        ({"milliwatts": 252}, "power_mismatch"),
        ({"milliwatts": 250}, "power_mismatch"),
        ({"model": "UM25C", "volts": 5020, "amperes": 500, "milliwatts": 253}, "power_mismatch"),
        ({"deciohms": 1005}, "resistance_mismatch"),
        ({"deciohms": 99999}, "resistance_mismatch"),
        ({"amperes": 0, "deciohms": 1004}, "resistance_mismatch"),
        ({"fahrenheit": 73}, "fahrenheit_mismatch"),
        ({"fahrenheit": 77}, "fahrenheit_mismatch"),
        ({"group": 10}, "group_out_of_range"),
        ({"group": 0xFFFF}, "group_out_of_range"),
    ],
)
def test_what_cannot_be_true_is_named(digits: dict[str, Any], problem: str) -> None:
    decoded = decode(frame(**digits))
    assert decoded.problems == (problem,)
    assert not decoded.plausible


def test_a_group_out_of_range_has_no_accumulator() -> None:
    assert decode(frame(group=12)).group is None


@pytest.mark.parametrize(
    "digits",
    [
        {"amperes": 0},  # no load shows 9999.9 ohms
        {"amperes": 0, "deciohms": 60000},  # less than a digit flows: 6 kOhm at 5.02 V is honest
        {"volts": 0, "amperes": 0},
        {"volts": 2400, "amperes": 1},  # 24 kOhm does not fit the display
        {"model": "UM25C", "volts": 5000, "amperes": 4, "deciohms": 99999},
        {"model": "UM25C", "volts": 5000, "amperes": 12, "deciohms": 41000},  # cut from 1.219 mA
        {"model": "UM25C", "volts": 5123, "amperes": 12345, "milliwatts": 6325},  # rounded, perhaps
    ],
)
def test_the_edges_of_the_display_are_no_problem(digits: dict[str, Any]) -> None:
    assert decode(frame(**digits)).problems == ()


@pytest.mark.parametrize("model", ["UM24C", "UM25C", "UM34C"])
def test_another_end_mark_is_flagged_and_no_more(model: str) -> None:
    decoded = decode(frame(model=model, trailer=b"\x12\x34"))
    assert not decoded.trailer_ok
    assert decoded.plausible


def test_the_sum_of_a_um34c_covers_its_bytes_and_byte_128_is_free() -> None:
    good = bytearray(frame(model="UM34C"))
    good[128] = 0x6B
    assert decode(bytes(good)).trailer_ok
    good[111] ^= 0x10
    assert not decode(bytes(good)).trailer_ok


def test_an_unknown_model_is_refused_with_its_id() -> None:
    with pytest.raises(FrameError, match="0x0965") as caught:
        decode(b"abc" + frame(model_id=0x0965), 3)
    assert caught.value.offset == 3


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_are_a_frame_or_a_frame_error(data: bytes, offset: int) -> None:
    known = data[offset : offset + 2].hex() in {"0963", "09c9", "0d4c"}
    if known and len(data) >= offset + 130:
        decode(data, offset)
        return
    with pytest.raises(FrameError) as caught:
        decode(data, offset)
    assert caught.value.offset == offset


@given(st.sampled_from([0x0963, 0x09C9, 0x0D4C]), st.binary(min_size=128, max_size=128))
def test_any_bytes_after_a_known_id_decode(model_id: int, rest: bytes) -> None:
    decoded = decode(model_id.to_bytes(2, "big") + rest)
    assert decoded.product_watts >= 0


def test_the_test_encoder_cuts_and_caps() -> None:
    assert power_digits(Digits(volts=509, amperes=333)) == 1694  # 1694.97 mW
    assert resistance_digits(Digits(volts=509, amperes=333)) == 152  # 15.28 ohms
