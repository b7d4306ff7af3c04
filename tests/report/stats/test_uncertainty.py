import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattwatch.report.stats.uncertainty import (
    Budget,
    MeterClass,
    MeteredEnergy,
    gross_budget,
    is_resolvable,
    mean_energy,
    net_budget,
    power_class,
    resolution_joules,
)

UM24C = MeterClass(0.012, 0.015)
UM25C = MeterClass(0.0019, 0.002)


def um24c() -> MeterClass:
    found = power_class("UM24C")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("model", "amperes", "percent"),
    # Worst cases at 5 V, by adding the digits of the manuals up.
    [
        ("UM24C", 1.0, 1.5),
        ("UM24C", 0.3, 2.2),
        ("UM34C", 1.0, 1.5),
        ("UM25C", 1.0, 0.23),
        ("UM25C", 0.3, 0.32),
    ],
)
def test_classes_are_those_of_the_manuals(model: str, amperes: float, percent: float) -> None:
    meter, watts = power_class(model), 5.0 * amperes
    assert meter is not None
    assert 100 * (meter.gain_ratio + meter.offset_watts / watts) == pytest.approx(percent, abs=0.006)


@given(st.floats(4.5, 24), st.floats(0.01, 3))
def test_a_class_holds_the_worst_voltage_and_current(volts: float, amperes: float) -> None:
    meter, watts = power_class("UM24C", volts), volts * amperes
    assert meter is not None
    worst = max(
        abs((volts + v * (0.002 * volts + 0.01)) * (amperes + a * (0.008 * amperes + 0.003)) - watts)
        for v, a in itertools.product((-1, 1), repeat=2)
    )
    bound = meter.gain_ratio * watts + meter.offset_watts
    assert bound <= worst <= 1.005 * bound  # the product of both errors is left out, as usual


@pytest.mark.parametrize("model", ["", "rapl", "hwmon", "UM24", "Shelly Plug S", "UM24C+UM25C"])
def test_no_class_is_made_up(model: str) -> None:
    assert power_class(model) is None


def test_a_class_is_found_however_it_is_written() -> None:
    assert power_class(" um24c ") == power_class("UM24C") == UM24C
    assert power_class("UM25C") == UM25C
    with pytest.raises(ValueError, match="above 0"):
        power_class("UM24C", 0.0)


JOULES = [102.0, 98.0, 101.0, 99.0, 100.0]


def test_net_is_the_formula_of_the_design() -> None:
    """u(net)² = type A² + (t·u_baseline)² + (gain·net)² + edges² + gap², bounds as a/√3."""
    budget = net_budget(
        JOULES,
        [MeteredEnergy(100.0, 60.0, UM24C)],
        baseline_uncertainty_joules=60 * 0.01,
        edges_joules=0.9,
        gaps_joules=3.6,
    )
    by_hand = math.sqrt(
        (math.sqrt(2.5) / math.sqrt(5)) ** 2
        + 0.6**2
        + (0.012 * 100 / math.sqrt(3)) ** 2
        + (0.9 / math.sqrt(3)) ** 2
        + (3.6 / math.sqrt(3)) ** 2
    )
    assert budget.combined_joules == pytest.approx(by_hand)
    assert budget.offset_joules == 0.0
    estimate = mean_energy(JOULES, budget)
    assert estimate is not None
    assert (estimate.low, estimate.value, estimate.high) == pytest.approx(
        (100 - 2 * by_hand, 100, 100 + 2 * by_hand)
    )


def test_gross_has_the_offset_and_no_baseline() -> None:
    budget = gross_budget(JOULES, [MeteredEnergy(100.0, 60.0, UM24C)], edges_joules=0.0, gaps_joules=0.0)
    assert budget.offset_joules == pytest.approx(0.015 * 60 / math.sqrt(3))
    assert budget.baseline_joules == 0.0


def test_the_combination_is_met_by_propagating_distributions() -> None:
    """GUM supplement 1: errors drawn as they are defined, energies computed from them."""
    rng, n = np.random.default_rng(1), 200_000
    true_power, baseline_watts, seconds = 5.0, 2.0, 60.0

    def uniform(half_width: float) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        return rng.uniform(-half_width, half_width, n)

    gain, offset = 1 + uniform(0.012), uniform(0.015)
    runs = seconds * true_power + rng.normal(0, 2.0, (n, 5)).mean(axis=1)
    base = baseline_watts + rng.normal(0, 0.01, n)
    net = gain * runs + offset * seconds - (gain * base + offset) * seconds + uniform(0.9) + uniform(3.6)
    spread = [300 + 2.0 * x for x in (-math.sqrt(2), math.sqrt(2), 0, 0, 0)]  # standard deviation 2
    budget = net_budget(
        [x - 120 for x in spread],
        [MeteredEnergy(180.0, seconds, UM24C)],
        baseline_uncertainty_joules=seconds * 0.01,
        edges_joules=0.9,
        gaps_joules=3.6,
    )
    assert budget.combined_joules == pytest.approx(float(net.std()), rel=0.01)
    estimate = mean_energy([180.0], budget)
    assert estimate is not None
    assert estimate.low is not None
    assert estimate.high is not None
    assert np.mean((net > estimate.low) & (net < estimate.high)) >= 0.94


