import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.errors import StoreError
from wattwatch.store.chunks import decode_floats, decode_times, encode_floats, encode_times

anything = st.floats(width=64)  # not-a-numbers of every kind, infinities, subnormal and signed zeros too
decimals = st.builds(lambda n, e: n / 10**e, st.integers(-(10**7), 10**7), st.integers(0, 6))
products = st.builds(lambda a, b: (a / 100) * (b / 1000), st.integers(0, 3000), st.integers(0, 5000))
columns = st.one_of(*(st.lists(kind, min_size=1, max_size=50) for kind in (anything, decimals, products)))


@given(columns)
def test_doubles_come_back_bit_by_bit(values: list[float]) -> None:
    column = array("d", values)
    assert decode_floats(encode_floats(column), len(column)).tobytes() == column.tobytes()


@given(st.lists(st.integers(0, 2**52), min_size=1, max_size=50))
def test_times_come_back_in_any_order(times_us: list[int]) -> None:
    assert decode_times(encode_times(array("q", times_us)), len(times_us)).tolist() == times_us


@given(columns, st.data())
def test_a_flipped_bit_is_seen(values: list[float], data: st.DataObject) -> None:
    encoded = bytearray(encode_floats(array("d", values)))
    bit = data.draw(st.integers(0, len(encoded) * 8 - 1))
    encoded[bit // 8] ^= 1 << bit % 8
    with pytest.raises(StoreError):
        decode_floats(bytes(encoded), len(values))


@pytest.mark.parametrize("data", [b"", b"\x00" * 10, encode_times(array("q", [1, 2, 3]))])
def test_bytes_that_are_no_column_of_two_rows(data: bytes) -> None:
    with pytest.raises(StoreError):
        decode_times(data, 2)


def test_digits_of_a_meter_cost_about_a_byte() -> None:
    volts = array("d", [(512 + i * i % 3) / 100 for i in range(600)])
    watts = array("d", [volt * (583 + i * i % 7) / 1000 for i, volt in enumerate(volts)])
    assert len(encode_floats(volts)) < 600
    # The product of two decimals is a decimal but for its last bits, which go beside it.
    assert len(encode_floats(watts)) < 3 * 600
    assert len(encode_floats(array("d", [3.6 * n for n in range(600)]))) < 600


def test_noise_costs_no_more_than_raw_doubles_and_a_head() -> None:
    noise = array(
        "d",
        [struct.unpack("<d", struct.pack("<Q", i * 0x9E3779B97F4A7C15 % 2**64))[0] for i in range(1, 600)],
    )
    assert len(encode_floats(noise)) < 8 * 600 + 64
