from hypothesis import given
from hypothesis import strategies as st

from wattwatch.web.buckets import TokenBuckets


class Now:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_a_burst_then_one_for_every_refill() -> None:
    now = Now()
    buckets = TokenBuckets(3, 2.0, now)
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]
    assert buckets.take("b") == 0.0  # another's
    now.seconds += 1.5
    assert buckets.take("a") == 0.5
    now.seconds += 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0.0, 2.0]
    now.seconds += 1000
    assert [buckets.take("a") for _ in range(4)] == [0.0, 0.0, 0.0, 2.0]  # never more than the burst


def test_what_is_given_back_was_not_taken() -> None:
    buckets = TokenBuckets(2, 1.0, Now())
    for _ in range(10):
        assert buckets.take("a") == 0.0
        buckets.give_back("a")
    buckets.give_back("a")
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 1.0]


def test_the_table_is_bounded_and_forgets_the_oldest() -> None:
    buckets = TokenBuckets(1, 1.0, Now(), most_keys=10)
    for number in range(1000):
        assert buckets.take(str(number)) == 0.0
    assert len(buckets) == 10
    assert buckets.take("999") > 0
    assert buckets.take("0") == 0.0


@given(st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 5)), max_size=60))
def test_in_any_stretch_no_more_than_burst_plus_refills(steps: list[tuple[str, float]]) -> None:
    now = Now()
    buckets = TokenBuckets(4, 1.0, now)
    granted: dict[str, int] = {"a": 0, "b": 0}
    begun = now.seconds
    for key, seconds in steps:
        now.seconds += seconds
        wait_seconds = buckets.take(key)
        assert 0 <= wait_seconds <= 1.0
        granted[key] += wait_seconds == 0.0
        assert granted[key] <= 4 + (now.seconds - begun) + 1e-9
