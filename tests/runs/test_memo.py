import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.history import MEMORY, OBSERVER, POWER, FakeHistory, gap
from wattwatch.reading import Instant, Reading
from wattwatch.runs.energy import Curve, Supply, Timing, window_energy
from wattwatch.runs.memo import EnergyMemo, GrowthMemo, gauge_memo
from wattwatch.store.base import Span

TIMING = Timing(interval_seconds=1.0, gap_seconds=3.0)
CURVE = Curve((Supply(POWER, TIMING),))
STEPS = st.lists(st.sampled_from([0.5, 1.0, 2.5, 10.0, 2000.0, 5000.0]), min_size=1, max_size=12)


def at(seconds: float) -> Instant:
    return Instant("boot-1", seconds)


@given(STEPS, st.floats(0, 50), st.lists(st.integers(1, 50), min_size=12, max_size=12))
def test_looking_often_gives_what_one_look_gives(steps: list[float], start: float, values: list[int]) -> None:
    """Whatever the readings, and however often the figures were asked for while they came."""
    history, seconds, total = FakeHistory(), 0.0, 0.0
    start = round(start, 6)
    often = EnergyMemo(at(start)), gauge_memo(at(start)), GrowthMemo(at(start))
    for step, value in zip(steps, values, strict=False):
        before, seconds, total = seconds, seconds + step, total + value
        if step > TIMING.limit_seconds and seconds != step:
            history.put_gap(gap(before, seconds, None))
        history.put(
            Reading(POWER, float(value), at(seconds)),
            Reading(MEMORY, float(value), at(seconds)),
            # Every fourth value is less than the one before: the counter was reset.
            Reading(OBSERVER, total if value % 4 else float(value), at(seconds)),
        )
        if seconds > start:
            often[0].advance(history, CURVE, at(seconds))
            often[1].up_to(history, MEMORY.id, at(seconds))
            often[2].up_to(history, OBSERVER.id, at(seconds))
    end = max(seconds, start)
    once = GrowthMemo(at(start))
    energy = often[0].up_to(history, CURVE, at(end))
    span = Span(at(start), at(end))
    exact = window_energy(CURVE.look(history, span), span.start, span.end)
    assert energy.joules == pytest.approx(exact.joules)
    assert energy.missing_microseconds == exact.missing_microseconds
    assert energy.sampled_microseconds == exact.sampled_microseconds
    seen = often[1].up_to(history, MEMORY.id, at(end))
    assert (seen.count, seen.highest) == _gauge(history, span)
    growth = often[2].up_to(history, OBSERVER.id, at(end))
    assert growth == pytest.approx(once.up_to(history, OBSERVER.id, at(end)))
    assert growth is None or growth >= 0


def _gauge(history: FakeHistory, span: Span) -> tuple[int, float | None]:
    inside = [
        reading.value
        for reading in history.readings(MEMORY.id, span)
        if span.start.boot_seconds <= reading.at.boot_seconds < span.end.boot_seconds
    ]
    return len(inside), max(inside, default=None)


def test_a_counter_is_cut_at_the_edges_and_goes_on_from_0_after_a_reset() -> None:
    history = FakeHistory()
    for seconds, value in ((0, 4.0), (10, 6.0), (20, 1.0), (30, 5.0)):
        history.put(Reading(OBSERVER, value, at(seconds)))
    # Half of the first step's 2, all of 1 after the reset, a quarter of 4.
    assert GrowthMemo(at(5)).up_to(history, OBSERVER.id, at(22.5)) == pytest.approx(1 + 1 + 1)
    assert GrowthMemo(at(5)).up_to(history, "self/process/none", at(22.5)) is None


def test_what_a_counter_grew_by_after_its_last_reading_is_unknown_and_not_0() -> None:
    history = FakeHistory()
    history.put(Reading(OBSERVER, 4.0, at(0)))
    memo = GrowthMemo(at(1))
    assert memo.up_to(history, OBSERVER.id, at(3)) is None
    history.put(Reading(OBSERVER, 6.0, at(5)))
    assert memo.up_to(history, OBSERVER.id, at(3)) == pytest.approx(0.8)
