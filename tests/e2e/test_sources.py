"""A real daemon with a made-up Raspberry Pi, NVIDIA driver and Windows host."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon_process import Home, Series, free_port, samples, until, value
from support.lhm_server import FakeLhm, lhm_server
from support.nvidia_driver import made_up_driver
from support.vcgencmd import FakePi, pi_5

RAILS_WATTS = 3.7656  # see tests/sources/test_pi_text.py


@pytest.fixture
def lhm() -> Iterator[FakeLhm]:
    with lhm_server(login="reader:secret") as fake:
        yield fake


@pytest.fixture
def pi(tmp_path: Path) -> FakePi:
    return pi_5(tmp_path / "pi", "throttled=0x50005")


@pytest.fixture
def home(tmp_path: Path, pi: FakePi, lhm: FakeLhm) -> Home:
    made = Home(tmp_path / "h", port=free_port())
    password = tmp_path / "password"
    password.write_text("secret\n")
    with made.config.open("a") as config:
        config.write(f"""
            [[source]]
            type = "pi"
            root = "{pi.root}"
            [[source]]
            type = "lhm"
            name = "vm-host"
            url = "{lhm.url}"
            zones = ["CPU Package"]
            user = "reader"
            password_file = "{password}"
        """)
    made.environment |= made_up_driver(tmp_path / "driver")
    made.environment["PATH"] = f"{pi.command.parent}:{os.environ['PATH']}"
    return made


def counted(home: Home) -> dict[Series, float]:
    """A page on which every source has integrated something."""
    page = samples(home.metrics())
    zones = {"pmic", "cpu-package", "gpu-0", "gpu-1"}
    joules = {
        dict(labels)["zone"]: v
        for (name, labels), v in page.items()
        if name == "wattwatch_energy_joules_total"
    }
    return page if all(joules.get(zone, 0) > 0 for zone in zones) else {}


def test_every_source_is_read_integrated_and_told(home: Home, lhm: FakeLhm) -> None:
    with home.daemon().ready():
        page: dict[Series, float] = until(lambda: counted(home), 20, "every source is integrated")
        listed = home.run("sources").stdout
        lhm.login = "reader:another"
        down = until(lambda: _why(home, "refuses user"), 20, "the password is refused")
    assert value(page, "wattwatch_node_power_watts") == pytest.approx(RAILS_WATTS)
    assert value(page, "wattwatch_power_watts", zone="cpu-package", scope="package") == 42.03125
    assert value(page, "wattwatch_power_watts", zone="gpu-0", scope="gpu") > 0
    assert value(page, "wattwatch_temperature_celsius", zone="gpu-1") == 44.0
    flags = {
        (dict(labels)["reason"], dict(labels)["when"]): flag
        for (name, labels), flag in page.items()
        if name == "wattwatch_throttled"
    }
    assert len(flags) == 8
    assert {key[0] for key, flag in flags.items() if flag} == {"under-voltage", "throttled"}
    assert "power: pi/pmic/power_watts" in listed
    assert "gpu: up (nvml, gpu-0: Made-up GPU GPU-0; gpu-1: Made-up GPU GPU-1" in listed
    assert "/data.json refuses user 'reader'" in down
    assert set(lhm.asked) == {("GET", "/data.json")}


def test_no_joule_of_a_rail_or_gpu_is_counted_twice(home: Home) -> None:
    with home.daemon().ready():
        page: dict[Series, float] = until(lambda: counted(home), 20, "every source is integrated")
    series = [labels for name, labels in page if name == "wattwatch_energy_joules_total"]
    assert len(series) == len({dict(labels)["source"] + dict(labels)["zone"] for labels in series})
    pmic = value(page, "wattwatch_energy_joules_total", zone="pmic")
    rails = [
        joules
        for (name, labels), joules in page.items()
        if name == "wattwatch_energy_joules_total"
        and ("source", "pi") in labels
        and ("zone", "pmic") not in labels
    ]
    assert len(rails) == 12
    assert sum(rails) == pytest.approx(pmic)
    assert value(page, "wattwatch_node_energy_joules_total") == pytest.approx(pmic)


def _why(home: Home, words: str) -> str:
    listed = home.run("sources").stdout
    return listed if words in listed else ""
