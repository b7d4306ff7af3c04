"""Pairing and scanning with a fake BlueZ on a private bus: what is found, what is answered, what is left."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from dbus_fast.errors import DBusError

from support.fake_bluez import FakeBlueZ
from support.fake_bluez_device import Gatt
from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.bluez_errors import BluezError, Trouble
from wattwatch.sources.um.bluez_objects import Device, objects_of
from wattwatch.sources.um.nearby import Nearby, meters
from wattwatch.sources.um.pairing import Paired, PairingRequest, pair
from wattwatch.sources.um.pairing_agent import PairingAgent
from wattwatch.sources.um.scan import scan

METER = "00:15:A6:01:AA:BB"
OTHER = "00:15:A6:01:AA:CC"


def said_nothing(line: str) -> None:
    raise AssertionError(line)


@pytest.fixture
def bluez(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeBlueZ]:
    with FakeBlueZ() as fake:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", fake.address)
        yield fake
        assert fake.match_rules() == 0


def ask(**changes: object) -> PairingRequest:
    return PairingRequest(**{"address": METER, "search_seconds": 0.6, **changes})  # type: ignore[arg-type]


def refusal(request: PairingRequest) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as caught:
        pair(request, lambda _: None)
    assert "\n" not in str(caught.value)
    return caught.value


# -- scanning -----------------------------------------------------------------------------------------------


def test_a_scan_lists_what_could_be_a_meter_named_ones_first(bluez: FakeBlueZ) -> None:
    bluez.add_device(address=METER, name="Printer")
    bluez.add_device(address=OTHER, name="UM25C", paired=False, known=False)
    ble = bluez.add_device(
        name="E-test BLE", address="00:15:A6:01:AA:DD", spp=False, gatt=Gatt.RAW, paired=False
    )
    bluez.add_device(address="00:15:A6:01:AA:EE", name="Headset", spp=False)
    lines: list[str] = []
    found = scan(1.1, lines.append)
    assert [meter.name for meter in found.meters] == ["UM25C", "E-test BLE", "Printer"]
    assert [meter.named for meter in found.meters] == [True, True, False]
    assert {meter.rssi_dbm for meter in found.meters} <= {-60, -61}
    assert [meter.wants_pairing for meter in found.meters] == [True, False, False]
    assert found.meters[1].address == ble.address
    assert found.meters[1].links == ("ble",)
    assert found.problem == ""
    assert lines[0] == "looking for Bluetooth devices for 1.1 s"
    assert "heard UM25C (00:15:A6:01:AA:CC)" in lines


def test_without_scanning_only_paired_devices_are_listed_and_nothing_is_said(bluez: FakeBlueZ) -> None:
    bluez.add_device(address=METER, visible=False)
    bluez.add_device(address=OTHER, name="UM25C", paired=False, known=True)
    found = scan(0, said_nothing)
    assert [(meter.address, meter.rssi_dbm) for meter in found.meters] == [(METER, None)]
    assert [(adapter.name, adapter.powered) for adapter in found.adapters] == [("hci0", True)]


def test_every_adapter_scans_and_one_that_is_off_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeBlueZ(("hci0", "hci1")) as bluez:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bluez.address)
        bluez.set_powered(False, "hci0")
        bluez.add_device(address=OTHER, adapter="hci1", paired=False, known=False)
        found = scan(0.3, lambda _: None)
        assert [meter.adapter for meter in found.meters] == ["hci1"]
        assert [adapter.powered for adapter in found.adapters] == [False, True]


def test_an_adapter_that_is_off_is_not_waited_for(bluez: FakeBlueZ) -> None:
    bluez.set_powered(False)
    assert scan(60.0, said_nothing).adapters[0].powered is False


def test_without_bluetoothd_and_without_a_bus_the_trouble_is_named(bluez: FakeBlueZ) -> None:
    for stop, start, trouble, words in (
        (bluez.stop_bluetoothd, bluez.start_bluetoothd, Trouble.NO_BLUETOOTHD, "systemctl enable --now"),
        (bluez.stop_bus, bluez.start_bus, Trouble.NO_BUS, "apt install dbus"),
    ):
        stop()
        with pytest.raises(BluezError, match=words) as caught:
            scan(1.0, said_nothing)
        assert caught.value.trouble is trouble
        start()


def test_a_policy_that_keeps_us_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeBlueZ(extra_policy='<deny send_destination="org.bluez"/>') as bluez:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bluez.address)
        with pytest.raises(BluezError, match="usermod -aG bluetooth") as caught:
            scan(1.0, said_nothing)
    assert (caught.value.trouble, caught.value.reason) == (Trouble.DENIED, "permission")


def device(**properties: object) -> tuple[Device, ...]:
    known = {"Address": METER, "Paired": True, **properties}
    return objects_of({"/org/bluez/hci0/dev_1": {"org.bluez.Device1": known}}).devices


@pytest.mark.parametrize(
    ("properties", "links"),
    [
        ({"Name": "UM24C"}, ("spp",)),
        ({"Name": "um34c"}, ("spp",)),
        ({"Name": "UC96_SPP"}, ("spp",)),
        ({"Name": "UC96_BLE"}, ("ble",)),
        ({"Name": "E-test SPP"}, ("spp",)),
        ({"Alias": "E-test BLE"}, ("ble",)),
        ({"UUIDs": ["00001101-0000-1000-8000-00805F9B34FB"]}, ("spp",)),
        ({"UUIDs": ["0000ffe0-0000-1000-8000-00805f9b34fb"], "Name": "UM25C"}, ("ble",)),
        ({"Name": "Keyboard", "UUIDs": ["00001124-0000-1000-8000-00805f9b34fb"]}, None),
        ({}, None),
    ],
)
def test_names_and_services_speak_for_a_meter(
    properties: dict[str, object], links: tuple[str, ...] | None
) -> None:
    found = meters(device(**properties), {})
    assert [meter.links for meter in found] == ([] if links is None else [links])


def test_the_stronger_comes_first() -> None:
    tree = {
        f"/org/bluez/hci0/dev_{name}": {"org.bluez.Device1": {"Address": name, "Name": "UM24C"}}
        for name in ("a", "b", "c")
    }
    heard = {"/org/bluez/hci0/dev_a": -80, "/org/bluez/hci0/dev_b": -40}
    found: tuple[Nearby, ...] = meters(objects_of(tree).devices, heard)
    assert [meter.address for meter in found] == ["B", "A"]  # c was never heard, nor is it paired


# -- pairing ------------------------------------------------------------------------------------------------


def test_a_meter_is_paired_and_trusted_and_the_agent_is_gone(bluez: FakeBlueZ) -> None:
    meter = bluez.add_device(address=METER, paired=False)
    assert pair(ask(), lambda _: None) == Paired(
        METER, "UM24C", "hci0", is_first_adapter=True, was_paired=False, was_trusted=False
    )
    assert meter.paired
    assert bluez.agents == {}
    assert scan(0, said_nothing).meters[0].trusted


def test_a_meter_that_was_never_heard_is_looked_for(bluez: FakeBlueZ) -> None:
    bluez.add_device(address=METER, paired=False, known=False)
    lines: list[str] = []
    assert not pair(ask(), lines.append).was_paired
    assert lines == [f"{METER} is not known yet: looking for it for up to 0.6 s", "pairing with UM24C"]


def test_a_meter_that_compares_numbers_gets_its_yes(bluez: FakeBlueZ) -> None:
    meter = bluez.add_device(address=METER, paired=False, compares=True)
    assert not pair(ask(), lambda _: None).was_paired
    assert meter.paired


def test_the_agent_answers_for_its_own_device_only() -> None:
    agent = PairingAgent("/one", "1234")
    methods: list[Any] = [PairingAgent.request_pin_code, PairingAgent.request_passkey]
    assert [method.__wrapped__(agent, "/one") for method in methods] == ["1234", 1234]
    for method in methods:
        with pytest.raises(DBusError):
            method.__wrapped__(agent, "/two")
    with pytest.raises(DBusError):
        methods[1].__wrapped__(PairingAgent("/one", "abcd"), "/one")


def test_a_second_pairing_is_harmless_and_says_nothing(bluez: FakeBlueZ) -> None:
    bluez.add_device(address=METER)
    assert pair(ask(), said_nothing) == Paired(
        METER, "UM24C", "hci0", is_first_adapter=True, was_paired=True, was_trusted=True
    )


def test_a_wrong_pin_names_another_and_the_agent_is_gone(bluez: FakeBlueZ) -> None:
    meter = bluez.add_device(address=METER, paired=False, pin="0000")
    error = refusal(ask())
    assert "PIN 1234: try --pin 0000" in str(error)
    assert "--pin 1234" in str(refusal(ask(pin="9999")))
    assert error.reason == "permission"
    assert not meter.paired
    assert bluez.agents == {}
    assert pair(ask(pin="0000"), lambda _: None).was_paired is False


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("AuthenticationCanceled", "", "broke off"),
        ("AuthenticationTimeout", "", "broke off"),
        ("AuthenticationRejected", "", "--pin"),
        ("ConnectionAttemptFailed", "Page Timeout", "does not answer"),
        ("Failed", "br-connection-page-timeout", "does not answer"),
        ("InProgress", "In Progress", "try again in some seconds"),
        ("Failed", "Something new", "bluetoothctl pair"),
    ],
)
def test_each_refusal_is_a_line_with_what_to_do(bluez: FakeBlueZ, name: str, text: str, words: str) -> None:
    meter = bluez.add_device(address=METER, paired=False)
    meter.fail_connects(1, (f"org.bluez.Error.{name}", text))
    assert words in str(refusal(ask()))
    assert bluez.agents == {}


def test_somebody_who_was_faster_is_fine(bluez: FakeBlueZ) -> None:
    meter = bluez.add_device(address=METER, paired=False)
    meter.fail_connects(1, ("org.bluez.Error.AlreadyExists", "Already Exists"))
    assert not pair(ask(), lambda _: None).was_paired


def test_what_is_not_there_is_said_at_once_or_after_the_search(bluez: FakeBlueZ) -> None:
    assert "was not found" in str(refusal(ask()))
    assert "there is no Bluetooth adapter hci7" in str(refusal(ask(adapter="hci7")))
    bluez.set_powered(False)
    assert "bluetoothctl power on" in str(refusal(ask()))


def test_a_pairing_that_hangs_ends_by_itself(bluez: FakeBlueZ) -> None:
    meter = bluez.add_device(address=METER, paired=False)
    meter.faults.connect_seconds = 30.0
    begun = time.monotonic()
    assert "broke off" in str(refusal(ask(pair_seconds=0.2)))
    assert time.monotonic() - begun < 20
    assert bluez.agents == {}


def test_bluetoothd_that_dies_while_pairing_is_one_line(bluez: FakeBlueZ) -> None:
    meter = bluez.add_device(address=METER, paired=False)
    meter.faults.connect_seconds = 30.0
    timer = threading.Timer(0.3, bluez.stop_bluetoothd)
    timer.start()
    assert "bluetoothd ended" in str(refusal(ask()))
    timer.join()
    bluez.start_bluetoothd()
