"""Sensor chips of made-up machines."""

import errno
from pathlib import Path

import pytest

from support.clock import FakeClock
from support.sysfs_tree import FaultyKernel, build_tree, make_link, move_chip, unplug
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Kind, Quality, Scope
from wattwatch.sources.base import CounterLimits, HwmonSpec
from wattwatch.sources.hwmon import HwmonSource
from wattwatch.sources.sysfs import KernelFiles


class Bench:
    """A tree, a source of it, and everything that can go wrong."""

    def __init__(self, root: Path, **settings: object) -> None:
        self.root = root
        self.clock = FakeClock()
        self.kernel = FaultyKernel()
        files = KernelFiles(self.kernel.open_file, self.kernel.read_at)
        self.source = HwmonSource(HwmonSpec(root=root, **settings), self.clock, files)  # type: ignore[arg-type]

    def values(self) -> dict[str, float]:
        self.clock.advance(self.source.description.interval_seconds)
        return {r.channel.id.removeprefix("hwmon/"): r.value for r in self.source.read().readings}

    def set(self, file: str, text: object) -> None:
        (self.root / "class/hwmon" / file).write_text(f"{text}\n")

    def power(self) -> dict[str, tuple[Scope, Quality]]:
        return {c.zone: (c.scope, c.quality) for c in self.source.description.channels if c.measures_energy}


def a_chip(root: Path, number: int, name: str, **attributes: object) -> Path:
    folder = root / f"class/hwmon/hwmon{number}"
    folder.mkdir(parents=True)
    for file, text in {"name": name, **attributes}.items():
        (folder / file).write_text(f"{text}\n")
    return folder


def test_meters_on_a_bench(tmp_path: Path) -> None:
    assert Bench(build_tree("bench", tmp_path)).values() == {
        "ina226-1-0040/power_watts": 5.675,
        "ina226-1-0040/current_amperes": 1.112,
        "ina226-1-0040/voltage_volts": 5.104,
        "ina226-1-0040-in0/voltage_volts": 0.011,
        "ina226-1-0041/power_watts": 0.7,
        "ina226-1-0041/current_amperes": 0.212,
        "ina226-1-0041/voltage_volts": 3.296,
        "ina226-1-0041-in0/voltage_volts": 0.002,
        "ina219/power_watts": 4.82,
        "ina219/current_amperes": 0.402,
        "ina219/voltage_volts": 12.012,
        "ina219-in0/voltage_volts": 0.004,
        "ina3221-vdd_in/power_watts": 4.5,
        "ina3221-vdd_in/current_amperes": 0.9,
        "ina3221-vdd_in/voltage_volts": 5.0,
        "ina3221-vdd_cpu_gpu_cv/power_watts": 1.4904,
        "ina3221-vdd_cpu_gpu_cv/current_amperes": 0.3,
        "ina3221-vdd_cpu_gpu_cv/voltage_volts": 4.968,
        "ina3221-vdd_soc/power_watts": 1.24,
        "ina3221-vdd_soc/current_amperes": 0.25,
        "ina3221-vdd_soc/voltage_volts": 4.96,
        "powerz/power_watts": 4.158252,  # 5.121 V x 0.812 A, plugged in the other way round
        "powerz/current_amperes": -0.812,
        "powerz/voltage_volts": 5.121,
        "powerz-temp/temperature_celsius": 28.75,
    }


def test_what_the_power_of_a_chip_contains(tmp_path: Path) -> None:
    assert Bench(build_tree("bench", tmp_path)).power() == {
        "powerz": (Scope.BOARD, Quality.METERED),
        **dict.fromkeys(
            (
                *("ina226-1-0040", "ina226-1-0041", "ina219"),
                *("ina3221-vdd_in", "ina3221-vdd_cpu_gpu_cv", "ina3221-vdd_soc"),
            ),
            (Scope.RAIL, Quality.SENSOR),
        ),
    }


def test_the_owner_knows_what_a_chip_measures(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path), devices=("ina219",), scope="board")
    assert bench.power() == {"ina219": (Scope.BOARD, Quality.SENSOR)}
    assert set(bench.values()) == {
        "ina219/power_watts",
        "ina219/current_amperes",
        "ina219/voltage_volts",
        "ina219-in0/voltage_volts",
    }
    assert {c.scope for c in bench.source.description.channels if not c.measures_energy} == {Scope.NONE}


def test_a_raspberry_pi_shows_under_voltage_and_its_fan_but_the_thermal_zone_only_once(
    tmp_path: Path,
) -> None:
    bench = Bench(build_tree("pi-4-poe", tmp_path))
    assert bench.values() == {"rpi_volt-under-voltage/throttled_now_flag": 0.0, "pwmfan-fan1/speed_rpm": 3120}
    bench.set("hwmon1/in0_lcrit_alarm", 1)
    assert bench.values()["rpi_volt-under-voltage/throttled_now_flag"] == 1.0


