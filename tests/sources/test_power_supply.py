"""Power supplies of made-up machines."""

import errno
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.clock import FakeClock
from support.sysfs_tree import FaultyKernel, build_tree
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Kind, Quality, Scope
from wattwatch.sampling.integrate import PowerIntegrator, PowerPoint
from wattwatch.sources.base import PowerSupplySpec
from wattwatch.sources.power_supply import PowerSupplySource
from wattwatch.sources.sysfs import KernelFiles

POWER = "power-supply/bat0/power_watts"


def values(source: PowerSupplySource) -> dict[str, float]:
    return {reading.channel.id: reading.value for reading in source.read().readings}


def a_battery(root: Path, **attributes: object) -> Path:
    folder = root / "class/power_supply/BAT0"
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in {"type": "Battery", "status": "Discharging", **attributes}.items():
        (folder / name).write_text(f"{text}\n")
    return folder


def test_the_poe_hat_gives_a_current_and_no_power(tmp_path: Path) -> None:
    source = PowerSupplySource(PowerSupplySpec(root=build_tree("pi-4-poe", tmp_path)), FakeClock())
    assert values(source) == {
        "power-supply/rpi-poe/online_ratio": 1.0,
        "power-supply/rpi-poe/current_amperes": 1.107,
    }
    assert not any(channel.measures_energy for channel in source.description.channels)


def test_a_laptop_on_its_battery(tmp_path: Path) -> None:
    source = PowerSupplySource(PowerSupplySpec(root=build_tree("laptop-intel", tmp_path)), FakeClock())
    assert values(source) == {
        "power-supply/ac/online_ratio": 0.0,
        "power-supply/bat0/voltage_volts": 11.8,
        "power-supply/bat0/current_amperes": 1.25,  # the driver says -1250000 uA
        "power-supply/bat0/stored_joules": 148_428.0,  # 41.23 Wh
        "power-supply/bat0/charge_ratio": 0.76,
        "power-supply/bat0/power_watts": 14.75,
        "power-supply/ucsi-source-psy-usbc000-001/online_ratio": 0.0,
    }


def test_power_stands_first_and_is_of_one_way_in(tmp_path: Path) -> None:
    source = PowerSupplySource(PowerSupplySpec(root=build_tree("laptop-intel", tmp_path)), FakeClock())
    first = source.description.channels[0]
    assert (first.id, first.kind, first.scope, first.quality) == (
        POWER,
        Kind.POWER,
        Scope.RAIL,
        Quality.SENSOR,
    )


def test_a_mouse_is_no_part_of_the_node(tmp_path: Path) -> None:
    source = PowerSupplySource(PowerSupplySpec(root=build_tree("laptop-intel", tmp_path)), FakeClock())
    assert not any("hidpp" in channel.zone for channel in source.description.channels)


@pytest.mark.parametrize("status", ["Charging", "Full", "Not charging", "Unknown", ""])
def test_a_battery_that_does_not_discharge_has_no_power_reading(tmp_path: Path, status: str) -> None:
    a_battery(tmp_path, status=status, power_now=20_000_000, capacity=50)
    source = PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock())
    assert values(source) == {"power-supply/bat0/charge_ratio": 0.5}


def test_time_on_mains_is_missing_not_zero(tmp_path: Path) -> None:
    folder, clock = a_battery(tmp_path, power_now=20_000_000, capacity=50), FakeClock()
    source = PowerSupplySource(PowerSupplySpec(root=tmp_path), clock)
    integrator = PowerIntegrator(source.description.channels[0], gap_limit_seconds=3.0)
    state, joules, missing_seconds = None, 0.0, 0.0
    for second in range(31):
        (folder / "status").write_text("Charging\n" if 10 < second < 20 else "Discharging\n")
        for reading in source.read().readings:
            if reading.channel.kind is Kind.POWER:
                step = integrator.step(state, PowerPoint(reading.at, reading.value))
                state = step.state
                joules += step.record.joules if step.record else 0.0
                missing_seconds += step.record.missing_seconds if step.record else 0.0
        clock.advance(1)
    assert (joules, missing_seconds) == (20.0 * 20, 10.0)


def test_a_power_of_the_driver_comes_before_a_product(tmp_path: Path) -> None:
    a_battery(tmp_path, power_now=-9_000_000, voltage_now=12_000_000, current_now=500_000)
    assert values(PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock()))[POWER] == 9.0


