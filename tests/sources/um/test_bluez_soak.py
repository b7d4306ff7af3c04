"""Ten thousand lost links: nothing is left behind by any of them."""

import gc
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from support.fake_bluez import FakeBlueZ, FakeDevice, needs_dbus_daemon
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceUnavailable
from wattwatch.sources import open_source
from wattwatch.sources.base import Source, UmSpec
from wattwatch.sources.um.bluez import close_bluez, shared_bluez

pytestmark = [needs_dbus_daemon, pytest.mark.realtime]
DROPS = 10_000
METERS = 4
RESTARTS = 20  # of bluetoothd, spread among the drops


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def read(meter: Source) -> str:
    """What came of a read: "" or the reason."""
    try:
        meter.read()
    except SourceUnavailable as error:
        return error.reason
    return ""


def lose(device: FakeDevice, meter: Source, number: int) -> str:
    """Lose a link in one of three ways; the reason that the meter's next read gives."""
    if number % 3 == 0:
        meter.close()
        return read(meter)
    device.drop()
    if number % 3 == 1:
        device.fail_connects()
        assert read(meter) == "hangup"
        assert read(meter) == "absent"
        return read(meter)
    assert read(meter) == "hangup"
    return read(meter)


def until_links(bluez: FakeBlueZ, devices: list[FakeDevice], count: int) -> None:
    del bluez
    deadline = time.monotonic() + 20
    while sum(device.is_connected for device in devices) != count or shared_bluez().links != count:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_ten_thousand_drops_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeBlueZ() as bluez:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bluez.address)
        devices = [bluez.add_device(address=f"00:15:A6:01:AA:0{number}") for number in range(METERS)]
        meters = [
            open_source(
                UmSpec(name=f"m{n}", address=device.address, transport="bluez", deadline_seconds=10.0),
                SystemClock(),
            )
            for n, device in enumerate(devices)
        ]
        assert [read(meter) for meter in meters] == [""] * METERS
        before = (descriptors(), threading.active_count(), bluez.match_rules())
        outcomes: Counter[str] = Counter()
        for number in range(DROPS):
            outcomes[lose(devices[number % METERS], meters[number % METERS], number)] += 1
            if number % (DROPS // RESTARTS) == 0:
                bluez.stop_bluetoothd()
                bluez.start_bluetoothd()
        assert outcomes == {"": DROPS}
        until_links(bluez, devices, METERS)
        gc.collect()
        assert (descriptors(), threading.active_count(), bluez.match_rules()) == before
        assert bluez.records.registrations <= RESTARTS + 1
        assert len(bluez.profiles) == 1
        assert sum(device.connects for device in devices) == DROPS + METERS
        for meter in meters:
            meter.close()
        until_links(bluez, devices, 0)
        close_bluez()