def test_what_another_class_shows_is_taken_if_it_is_asked_for(tmp_path: Path) -> None:
    assert Bench(build_tree("pi-4-poe", tmp_path), devices=("cpu_thermal",)).values() == {
        "cpu_thermal-temp1/temperature_celsius": 48.312
    }


def test_a_laptop_has_temperatures_and_its_battery_elsewhere(tmp_path: Path) -> None:
    assert Bench(build_tree("laptop-intel", tmp_path)).values() == {
        "coretemp-package-id-0/temperature_celsius": 52.0,
        "coretemp-core-0/temperature_celsius": 51.0,
        "coretemp-core-1/temperature_celsius": 49.0,
        "nvme-composite/temperature_celsius": 33.85,
    }


def test_a_server_meters_what_it_takes_from_the_wall_and_lets_its_disks_sleep(tmp_path: Path) -> None:
    bench = Bench(build_tree("server-2-sockets", tmp_path))
    assert bench.values() == {
        "power_meter/power_watts": 412.0,
        "coretemp-coretemp.0-package-id-0/temperature_celsius": 61.0,
        "coretemp-coretemp.1-package-id-1/temperature_celsius": 58.0,
    }
    assert bench.power() == {"power_meter": (Scope.WALL, Quality.SENSOR)}
    assert Bench(tmp_path, devices=("drivetemp",)).values() == {"drivetemp-temp1/temperature_celsius": 31.0}


def test_a_workstation_has_a_graphics_card_and_two_disks_of_one_name(tmp_path: Path) -> None:
    bench = Bench(build_tree("workstation-amd", tmp_path))
    assert bench.values() == {
        "k10temp-tctl/temperature_celsius": 55.25,
        "k10temp-tccd1/temperature_celsius": 48.0,
        "amdgpu/power_watts": 24.0,
        "amdgpu-vddgfx/voltage_volts": 0.769,
        "amdgpu-edge/temperature_celsius": 41.0,
        "amdgpu-junction/temperature_celsius": 43.0,
        "amdgpu-fan1/speed_rpm": 0.0,
        "nvme-nvme0-composite/temperature_celsius": 33.85,
        "nvme-nvme0-sensor-1/temperature_celsius": 40.85,
        "nvme-nvme1-composite/temperature_celsius": 30.85,
    }
    assert bench.power() == {"amdgpu": (Scope.GPU, Quality.SENSOR)}


def test_a_card_that_sleeps_is_not_woken(tmp_path: Path) -> None:
    bench = Bench(build_tree("workstation-amd", tmp_path))
    whole = bench.values()
    status = tmp_path / "devices/pci0000:00/0000:03:00.0/power/runtime_status"
    status.write_text("suspended\n")
    reads = bench.kernel.reads
    awake = {name for name in whole if not name.startswith("amdgpu")}
    assert set(bench.values()) == awake
    assert bench.kernel.reads - reads == len(awake) + 1  # and its status
    assert "amdgpu sleeps and is left alone" in bench.source.description.detail
    status.write_text("active\n")
    assert bench.values() == whole
    assert "is left alone" not in bench.source.description.detail


def test_a_card_without_power_management_is_read(tmp_path: Path) -> None:
    bench = Bench(build_tree("workstation-amd", tmp_path))
    (tmp_path / "devices/pci0000:00/0000:03:00.0/power/runtime_status").unlink()
    assert "amdgpu/power_watts" in bench.values()


def test_an_unknown_chip_is_taken_as_it_is(tmp_path: Path) -> None:
    a_chip(
        tmp_path,
        0,
        "mystery 9000/x",
        power1_input=1_500_000,
        power2_input=7_000_000,
        power2_label="CPU Rail",
        energy1_input=3_600_000,
        in0_input=12_345,
        fan2_input=900,
        temp1_input=-4500,
        pwm1=3,
        temp1_max=90000,
        power1_cap=5,
        humidity1_input=4,
    )
    bench = Bench(tmp_path)
    assert bench.values() == {
        "mystery-9000-x-power1/power_watts": 1.5,
        "mystery-9000-x-cpu-rail/power_watts": 7.0,
        "mystery-9000-x-energy1/energy_joules": 3.6,
        "mystery-9000-x-in0/voltage_volts": 12.345,
        "mystery-9000-x-temp1/temperature_celsius": -4.5,
        "mystery-9000-x-fan2/speed_rpm": 900.0,
    }
    assert {scope for scope, _ in bench.power().values()} == {Scope.RAIL}


