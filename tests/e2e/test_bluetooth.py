"""The daemon with a meter's Bluetooth address, against a fake bluetoothd."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.daemon_process import Home, free_port, samples, until, value
from support.fake_bluez import FakeBlueZ, needs_dbus_daemon

pytestmark = needs_dbus_daemon
ADDRESS = "00:15:A6:01:AA:BB"


@pytest.fixture
def bluez() -> Iterator[FakeBlueZ]:
    with FakeBlueZ() as fake:
        yield fake


def home_of(directory: Path, bluez: FakeBlueZ) -> Home:
    home = Home(directory, port=free_port())
    with home.config.open("a") as config:
        config.write(
            f'[[source]]\ntype = "um24c"\naddress = "{ADDRESS}"\ntransport = "bluez"\nsimulated = true\n'
        )
    home.environment["DBUS_SYSTEM_BUS_ADDRESS"] = bluez.address
    return home


def power(home: Home) -> float:
    """The meter's watts; 0 while it shows none."""
    page = samples(home.metrics())
    if not any(name == "wattwatch_power_watts" for name, _ in page):
        return 0.0
    return value(page, "wattwatch_power_watts", source="meter", zone="vbus")


def failures(home: Home) -> dict[str, float]:
    """How many reads of the meter failed, by reason."""
    name = "wattwatch_source_read_failures_total"
    return {
        dict(labels)["reason"]: count
        for (own, labels), count in samples(home.metrics()).items()
        if own == name and dict(labels)["source"] == "meter" and count
    }


def test_a_paired_meter_is_read_by_its_address_through_drops(tmp_path: Path, bluez: FakeBlueZ) -> None:
    device = bluez.add_device(address=ADDRESS, watts=6.25)
    home = home_of(tmp_path, bluez)
    with home.daemon().ready():
        assert until(lambda: power(home), 20, "power of the meter") == pytest.approx(6.25, abs=0.02)
        shown = home.run("sources")
        assert f"UM24C at {ADDRESS} by bluez" in shown.stdout
        device.drop()
        until(lambda: failures(home).get("hangup") == 1, 20, "the drop being counted")
        until(lambda: device.connects == 2 and power(home), 20, "the meter being back")
        assert set(device.received) == {0xF0}


def test_a_meter_that_was_never_paired_is_told_how(tmp_path: Path, bluez: FakeBlueZ) -> None:
    bluez.add_device(address=ADDRESS, paired=False)
    home = home_of(tmp_path, bluez)
    with home.daemon().ready() as daemon:
        daemon.wait_for(rf"(not paired: wattwatch meters pair {ADDRESS})")
        until(lambda: failures(home).get("permission"), 20, "the refusal being counted")
        assert "wattwatch meters pair" in home.run("sources").stdout


def test_a_bluetoothd_that_comes_late_is_waited_for(tmp_path: Path, bluez: FakeBlueZ) -> None:
    bluez.add_device(address=ADDRESS)
    bluez.stop_bluetoothd()
    home = home_of(tmp_path, bluez)
    with home.daemon().ready() as daemon:
        daemon.wait_for("(bluetoothd is not running)")
        bluez.start_bluetoothd()
        until(lambda: power(home), 20, "power of the meter")
