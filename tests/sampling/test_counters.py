"""The exposed counters: what appears, what changes, what a histogram holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.metrics import SOURCE_READ_SECONDS, SOURCE_READS
from wattwatch.sampling.counters import Counters

NAME = SOURCE_READ_SECONDS.name
BOUNDS = ("0.01", "0.05", "0.2", "1", "5", "+Inf")


def buckets(counters: Counters) -> list[float]:
    values = counters.snapshot()
    return [values[f"{NAME}_bucket", ("meter", bound)] for bound in BOUNDS]


def test_the_first_value_makes_all_of_a_histogram_appear() -> None:
    counters = Counters({})
    counters.observe(SOURCE_READ_SECONDS, ("meter",), 0.03)
    assert buckets(counters) == [0, 1, 0, 0, 0, 0]
    assert counters.take_changes() == counters.snapshot()
    assert len(counters.snapshot()) == len(BOUNDS) + 2


def test_later_values_change_a_bucket_the_sum_and_the_count() -> None:
    counters = Counters({})
    counters.observe(SOURCE_READ_SECONDS, ("meter",), 0.03)
    counters.take_changes()
    counters.observe(SOURCE_READ_SECONDS, ("meter",), 7.0)
    assert counters.take_changes() == {
        (f"{NAME}_bucket", ("meter", "+Inf")): 1.0,
        (f"{NAME}_sum", ("meter",)): 7.03,
        (f"{NAME}_count", ("meter",)): 2.0,
    }
    assert counters.take_changes() == {}


def test_a_histogram_goes_on_from_what_was_restored() -> None:
    before = Counters({})
    before.observe(SOURCE_READ_SECONDS, ("meter",), 0.03)
    after = Counters(before.snapshot())
    after.observe(SOURCE_READ_SECONDS, ("meter",), 0.04)
    assert buckets(after) == [0, 2, 0, 0, 0, 0]
    assert len(after.take_changes()) == 3


@given(st.lists(st.one_of(st.sampled_from([0.0, 0.01, 0.05, 5.0]), st.floats(0, 100)), max_size=30))
def test_every_value_is_in_one_bucket_up_to_its_bound(values: list[float]) -> None:
    counters = Counters({})
    for value in values:
        counters.observe(SOURCE_READ_SECONDS, ("meter",), value)
    if values:
        lower = 0
        for bound, count in zip(BOUNDS, buckets(counters), strict=True):
            upper = sum(value <= float(bound.replace("+Inf", "inf")) for value in values)
            assert count == upper - lower
            lower = upper


def test_a_counter_appears_at_0_and_never_falls() -> None:
    counters = Counters({})
    counters.add(SOURCE_READS, ("meter",), 0)
    assert counters.take_changes() == {(SOURCE_READS.name, ("meter",)): 0.0}
    counters.add(SOURCE_READS, ("meter",), 0)
    assert counters.take_changes() == {}
    with pytest.raises(ValueError, match="cannot fall"):
        counters.add(SOURCE_READS, ("meter",), -1)