def test_an_energy_counter_has_no_known_wrap(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "i915", energy1_input=5_000_000)
    ((channel, limits),) = Bench(tmp_path).source.description.counter_limits
    assert (channel.id, channel.kind, channel.scope) == (
        "hwmon/i915/energy_joules",
        Kind.COUNTER,
        Scope.GPU,
    )
    assert limits == CounterLimits(0.0, 2000.0)


def test_of_amd_energy_the_sockets_are_taken_for_cores_are_parts_of_them(tmp_path: Path) -> None:
    labels = {f"energy{n + 1}_label": f"Ecore{n:03}" for n in range(4)} | {"energy5_label": "Esocket0"}
    counts = {f"energy{n + 1}_input": (n + 1) * 10**6 for n in range(5)}
    a_chip(tmp_path, 0, "amd_energy", **labels, **counts)
    bench = Bench(tmp_path)
    assert bench.values() == {"amd_energy-esocket0/energy_joules": 5.0}
    assert bench.power() == {"amd_energy-esocket0": (Scope.PACKAGE, Quality.SENSOR)}


def test_the_average_of_a_power_is_taken_where_there_is_one(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "amdgpu", power1_input=9_000_000, power1_average=7_000_000)
    assert Bench(tmp_path).values() == {"amdgpu/power_watts": 7.0}


def test_two_attributes_of_one_label_stay_apart(tmp_path: Path) -> None:
    labels = {"temp1_label": "SYSTIN", "temp2_label": "SYSTIN"}
    a_chip(tmp_path, 0, "nct6775", temp1_input=30000, temp2_input=31000, **labels)
    assert Bench(tmp_path).values() == {
        "nct6775-systin/temperature_celsius": 30.0,
        "nct6775-systin-temp2/temperature_celsius": 31.0,
    }


def test_power_that_flows_back_is_none(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "psu", power1_input=-2_000_000, curr1_input=-100)
    assert Bench(tmp_path).values() == {
        "psu-power1/power_watts": 0.0,
        "psu-curr1/current_amperes": -0.1,
    }


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EIO, errno.ENODATA, errno.ETIMEDOUT])
def test_an_attribute_that_fails_is_left_out_of_that_read(tmp_path: Path, error: int) -> None:
    bench = Bench(build_tree("laptop-intel", tmp_path))
    whole = bench.values()
    bench.kernel.read_errors["temp2_input"] = error
    assert set(whole) - set(bench.values()) == {"coretemp-core-0/temperature_celsius"}
    bench.kernel.read_errors.clear()
    assert bench.values() == whole


def test_a_power_without_its_current_is_left_out(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path), devices=("powerz",))
    bench.values()
    bench.kernel.read_errors["curr1_input"] = errno.EIO
    assert set(bench.values()) == {"powerz/voltage_volts", "powerz-temp/temperature_celsius"}


def test_counters_for_root_only_say_so(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "amd_energy", energy1_label="Esocket0", energy1_input=5)
    bench = Bench(tmp_path)
    bench.kernel.open_errors["energy1_input"] = errno.EACCES
    with pytest.raises(SourceUnavailable, match="energy1_input: permission denied") as caught:
        bench.values()
    assert caught.value.reason == "permission"
    assert "amd_energy does not answer (permission)" in bench.source.description.detail


# refreshing


def test_a_source_is_read_as_slowly_as_its_power_is_refreshed(tmp_path: Path) -> None:
    root = build_tree("bench", tmp_path)
    assert Bench(root).source.description.interval_seconds == 1.5
    assert Bench(root, interval_seconds=2.0).source.description.interval_seconds == 2.0
    assert Bench(root, devices=("ina219", "powerz")).source.description.interval_seconds == 1.0


def test_a_meter_that_averages_for_long_is_not_waited_for(tmp_path: Path) -> None:
    bench = Bench(build_tree("server-2-sockets", tmp_path))
    bench.set("hwmon0/power1_average_interval", 30_000)
    slow = Bench(tmp_path)
    assert slow.source.description.interval_seconds == 5.0


def test_a_slow_chip_gives_its_last_value_until_it_has_a_new_one(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "lm90", temp1_input=30000, update_interval=4000)
    a_chip(tmp_path, 1, "coretemp", temp1_input=50000)
    bench = Bench(tmp_path)
    seen = []
    for second in range(9):
        for number in range(2):
            bench.set(f"hwmon{number}/temp1_input", 1000 * second)
        seen.append(tuple(bench.values().values()))
    assert [slow for slow, _ in seen] == [0, 0, 0, 0, 4, 4, 4, 4, 8]
    assert [fast for _, fast in seen] == list(range(9))
    assert bench.kernel.reads == 9 + 3