def test_a_power_of_zero_while_discharging_is_not_believed(tmp_path: Path) -> None:
    a_battery(tmp_path, power_now=0, voltage_now=12_000_000, current_now=500_000)
    assert values(PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock()))[POWER] == 6.0
    a_battery(tmp_path, current_now=0)
    assert POWER not in values(PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock()))


@given(
    microvolts=st.integers(1, 60_000_000),
    microamperes=st.integers(1, 10_000_000),
    sign=st.sampled_from([-1, 1]),
)
def test_watts_are_volts_times_amperes_whatever_the_sign(
    tmp_path_factory: pytest.TempPathFactory, microvolts: int, microamperes: int, sign: int
) -> None:
    root = tmp_path_factory.mktemp("sys")
    a_battery(root, voltage_now=microvolts, current_now=sign * microamperes)
    watts = values(PowerSupplySource(PowerSupplySpec(root=root), FakeClock()))[POWER]
    assert watts == microvolts * microamperes / 10**12


def test_a_programmable_supply_is_online_and_a_cold_battery_is_cold(tmp_path: Path) -> None:
    a_battery(tmp_path, type="USB", online=2, temp=-55)
    assert values(PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock())) == {
        "power-supply/bat0/online_ratio": 1.0,
        "power-supply/bat0/temperature_celsius": -5.5,
    }


@pytest.mark.parametrize("attribute", ["status", "power_now", "capacity"])
def test_an_attribute_that_fails_is_left_out_of_that_read(tmp_path: Path, attribute: str) -> None:
    a_battery(tmp_path, power_now=20_000_000, capacity=50)
    kernel = FaultyKernel()
    source = PowerSupplySource(
        PowerSupplySpec(root=tmp_path), FakeClock(), KernelFiles(kernel.open_file, kernel.read_at)
    )
    whole = values(source)
    kernel.read_errors[f"/{attribute}"] = errno.ENODATA
    lost = {POWER} if attribute != "capacity" else {"power-supply/bat0/charge_ratio"}
    assert values(source) == {name: value for name, value in whole.items() if name not in lost}
    kernel.read_errors.clear()
    assert values(source) == whole


def a_denied(kernel: FaultyKernel) -> None:
    kernel.open_errors[""] = errno.EACCES


def a_broken(kernel: FaultyKernel) -> None:
    kernel.read_errors[""] = errno.EIO


@pytest.mark.parametrize(("fault", "reason"), [(a_denied, "permission"), (a_broken, "io")])
def test_nothing_that_answers_is_unavailable(
    tmp_path: Path, fault: Callable[[FaultyKernel], None], reason: str
) -> None:
    kernel = FaultyKernel()
    fault(kernel)
    source = PowerSupplySource(
        PowerSupplySpec(root=build_tree("pi-4-poe", tmp_path)),
        FakeClock(),
        KernelFiles(kernel.open_file, kernel.read_at),
    )
    with pytest.raises(SourceUnavailable) as caught:
        source.read()
    assert caught.value.reason == reason


def test_a_machine_without_supplies_will_never_have_one(tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupported, match="no power supplies"):
        PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock()).read()


def test_a_battery_with_status_alone_is_no_zero_division_and_no_traceback(tmp_path: Path) -> None:
    a_battery(tmp_path)
    with pytest.raises(SourceUnsupported):
        PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock()).read()


def test_a_battery_that_shows_power_only_is_silent_while_it_charges(tmp_path: Path) -> None:
    folder = a_battery(tmp_path, power_now=20_000_000, status="Charging")
    source = PowerSupplySource(PowerSupplySpec(root=tmp_path), FakeClock())
    with pytest.raises(SourceUnavailable, match="no battery discharges"):
        source.read()
    (folder / "status").write_text("Discharging\n")
    assert values(source) == {POWER: 20.0}


def test_a_simulated_tree_says_so(tmp_path: Path) -> None:
    spec = PowerSupplySpec(root=build_tree("laptop-intel", tmp_path), simulated=True)
    qualities = {channel.quality for channel in PowerSupplySource(spec, FakeClock()).description.channels}
    assert qualities == {Quality.SIMULATED}
