"""The serial port by bluetoothd, against a fake one on a private bus: frames, faults, restarts."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from dbus_fast.message import Message

from support.fake_bluez import FakeBlueZ, FakeDevice, another_client, needs_dbus_daemon
from wattwatch.clock import SystemClock
from wattwatch.errors import SourceError, SourceUnavailable, SourceUnsupported
from wattwatch.reading import Batch
from wattwatch.sources import open_source
from wattwatch.sources.base import Source, UmSpec
from wattwatch.sources.um.bluez import close_bluez, open_bluez, shared_bluez
from wattwatch.sources.um.bluez_objects import SPP_UUID

pytestmark = needs_dbus_daemon
WATTS = pytest.approx(5.0, abs=0.02)  # what the fake's meters are given; their digits are cut off


@pytest.fixture
def bluez(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBlueZ]:
    with FakeBlueZ(("hci0", "hci1")) as fake:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", fake.address)
        yield fake
        close_bluez()


def spec_of(device: FakeDevice, name: str = "meter", adapter: str = "") -> UmSpec:
    return UmSpec(
        name=name, address=device.address, transport="bluez", adapter=adapter, deadline_seconds=10.0
    )


def source_of(device: FakeDevice, name: str = "meter", adapter: str = "") -> Source:
    return open_source(spec_of(device, name, adapter), SystemClock())


def refusal(source: Source) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        source.read()
    assert "\n" not in str(caught.value)
    return caught.value


def watts(batch: Batch) -> float:
    return batch.readings[0].value


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def test_frames_are_read_over_the_descriptor_and_only_f0_is_sent(bluez: FakeBlueZ) -> None:
    device = bluez.add_device(model="UM25C", watts=7.5)
    meter = source_of(device)
    batches = [meter.read() for _ in range(3)]
    assert [watts(batch) for batch in batches] == [pytest.approx(7.5, abs=0.01)] * 3
    assert batches[0].identity is not None
    assert (batches[0].identity.model, batches[0].identity.address) == ("UM25C", device.address)
    assert meter.description.detail == f"UM25C at {device.address} by bluez"
    assert device.received == b"\xf0" * 3
    assert device.connects == 1
    meter.close()


def test_one_registration_serves_all_meters_and_is_a_modest_client(bluez: FakeBlueZ) -> None:
    devices = [bluez.add_device(address=f"00:15:A6:01:AA:0{n}", watts=float(n + 1)) for n in range(5)]
    meters = [source_of(device, f"meter-{number}") for number, device in enumerate(devices)]
    assert [watts(meter.read()) for meter in meters] == [pytest.approx(n + 1, abs=0.02) for n in range(5)]
    assert bluez.records.registrations == 1
    _, _, options = bluez.profiles[SPP_UUID]
    assert (options["Role"].value, options["AutoConnect"].value) == ("client", False)
    assert bluez.match_rules() == 0
    for meter in meters:
        meter.close()


def test_a_drop_is_a_hang_up_and_the_next_read_connects_anew(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    for number in range(5):
        assert watts(meter.read()) == WATTS
        device.drop()
        assert refusal(meter).reason == "hangup"
        assert device.connects == number + 1
    assert watts(meter.read()) == WATTS
    meter.close()


def test_closing_ends_the_link_though_bluetoothd_keeps_a_duplicate(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    for _ in range(3):
        meter.read()
        meter.close()
        until(lambda: not device.is_connected)
    until(lambda: shared_bluez().links == 0)


def test_a_reconnect_right_after_a_close_is_not_refused(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    for _ in range(50):
        meter.close()
        assert watts(meter.read()) == WATTS
    meter.close()


def test_bluetoothd_disconnecting_is_a_hang_up(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    meter.read()
    call_as_another(
        bluez,
        Message("org.bluez", device.path, "org.bluez.Device1", "Disconnect"),
    )
    assert refusal(meter).reason == "hangup"
    assert watts(meter.read()) == WATTS
    meter.close()


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (("org.bluez.Error.Failed", "br-connection-page-timeout"), "absent", "is the meter on"),
        (("org.bluez.Error.NotReady", "Resource Not Ready"), "absent", "bluetoothctl power on"),
        (("org.bluez.Error.AuthenticationFailed", "Authentication Failed"), "permission", "meters pair"),
        (("org.bluez.Error.NotAvailable", "br-connection-profile-unavailable"), "io", "no serial port"),
        (("org.bluez.Error.Failed", "br-connection-not-supported"), "io", "no serial port"),
        (("org.bluez.Error.Failed", "br-connection-refused"), "busy", "disconnect the phone"),
    ],
)
def test_a_failed_connection_says_why_and_the_next_one_may_work(
    bluez: FakeBlueZ, error: tuple[str, str], reason: str, words: str
) -> None:
    device = bluez.add_device()
    device.fail_connects(error=error)
    meter = source_of(device)
    refused = refusal(meter)
    assert refused.reason == reason
    assert words in str(refused)
    assert watts(meter.read()) == WATTS
    meter.close()


def test_a_busy_bluetoothd_is_asked_again_at_once(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    device.fail_connects(times=2, error=("org.bluez.Error.InProgress", "br-connection-busy"))
    meter = source_of(device)
    assert watts(meter.read()) == WATTS
    meter.close()
    device.fail_connects(times=3, error=("org.bluez.Error.InProgress", "br-connection-busy"))
    assert refusal(meter).reason == "busy"


def test_a_connection_without_a_descriptor_is_given_up(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    device.faults.no_descriptor = True
    meter = source_of(device)
    assert refusal(meter).reason == "busy"
    device.faults.no_descriptor = False
    assert watts(meter.read()) == WATTS
    meter.close()


def test_a_silent_link_is_a_timeout_and_is_made_anew(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    device.faults.silent = True
    meter = open_source(
        UmSpec(address=device.address, transport="bluez", deadline_seconds=0.1), SystemClock()
    )
    assert refusal(meter).reason == "timeout"
    device.faults.silent = False
    assert watts(meter.read()) == WATTS
    assert device.connects == 2
    meter.close()


def test_an_adapter_that_is_off_is_named_and_coming_back_is_enough(bluez: FakeBlueZ) -> None:
    device = bluez.add_device(adapter="hci1")
    meter = source_of(device, adapter="hci1")
    meter.read()
    bluez.set_powered(False, "hci1")
    assert refusal(meter).reason == "hangup"
    refused = refusal(meter)
    assert refused.reason == "absent"
    assert "adapter hci1 is off" in str(refused)
    bluez.set_powered(True, "hci1")
    assert watts(meter.read()) == WATTS
    meter.close()


def test_an_unpaired_or_unknown_meter_is_to_be_paired(bluez: FakeBlueZ) -> None:
    unpaired = bluez.add_device(address="00:15:A6:01:AA:01", paired=False)
    unknown = bluez.add_device(address="00:15:A6:01:AA:02", paired=False, known=False)
    for device in (unpaired, unknown):
        refused = refusal(source_of(device))
        assert refused.reason == "permission"
        assert f"wattwatch meters pair {device.address}" in str(refused)


def test_a_meter_without_a_serial_port_is_unsupported(bluez: FakeBlueZ) -> None:
    device = bluez.add_device(spp=False, gatt="raw")
    with pytest.raises(SourceUnsupported, match='transport = "ble"'):
        source_of(device).read()


@pytest.mark.parametrize("in_order", [True, False])
def test_a_restarted_bluetoothd_is_registered_with_anew(bluez: FakeBlueZ, in_order: bool) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    meter.read()
    bluez.stop_bluetoothd(in_order=in_order)
    assert watts(meter.read()) == WATTS  # the link is the kernel's, not bluetoothd's
    device.drop_link()
    assert refusal(meter).reason == "hangup"
    refused = refusal(meter)
    assert refused.reason == "absent"
    assert "bluetoothd is not running" in str(refused)
    bluez.start_bluetoothd()
    assert watts(meter.read()) == WATTS
    assert bluez.records.registrations == 2
    meter.close()


def test_a_bus_that_dies_is_connected_to_anew(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    meter.read()
    bluez.stop_bus()
    device.drop_link()
    assert refusal(meter).reason == "hangup"
    for _ in range(3):
        refused = refusal(meter)
        assert refused.reason == "absent"
        assert "no system D-Bus" in str(refused)
    bluez.start_bus()
    assert watts(meter.read()) == WATTS
    assert list(bluez.profiles) == [SPP_UUID]
    meter.close()


@pytest.mark.parametrize("ends", ["bus", "bluetoothd"])
def test_an_end_during_a_connection_ends_it_in_one_line(bluez: FakeBlueZ, ends: str) -> None:
    device = bluez.add_device()
    device.faults.connect_seconds = 60.0
    meter = source_of(device)
    errors: list[SourceError] = []
    thread = threading.Thread(target=lambda: errors.append(refusal(meter)))
    thread.start()
    until(lambda: bluez.records.connecting_now.get("hci0") == 1)
    bluez.stop_bus() if ends == "bus" else bluez.stop_bluetoothd()
    thread.join()
    assert {"bus": "D-Bus was lost", "bluetoothd": "bluetoothd ended"}[ends] in str(errors[0])
    device.faults.connect_seconds = 0.0
    bluez.start_bus() if ends == "bus" else bluez.start_bluetoothd()
    assert watts(meter.read()) == WATTS
    meter.close()


def test_another_program_with_the_profile_is_named(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    register = Message(
        "org.bluez",
        "/org/bluez",
        "org.bluez.ProfileManager1",
        "RegisterProfile",
        signature="osa{sv}",
        body=["/theirs", SPP_UUID, {}],
    )
    meter = source_of(device)
    with another_client(bluez) as call:
        call(register)
        refused = refusal(meter)
        assert refused.reason == "busy"
        assert "another program is registered" in str(refused)
    until(lambda: not bluez.profiles)
    assert watts(meter.read()) == WATTS
    meter.close()


def test_a_policy_that_keeps_us_out_names_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    policy = '<deny send_destination="org.bluez" send_interface="org.freedesktop.DBus.ObjectManager"/>'
    with FakeBlueZ(extra_policy=policy) as fake:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", fake.address)
        refused = refusal(source_of(fake.add_device()))
        close_bluez()
    assert refused.reason == "permission"
    assert "usermod -aG bluetooth" in str(refused)


def test_a_bus_that_refuses_the_user_names_what_containers_do(
    bluez: FakeBlueZ, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = source_of(bluez.add_device())
    monkeypatch.setenv("BLEAK_DBUS_AUTH_UID", "54321")  # not who we are
    refused = refusal(meter)
    assert refused.reason == "permission"
    assert "BLEAK_DBUS_AUTH_UID" in str(refused)
    monkeypatch.delenv("BLEAK_DBUS_AUTH_UID")
    assert watts(meter.read()) == WATTS
    meter.close()


def test_a_stranger_on_the_bus_cannot_hand_us_a_descriptor(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    meter.read()
    owner, path, _ = bluez.profiles[SPP_UUID]
    ours, theirs = socket.socketpair()
    before = open_descriptors()
    reply = call_as_another(
        bluez,
        Message(
            owner,
            path,
            "org.bluez.Profile1",
            "NewConnection",
            signature="oha{sv}",
            body=[device.path, 0, {}],
            unix_fds=[theirs.fileno()],
        ),
    )
    assert reply.error_name == "org.freedesktop.DBus.Error.UnknownMethod"
    until(lambda: open_descriptors() <= before)
    assert watts(meter.read()) == WATTS
    meter.close()
    ours.close()
    theirs.close()


def test_connections_of_one_adapter_are_made_one_at_a_time(bluez: FakeBlueZ) -> None:
    devices = [
        bluez.add_device(address=f"00:15:A6:01:AA:0{n}", adapter=adapter)
        for n, adapter in enumerate(["hci0", "hci0", "hci0", "hci1", "hci1"])
    ]
    for device in devices:
        device.faults.connect_seconds = 0.05
    meters = [source_of(d, f"m{n}", d.path.split("/")[3]) for n, d in enumerate(devices)]
    threads = [threading.Thread(target=meter.read) for meter in meters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [device.connects for device in devices] == [1] * 5
    assert bluez.records.most_connecting == {"hci0": 1, "hci1": 1}
    for meter in meters:
        meter.close()


def test_leaving_takes_the_profile_away_and_another_connection_brings_it_back(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    meter = source_of(device)
    meter.read()
    meter.close()
    threads = threading.active_count()
    close_bluez()
    assert bluez.profiles == {}
    assert threading.active_count() == threads - 1
    assert watts(meter.read()) == WATTS
    meter.close()


def test_a_link_outlives_the_connection_to_bluetoothd(bluez: FakeBlueZ) -> None:
    device = bluez.add_device()
    transport = open_bluez(spec_of(device), SystemClock())
    close_bluez()
    assert len(transport.exchange(b"\xf0", 130, 10.0).data) == 130
    transport.close()
    transport.close()
    until(lambda: not device.is_connected)


def test_without_dbus_fast_the_extra_is_named() -> None:
    program = (
        "import sys\n"
        "sys.modules['dbus_fast'] = None\n"
        "from wattwatch.clock import SystemClock\n"
        "from wattwatch.sources import open_source\n"
        "from wattwatch.sources.base import UmSpec\n"
        "from wattwatch.errors import MissingExtra\n"
        "try:\n"
        "    open_source(UmSpec(address='00:15:A6:01:AA:BB', transport='bluez'), SystemClock())\n"
        "except MissingExtra as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "Bluetooth needs dbus-fast: pip install 'wattwatch[bluetooth]'\n"


def test_a_meter_of_an_address_imports_no_heavy_package_until_it_is_needed() -> None:
    program = (
        "import sys\n"
        "import wattwatch.sources.um.meter, wattwatch.sources.um.connect, wattwatch.config.load\n"
        "print(sorted({'dbus_fast', 'bleak', 'serial', 'asyncio'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def call_as_another(bluez: FakeBlueZ, message: Message) -> Message:
    """The answer to a call of some other client of the bus."""
    with another_client(bluez) as call:
        return call(message)