# coming and going


def test_a_meter_that_is_unplugged_is_found_again_under_another_number(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path / "sys"), devices=("powerz",))
    before, channels = bench.values(), bench.source.description.channels
    unplug(bench.root, "hwmon4")
    with pytest.raises(SourceUnavailable, match="curr1_input does not exist") as caught:
        bench.source.read()
    assert caught.value.reason == "absent"
    for _ in range(3):
        with pytest.raises(SourceUnavailable, match="no chip named powerz") as caught:
            bench.source.read()
        assert caught.value.reason == "absent"
    folder = build_tree("bench", tmp_path / "again") / "class/hwmon/hwmon4"
    make_link(bench.root / "class/hwmon/hwmon7", folder.resolve())
    assert bench.values() == before
    assert bench.source.description.channels == channels


def test_a_chip_that_moves_between_two_reads_keeps_its_channels(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path))
    before, channels = bench.values(), bench.source.description.channels
    move_chip(tmp_path, "hwmon4", "hwmon9")
    assert set(before) - set(bench.values()) == {name for name in before if name.startswith("powerz")}
    assert bench.values() == before
    assert bench.source.description.channels == channels
    assert "powerz" not in bench.source.description.detail


def test_one_of_two_like_it_keeps_its_name_when_the_other_goes(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path))
    before = bench.values()
    unplug(tmp_path, "hwmon1")
    bench.values()
    assert bench.values() == {n: v for n, v in before.items() if not n.startswith("ina226-1-0041")}


def test_a_second_one_gets_a_name_of_its_own_and_the_first_keeps_its(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "nvme", temp1_input=30000)
    bench = Bench(tmp_path)
    assert set(bench.values()) == {"nvme-temp1/temperature_celsius"}
    a_chip(tmp_path, 5, "nvme", temp1_input=40000)
    bench.clock.advance(10)
    assert bench.values() == {
        "nvme-temp1/temperature_celsius": 30.0,
        "nvme-hwmon5-temp1/temperature_celsius": 40.0,
    }


def test_the_list_of_chips_is_not_looked_at_in_every_read(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "nvme", temp1_input=30000)
    bench = Bench(tmp_path)
    bench.values()
    a_chip(tmp_path, 1, "k10temp", temp1_input=40000)
    assert len(bench.values()) == 1
    bench.clock.advance(10)
    assert len(bench.values()) == 2


def test_a_chip_of_another_name_in_the_place_of_one_that_went_is_another(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "nvme", temp1_input=30000)
    bench = Bench(tmp_path)
    bench.values()
    for file in (tmp_path / "class/hwmon/hwmon0").iterdir():
        file.unlink()
    (tmp_path / "class/hwmon/hwmon0").rmdir()
    with pytest.raises(SourceUnavailable):
        bench.values()
    a_chip(tmp_path, 0, "k10temp", temp1_input=40000)
    assert bench.values() == {"k10temp-temp1/temperature_celsius": 40.0}


def test_a_meter_that_is_not_there_yet_can_stand_for_the_node(tmp_path: Path) -> None:
    bench = Bench(tmp_path, devices=("powerz", "nct6775"))
    (channel,) = bench.source.description.channels
    with pytest.raises(SourceUnavailable, match="no chip named powerz, no chip named nct6775") as caught:
        bench.source.read()
    assert caught.value.reason == "absent"
    build_tree("bench", tmp_path)
    bench.clock.advance(10)
    assert "powerz/power_watts" in bench.values()
    assert channel in {reading.channel for reading in bench.source.read().readings}
    assert bench.source.description.detail.endswith("no chip named nct6775")


def test_a_machine_without_chips_will_never_have_one(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.source.description.channels == ()
    with pytest.raises(SourceUnsupported, match="no hwmon chips"):
        bench.source.read()


def test_chips_without_readable_attributes_are_none(tmp_path: Path) -> None:
    a_chip(tmp_path, 0, "empty", pwm1=1)
    (tmp_path / "class/hwmon/hwmon1").mkdir()
    with pytest.raises(SourceUnsupported):
        Bench(tmp_path).source.read()


def test_files_stay_open_from_read_to_read(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path))
    for _ in range(5):
        bench.values()
    opened = len(bench.kernel.opened)
    assert opened == len(set(bench.kernel.opened)) == 21
    bench.source.close()
    bench.values()
    assert len(bench.kernel.opened) == 2 * opened


def test_a_simulated_tree_says_so(tmp_path: Path) -> None:
    bench = Bench(build_tree("bench", tmp_path), simulated=True)
    assert {channel.quality for channel in bench.source.description.channels} == {Quality.SIMULATED}
