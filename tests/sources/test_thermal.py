"""Thermal zones of a made-up /sys."""

from pathlib import Path

import pytest

from support.clock import FakeClock
from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.reading import Quality
from wattwatch.sources.base import ThermalSpec
from wattwatch.sources.thermal import ThermalSource


def zone(root: Path, number: int, millidegrees: object, kind: str | None = "cpu-thermal") -> Path:
    folder = root / f"class/thermal/thermal_zone{number}"
    folder.mkdir(parents=True)
    (folder / "temp").write_text(f"{millidegrees}\n")
    if kind is not None:
        (folder / "type").write_text(f"{kind}\n")
    return folder


def source(root: Path, *, simulated: bool = False) -> ThermalSource:
    return ThermalSource(ThermalSpec(root=root, simulated=simulated), FakeClock())


def temperatures(made: ThermalSource) -> dict[str, float]:
    return {reading.channel.zone: reading.value for reading in made.read().readings}


def test_a_raspberry_pi_has_one_zone(tmp_path: Path) -> None:
    zone(tmp_path, 0, 48312)
    (reading,) = source(tmp_path).read().readings
    assert reading.channel.id == "thermal/cpu-thermal/temperature_celsius"
    assert reading.value == pytest.approx(48.312)


def test_frost_is_negative(tmp_path: Path) -> None:
    zone(tmp_path, 0, -4500)
    assert temperatures(source(tmp_path)) == {"cpu-thermal": -4.5}


def test_zones_of_one_type_are_told_apart_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 0):
        zone(tmp_path, number, number * 1000, "acpitz")
    zone(tmp_path, 3, 3000, "x86_pkg_temp")
    zone(tmp_path, 4, 4000, None)
    zone(tmp_path, 5, 5000, "a b/c")
    assert temperatures(source(tmp_path)) == {
        "acpitz": 0.0,
        "acpitz-2": 2.0,
        "x86_pkg_temp": 3.0,
        "thermal_zone4": 4.0,
        "a-b-c": 5.0,
        "acpitz-10": 10.0,
    }


def test_names_stay_apart_where_a_type_looks_like_a_numbered_one(tmp_path: Path) -> None:
    for number, kind in enumerate(("acpitz-2", "acpitz", "acpitz")):
        zone(tmp_path, number, number, kind)
    assert len(temperatures(source(tmp_path))) == 3


def test_cooling_devices_are_no_zones(tmp_path: Path) -> None:
    zone(tmp_path, 0, 40000)
    (tmp_path / "class/thermal/cooling_device0").mkdir()
    assert temperatures(source(tmp_path)) == {"cpu-thermal": 40.0}


def test_a_zone_that_fails_is_left_out_until_it_answers_again(tmp_path: Path) -> None:
    zone(tmp_path, 0, 40000, "cpu")
    wifi = zone(tmp_path, 1, 30000, "wifi")
    made = source(tmp_path)
    assert temperatures(made) == {"cpu": 40.0, "wifi": 30.0}
    (wifi / "temp").write_text("")
    assert temperatures(made) == {"cpu": 40.0}
    (wifi / "temp").write_text("31000")
    assert temperatures(made) == {"cpu": 40.0, "wifi": 31.0}


def test_no_zone_that_answers_is_no_reading(tmp_path: Path) -> None:
    (zone(tmp_path, 0, 40000) / "temp").unlink()
    with pytest.raises(SourceUnavailable, match="temp does not exist"):
        source(tmp_path).read()


def test_a_machine_without_zones_will_never_have_them(tmp_path: Path) -> None:
    with pytest.raises(SourceUnsupported, match="no thermal zones"):
        source(tmp_path).read()


def test_a_simulated_zone_says_so(tmp_path: Path) -> None:
    zone(tmp_path, 0, 40000)
    (reading,) = source(tmp_path, simulated=True).read().readings
    assert reading.channel.quality is Quality.SIMULATED
