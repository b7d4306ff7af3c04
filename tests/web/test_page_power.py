"""The power curve of the page: what is drawn, what is a gap, and that no energy is made up."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.web_node import METER, NOW, DatedFakeHistory, snapshot, status
from wattwatch.reading import Channel, Instant, Kind, Quality, Reading, Scope
from wattwatch.sampling.snapshot import Primary, Snapshot
from wattwatch.web.page_curve import power_curve, primary_power_points
from wattwatch.web.page_power import power_section

POWER = METER[0]
COUNTER = Channel("rapl", "package-0", "energy_joules", Kind.COUNTER, Scope.PACKAGE)
DRAM = Channel("rapl", "dram", "energy_joules", Kind.COUNTER, Scope.DRAM)


def history(channel: Channel, *points: tuple[float, float], boot: str = "boot-1") -> DatedFakeHistory:
    made = DatedFakeHistory()
    put(made, channel, *points, boot=boot)
    return made


def put(into: DatedFakeHistory, channel: Channel, *points: tuple[float, float], boot: str = "boot-1") -> None:
    """Readings at seconds counted from now."""
    for seconds, value in points:
        into.put(Reading(channel, value, Instant(boot, NOW.boot_seconds + seconds)))


def summed(*channels: Channel) -> Snapshot:
    sources = (status("meter", "um24c", METER), status("rapl", "powercap", (COUNTER, DRAM)))
    return snapshot(primary=Primary.of(*channels), sources=sources)


def test_readings_of_the_last_ten_minutes_are_drawn() -> None:
    made = history(POWER, (-700.0, 9.0), (-601.0, 9.0), (-600.0, 1.0), (-2.0, 2.0), (0.0, 3.0))
    points = primary_power_points(made, snapshot(), 3.0)
    assert points == [(-600.0, 1.0), (-2.0, 2.0), (0.0, 3.0)]


def test_another_boot_is_another_time() -> None:
    made = history(POWER, (-5.0, 9.0), boot="boot-0")
    assert primary_power_points(made, snapshot(), 3.0) == []
    assert power_curve(made, snapshot(), 3.0) is None


def test_without_a_primary_there_is_nothing() -> None:
    assert primary_power_points(DatedFakeHistory(), snapshot(primary=None), 3.0) == []


def test_a_counter_is_drawn_by_the_mean_power_of_its_steps() -> None:
    made = history(COUNTER, (-4.0, 100.0), (-3.0, 105.0), (-1.0, 125.0))
    assert primary_power_points(made, summed(COUNTER), 3.0) == [(-3.0, 5.0), (-1.0, 10.0)]
    assert primary_power_points(made, summed(COUNTER), 1.5) == [(-3.0, 5.0)]  # a step over a gap: when?


def test_a_wrap_or_a_reset_of_a_counter_is_no_power() -> None:
    made = history(COUNTER, (-4.0, 100.0), (-3.0, 2.0), (-2.0, 7.0), (-2.0, 9.0))
    assert primary_power_points(made, summed(COUNTER), 3.0) == [(-2.0, 5.0)]


def test_a_sum_stands_where_all_are_known() -> None:
    made = history(COUNTER, *((float(s), 5.0 * (s + 10)) for s in range(-10, 1)))
    put(made, DRAM, *((s + 0.5, 2.0 * (s + 10)) for s in range(-10, -5)), (-0.5, 40.0), (0.5, 42.0))
    points = primary_power_points(made, summed(COUNTER, DRAM), 3.0)
    # DRAM's steps end at -8.5 ... -5.5 and at 0.5; between those two nobody knows.
    assert [seconds for seconds, _ in points] == [-8.0, -7.0, -6.0]
    assert [watts for _, watts in points] == pytest.approx([7.0] * 3)


@given(
    st.lists(st.floats(0.1, 20.0), min_size=2, max_size=30),
    st.lists(st.floats(0.0, 50.0), min_size=31, max_size=31),
)
def test_seconds_are_covered_or_missing_and_the_mean_is_of_what_was_covered(
    steps: list[float], watts: list[float]
) -> None:
    times = [-sum(steps[index:]) for index in range(len(steps))] + [0.0]
    made = history(POWER, *zip(times, watts, strict=False))
    curve = power_curve(made, snapshot(), 3.0)
    assert curve is not None
    drawn = [(t, w) for t, w in zip(times, watts, strict=False) if t >= -600]
    pairs = list(pairwise(drawn))
    covered = [(b - a, (p + q) / 2) for (a, p), (b, q) in pairs if b - a <= 3.0]
    assert curve.missing_seconds == pytest.approx(sum(b - a for (a, _), (b, _) in pairs if b - a > 3.0))
    if covered:
        joules, seconds = sum(s * w for s, w in covered), sum(s for s, _ in covered)
        assert curve.mean_watts == pytest.approx(joules / seconds, abs=1e-9)
    else:
        assert curve.mean_watts is None
    assert {point.value for point in curve.trace.points} <= set(watts)


def test_a_gap_is_drawn_as_a_gap_and_said() -> None:
    made = history(POWER, *((s, 5.0) for s in range(-100, -59)), *((s, 5.0) for s in range(-30, 1)))
    html = power_section(made, snapshot(), 3.0)
    assert html.count('class="curve"') == 2
    assert html.count('class="gap"') == 1
    assert "no readings for 30.0 s: the line is broken" in html
    assert "Stretches without readings: 1." in html


def test_silence_until_now_is_a_gap_too() -> None:
    made = history(POWER, *((s, 5.0) for s in range(-100, -39)))
    curve = power_curve(made, snapshot(), 3.0)
    assert curve is not None
    assert [(gap.start_seconds, gap.end_seconds) for gap in curve.trace.gaps] == [(-40.0, 0.0)]


def test_a_slow_source_has_no_gaps_between_its_readings() -> None:
    slow = status("meter", "um24c", METER)
    slow = replace(slow, description=replace(slow.description, interval_seconds=10.0))
    made = history(POWER, *((s, 5.0) for s in range(-100, 1, 10)))
    curve = power_curve(made, snapshot(sources=(slow,)), 3.0)
    assert curve is not None
    assert curve.trace.gaps == ()


@pytest.mark.parametrize(
    ("first", "whole", "half"),
    [(-30, "1 min", "30 s"), (-90, "2 min", "1 min"), (-250, "5 min", "2.5 min"), (-600, "10 min", "5 min")],
)
def test_a_young_daemon_has_a_short_axis(first: int, whole: str, half: str) -> None:
    html = power_section(history(POWER, *((s, 5.0) for s in range(first, 1))), snapshot(), 3.0)
    assert f"<span>{whole} ago</span><span>{half} ago</span><span>now</span>" in html


@given(
    st.lists(st.floats(-5.0, 500.0), min_size=1, max_size=60),
    st.floats(0.05, 20.0),
    st.sampled_from([Quality.METERED, Quality.SIMULATED]),
)
def test_whatever_is_read_stays_within_the_drawing(
    watts: list[float], step_seconds: float, quality: Quality
) -> None:
    channel = replace(POWER, quality=quality)
    made = history(channel, *((-step_seconds * index, w) for index, w in reversed(list(enumerate(watts)))))
    html = power_section(made, snapshot(primary=Primary.of(channel)), 3.0)
    for path in re.findall(r' d="([^"]*)"', html):
        for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path):
            assert 0 <= float(x) <= 1000
            assert 0 <= float(y) <= 100
    assert ("SIMULATED" in html) is (quality is Quality.SIMULATED)
    assert "nan" not in html


def test_two_hours_of_fast_readings_are_few_points() -> None:
    made = history(POWER, *((s / 10, 5.0 + s % 3) for s in range(-72_000, 1)))
    html = power_section(made, snapshot(), 3.0)
    assert len(html) < 30_000


def test_what_counts_beside_a_lost_primary_is_named() -> None:
    fallback = Primary.of(COUNTER)
    shown = replace(snapshot(), fallback=fallback)
    html = power_section(DatedFakeHistory(), shown, 3.0)
    assert "; fallback rapl/package-0/energy_joules, scope package, no reading now" in html
