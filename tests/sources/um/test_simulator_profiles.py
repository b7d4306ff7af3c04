"""The loads: their published means and peaks, files, and this machine's own use."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattwatch.errors import ConfigError
from wattwatch.sources.um.protocol import UM24C, UM25C, Model
from wattwatch.sources.um.simulator import MeterSettings, SimulatedMeter, TruthRow
from wattwatch.sources.um.simulator_host import HostProfile, cpu_seconds
from wattwatch.sources.um.simulator_profiles import (
    Point,
    Profile,
    TableProfile,
    constant,
    from_csv,
    inference,
    training,
)


def rows_of(profile: Profile, seconds: float, model: Model = UM24C) -> list[TruthRow]:
    return SimulatedMeter(profile, settings=MeterSettings(model)).advance_to(seconds)


@given(seed=st.integers(0, 10_000), model=st.sampled_from([UM24C, UM25C]))
@settings(max_examples=15, deadline=None)
def test_training_is_ten_minutes_at_6_4_watts(seed: int, model: Model) -> None:
    rows = rows_of(training(seed), 900.0, model)
    run = rows[1200]
    assert run.seconds == 600.0
    assert run.true_joules / 600 == pytest.approx(6.4, rel=1e-9)
    assert run.displayed_joules / 600 == pytest.approx(6.4, rel=0.01)
    assert {round(row.true_watts, 6) for row in rows[1202:]} == {2.9}  # then idle
    assert max(row.true_watts for row in rows) < 7.5


def test_training_warms_from_50_to_75_4_degrees_and_cools() -> None:
    profile = training(1)
    celsius = [profile.conditions(seconds).temperature_celsius for seconds in (0, 300, 600, 3600)]
    assert celsius[0] == 50.0
    assert 60 < celsius[1] < 75
    assert celsius[2] == pytest.approx(75.4)
    assert celsius[3] < 51


@given(seed=st.integers(0, 10_000), minutes=st.integers(1, 5))
@settings(max_examples=15, deadline=None)
def test_inference_has_the_published_mean_and_peak(seed: int, minutes: int) -> None:
    rows = rows_of(inference(seed), 60.0 * minutes)
    assert rows[-1].true_joules / (60 * minutes) == pytest.approx(3.35, rel=1e-9)
    assert rows[-1].displayed_joules / (60 * minutes) == pytest.approx(3.35, rel=0.01)
    assert max(row.true_watts for row in rows) == pytest.approx(4.97, abs=1e-6)
    assert max(row.displayed_watts for row in rows) == pytest.approx(4.97, rel=0.005)
    assert min(row.displayed_watts for row in rows) == pytest.approx(2.9, rel=0.02)


@given(
    corners=st.lists(st.tuples(st.floats(0.1, 20), st.floats(0, 10)), min_size=2, max_size=10),
    at=st.floats(-10, 300),
    step=st.floats(0, 20),
    repeat=st.booleans(),
)
def test_the_energy_curve_is_the_integral_of_the_power(
    corners: list[tuple[float, float]], at: float, step: float, repeat: bool
) -> None:
    seconds, points = 0.0, []
    for length, watts in corners:
        points.append(Point(seconds, watts, 5.0))
        seconds += length
    profile = TableProfile(points, points[-1].seconds if repeat else None)
    pieces = 2000
    middles = [at + step * (n + 0.5) / pieces for n in range(pieces)]
    period = points[-1].seconds
    numeric = sum(profile.point(m % period if repeat else m).watts for m in middles) * step / pieces
    exact = profile.joules(at + step) - profile.joules(at)
    assert exact == pytest.approx(numeric, abs=10 * step / pieces * (4 + len(points)) + 1e-6)


def test_a_file_is_a_load(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    file.write_text("# from a bench\nseconds,watts,volts,temperature\n10,2,5.0,30\n20,4,5.0,50\n20,6,12,50\n")
    profile = from_csv(file)
    assert profile.joules(10) - profile.joules(0) == pytest.approx(30)  # time counts from its first row
    assert profile.joules(20) - profile.joules(10) == pytest.approx(60)  # the last row is held
    assert profile.conditions(5).temperature_celsius == 40
    assert profile.conditions(15).volts == 12


def test_volts_and_temperature_may_be_left_out(tmp_path: Path) -> None:
    file = tmp_path / "load.csv"
    file.write_text("watts,seconds\n5,0\n")
    assert 5.0 < from_csv(file).conditions(0).volts < 5.2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no rows"),
        ("seconds,watts\n", "no rows"),
        ("seconds,power\n0,1\n", "row 1: a column is missing"),
        ("seconds,watts\n0,x\n", "row 1: could not convert"),
        ("seconds,watts\n0,1\n5\n", "row 2"),
        ("seconds,watts\n0,-1\n", "watts must be 0 or more"),
        ("seconds,watts\n0,nan\n", "watts must be 0 or more"),
        ("seconds,watts,volts\n0,1,3.3\n", "volts 4 to 24"),
        ("seconds,watts\n5,1\n4,1\n", "row 2: its seconds are less"),
    ],
)
def test_a_file_that_is_no_load_says_where(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "load.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"load\.csv") as caught:
        from_csv(file)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        from_csv(tmp_path / "nothing.csv")


class FakeCpu:
    """Two CPUs; `ratio` of them is busy."""

    def __init__(self) -> None:
        self.ratio = 0.0
        self._busy = self._total = 0.0

    def pass_seconds(self, seconds: float) -> None:
        self._busy += 2 * seconds * self.ratio
        self._total += 2 * seconds

    def __call__(self) -> tuple[float, float]:
        return self._busy, self._total


class TestHost:
    @given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
    def test_power_follows_the_use_of_the_cpus(self, ratios: list[float]) -> None:
        cpu = FakeCpu()
        simulated = SimulatedMeter(HostProfile(cpu))
        rows = simulated.advance_to(0.0)
        for refresh, ratio in enumerate(ratios, start=1):
            cpu.ratio = ratio
            cpu.pass_seconds(0.5)
            rows += simulated.advance_to(refresh * 0.5)
        assert [row.true_watts for row in rows[1:]] == pytest.approx([2.9 + 3.5 * ratio for ratio in ratios])
        assert rows[-1].displayed_watts == pytest.approx(rows[-1].true_watts, rel=0.01)

    def test_a_clock_tick_without_cpu_time_keeps_the_power(self) -> None:
        cpu = FakeCpu()
        profile = HostProfile(cpu)
        cpu.ratio = 1.0
        cpu.pass_seconds(1.0)
        assert profile.joules(1.0) == pytest.approx(6.4)
        assert profile.joules(2.0) == pytest.approx(12.8)

    def test_what_is_long_past_is_forgotten(self) -> None:
        profile = HostProfile(FakeCpu())
        for refresh in range(1, 2000):
            profile.joules(refresh * 0.5)
        assert len(profile._curve) < 300

    def test_this_machine_has_cpu_time(self) -> None:
        busy, total = cpu_seconds()
        assert 0 < busy < total


def test_constant_is_constant() -> None:
    assert {row.true_watts for row in rows_of(constant(5.0), 60.0)[1:]} == {5.0}
