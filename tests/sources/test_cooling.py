"""Cooling devices of made-up machines."""

from pathlib import Path

import pytest

from support.clock import FakeClock
from support.sysfs_tree import FaultyKernel, build_tree
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Quality
from wattwatch.sources.base import CoolingSpec
from wattwatch.sources.cooling import CoolingSource
from wattwatch.sources.sysfs import KernelFiles


def ratios(source: CoolingSource) -> dict[str, float]:
    return {reading.channel.id: reading.value for reading in source.read().readings}


def test_a_fan_at_half_speed(tmp_path: Path) -> None:
    source = CoolingSource(CoolingSpec(root=build_tree("pi-4-poe", tmp_path)), FakeClock())
    assert ratios(source) == {"cooling/pwm-fan/state_ratio": 0.5, "cooling/cpufreq-cpu0/state_ratio": 0.0}
    assert [channel.id for channel in source.description.channels] == list(ratios(source))


def test_devices_of_one_type_are_numbered_and_those_without_states_left_out(tmp_path: Path) -> None:
    source = CoolingSource(CoolingSpec(root=build_tree("laptop-intel", tmp_path)), FakeClock())
    assert {channel.zone for channel in source.description.channels} == {
        "processor-0",
        "processor-1",
        "intel_powerclamp",
    }
    assert ratios(source) == {"cooling/processor-0/state_ratio": 0.0, "cooling/processor-1/state_ratio": 0.5}


def test_a_clamp_that_begins_to_act_is_seen(tmp_path: Path) -> None:
    source = CoolingSource(CoolingSpec(root=build_tree("laptop-intel", tmp_path)), FakeClock())
    assert "cooling/intel_powerclamp/state_ratio" not in ratios(source)
    (tmp_path / "class/thermal/cooling_device2/cur_state").write_text("25\n")
    assert ratios(source)["cooling/intel_powerclamp/state_ratio"] == 0.5


def test_none_that_answers_is_unavailable(tmp_path: Path) -> None:
    kernel = FaultyKernel()
    kernel.read_errors["cur_state"] = 5
    files = KernelFiles(kernel.open_file, kernel.read_at)
    source = CoolingSource(CoolingSpec(root=build_tree("pi-4-poe", tmp_path)), FakeClock(), files)
    with pytest.raises(SourceUnavailable, match="cur_state: EIO"):
        source.read()


def test_only_devices_that_are_off_without_saying_so_are_no_reading(tmp_path: Path) -> None:
    folder = tmp_path / "class/thermal/cooling_device0"
    folder.mkdir(parents=True)
    for name, text in {"type": "intel_powerclamp", "cur_state": "-1", "max_state": "50"}.items():
        (folder / name).write_text(text)
    with pytest.raises(SourceUnavailable, match="is on"):
        CoolingSource(CoolingSpec(root=tmp_path), FakeClock()).read()


def test_a_machine_without_any_will_never_have_one(tmp_path: Path) -> None:
    source = CoolingSource(CoolingSpec(root=tmp_path), FakeClock())
    assert source.description.channels == ()
    with pytest.raises(SourceUnsupported, match="no cooling devices"):
        source.read()


def test_a_simulated_tree_says_so(tmp_path: Path) -> None:
    spec = CoolingSpec(root=build_tree("pi-4-poe", tmp_path), simulated=True)
    readings = CoolingSource(spec, FakeClock()).read().readings
    assert {reading.channel.quality for reading in readings} == {Quality.SIMULATED}