def test_meters_of_several_nodes_are_independent() -> None:
    both = gross_budget(
        [300.0, 302.0],
        [MeteredEnergy(100.0, 10.0, UM24C), MeteredEnergy(201.0, 20.0, UM25C)],
        edges_joules=0.0,
        gaps_joules=0.0,
    )
    assert both.gain_joules == pytest.approx(math.hypot(1.2, 0.0019 * 201) / math.sqrt(3))
    assert both.offset_joules == pytest.approx(math.hypot(0.15, 0.04) / math.sqrt(3))


@pytest.mark.parametrize("field", Budget.__slots__)
def test_one_unknown_part_leaves_the_whole_unknown(field: str) -> None:
    parts: dict[str, float | None] = dict.fromkeys(Budget.__slots__, 1.0)
    assert Budget(**parts).combined_joules == pytest.approx(math.sqrt(6))
    unknown = Budget(**{**parts, field: None})
    assert unknown.combined_joules is None
    assert mean_energy(JOULES, unknown) is None


def test_unknown_is_not_zero() -> None:
    unknown = [MeteredEnergy(100.0, 60.0, None)]
    budget = gross_budget([100.0], unknown, edges_joules=None, gaps_joules=0.0)
    assert budget.spread_joules is None  # one repetition
    assert budget.gain_joules is budget.offset_joules is budget.edges_joules is None
    assert budget.gaps_joules == 0.0
    for same in (True, False):
        assert resolution_joules(unknown, unknown, same_meters=same) is None
    assert is_resolvable(5.0, None) is None


def test_on_one_meter_net_energy_resolves_everything() -> None:
    one, other = [MeteredEnergy(100.0, 60.0, UM24C)], [MeteredEnergy(100.5, 90.0, UM24C)]
    assert resolution_joules(one, other, same_meters=True, is_net=True) == 0.0
    assert is_resolvable(0.5, 0.0)
    gross = resolution_joules(one, other, same_meters=True)
    assert gross == pytest.approx(2 * 0.015 * 30 / math.sqrt(3))
    assert resolution_joules(one, one, same_meters=True) == 0.0


def test_different_meters_add_gain_and_offset_of_both() -> None:
    one, other = [MeteredEnergy(100.0, 60.0, UM24C)], [MeteredEnergy(200.0, 30.0, UM25C)]
    by_hand = 2 * math.sqrt((1.2**2 + 0.38**2 + 0.9**2 + 0.06**2) / 3)
    assert resolution_joules(one, other, same_meters=False) == pytest.approx(by_hand)
    assert resolution_joules(other, one, same_meters=False) == pytest.approx(by_hand)
    assert is_resolvable(by_hand + 0.01, by_hand)
    assert not is_resolvable(-by_hand, by_hand)


@pytest.mark.parametrize("same", [True, False])
def test_meters_alone_seldom_make_more_than_the_resolution(same: bool) -> None:
    """Of two groups of the same true energy and power, by drawing the meters."""
    rng, n = np.random.default_rng(2), 100_000
    seconds = (60.0, 90.0) if same else (60.0, 60.0)
    gains, offsets = 1 + rng.uniform(-0.012, 0.012, (2, n)), rng.uniform(-0.015, 0.015, (2, n))
    read = [gains[0 if same else i] * 300 + offsets[0 if same else i] * seconds[i] for i in (0, 1)]
    groups = [[MeteredEnergy(300.0, t, UM24C)] for t in seconds]
    limit = resolution_joules(groups[0], groups[1], same_meters=same)
    assert limit is not None
    assert np.mean(np.abs(read[1] - read[0]) <= limit) >= 0.95


def test_power_is_joules_over_one_second() -> None:
    one, other = [MeteredEnergy(5.0, 1.0, UM24C)], [MeteredEnergy(5.0, 1.0, UM24C)]
    assert resolution_joules(one, other, same_meters=True) == 0.0
    expected = 2 * math.sqrt(2 * ((0.012 * 5) ** 2 + 0.015**2) / 3)
    assert resolution_joules(one, other, same_meters=False) == pytest.approx(expected)


@given(st.floats(1, 1e6), st.floats(1, 1e5), st.floats(1.1, 100))
def test_a_worse_meter_never_helps(joules: float, seconds: float, factor: float) -> None:
    worse = MeterClass(UM24C.gain_ratio * factor, UM24C.offset_watts * factor)
    limits = [
        resolution_joules(
            [MeteredEnergy(joules, seconds, meter)],
            [MeteredEnergy(joules, seconds, UM24C)],
            same_meters=False,
        )
        for meter in (UM24C, worse)
    ]
    assert limits[0] is not None
    assert limits[1] is not None
    assert limits[0] < limits[1]
