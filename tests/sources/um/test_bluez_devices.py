"""Which device to connect to, out of bluetoothd's object tree; and its refusals in our words."""

from typing import Any

import pytest

from wattwatch.errors import SourceUnavailable, SourceUnsupported
from wattwatch.sources.um.bluez_devices import choose_adapter, choose_device, only_low_energy
from wattwatch.sources.um.bluez_errors import Trouble, answer_error, bus_error, explain_connect
from wattwatch.sources.um.bluez_objects import FFE0_UUID, SPP_UUID, Objects, objects_of

ADDRESS = "00:15:A6:01:AA:BB"


def tree(adapters: dict[str, bool], *devices: tuple[str, bool, list[str]]) -> Objects:
    """bluetoothd's objects: adapters with their power, and the meter as (adapter, paired, services)."""
    objects: dict[str, Any] = {"/org/bluez": {"org.bluez.AgentManager1": {}}}
    for name, powered in adapters.items():
        objects[f"/org/bluez/{name}"] = {"org.bluez.Adapter1": {"Powered": powered}}
    for adapter, paired, services in devices:
        objects[f"/org/bluez/{adapter}/dev_1"] = {
            "org.bluez.Device1": {
                "Address": ADDRESS,
                "Adapter": f"/org/bluez/{adapter}",
                "Paired": paired,
                "UUIDs": services,
            }
        }
    return objects_of(objects)


def chosen(objects: Objects, adapter: str = "") -> str:
    return choose_device(objects, ADDRESS.lower(), adapter, "place").path


def test_the_paired_one_is_chosen_among_adapters_that_are_on() -> None:
    on = {"hci0": True, "hci1": True}
    assert chosen(tree(on, ("hci0", False, []), ("hci1", True, []))) == "/org/bluez/hci1/dev_1"
    assert chosen(tree(on, ("hci0", True, []), ("hci1", True, [])), "hci1") == "/org/bluez/hci1/dev_1"
    off = {"hci0": False, "hci1": True}
    assert chosen(tree(off, ("hci0", True, []), ("hci1", False, []))) == "/org/bluez/hci1/dev_1"


@pytest.mark.parametrize(
    ("objects", "adapter", "reason", "words"),
    [
        (tree({}), "", "absent", "there is no Bluetooth adapter"),
        (tree({"hci0": True}), "hci3", "absent", "there is no Bluetooth adapter hci3"),
        (tree({"hci0": False}, ("hci0", True, [])), "", "absent", "hci0 is off"),
        (tree({"hci0": True, "hci1": False}), "hci1", "absent", "hci1 is off"),
        (tree({"hci0": True}), "", "permission", "wattwatch meters pair"),
        (tree({"hci0": True, "hci1": False}, ("hci1", True, [])), "", "permission", "wattwatch meters pair"),
    ],
)
def test_what_is_missing_is_said(objects: Objects, adapter: str, reason: str, words: str) -> None:
    with pytest.raises(SourceUnavailable) as caught:
        chosen(objects, adapter)
    assert caught.value.reason == reason
    assert words in str(caught.value)


def test_a_device_without_a_serial_port_is_for_another_way() -> None:
    objects = tree({"hci0": True}, ("hci0", True, [FFE0_UUID.upper()]))
    with pytest.raises(SourceUnsupported, match='transport = "ble"'):
        chosen(objects)
    assert only_low_energy(objects, ADDRESS)


@pytest.mark.parametrize("services", [[], [SPP_UUID], [SPP_UUID, FFE0_UUID], ["0000180a"]])
def test_a_device_that_may_have_a_serial_port_is_tried(services: list[str]) -> None:
    objects = tree({"hci0": True}, ("hci0", False, services))
    assert chosen(objects) == "/org/bluez/hci0/dev_1"
    assert not only_low_energy(objects, ADDRESS)


@pytest.mark.parametrize(
    ("name", "text", "reason", "words"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "not provided", "absent", "apt install bluez"),
        ("org.freedesktop.DBus.Error.NameHasNoOwner", "", "absent", "apt install bluez"),
        ("org.freedesktop.DBus.Error.AccessDenied", "Rejected send", "permission", "usermod -aG bluetooth"),
        ("org.freedesktop.DBus.Error.NoReply", "disconnected", "io", "systemctl restart bluetooth"),
        ("org.bluez.Error.NotPermitted", "UUID already registered", "busy", 'transport = "rfcomm"'),
        ("org.bluez.Error.NotReady", "Resource Not Ready", "absent", "bluetoothctl power on"),
        ("org.bluez.Error.Failed", "br-connection-adapter-not-powered", "absent", "bluetoothctl power on"),
        ("org.bluez.Error.AuthenticationFailed", "Authentication Failed", "permission", "meters pair"),
        ("org.bluez.Error.AuthenticationRejected", "", "permission", "meters pair"),
        ("org.bluez.Error.Failed", "br-connection-key-missing", "permission", "meters pair"),
        ("org.bluez.Error.Failed", "br-connection-page-timeout", "absent", "is the meter on"),
        ("org.bluez.Error.Failed", "br-connection-aborted-by-remote", "absent", "is the meter on"),
        ("org.bluez.Error.Failed", "br-connection-refused", "busy", "disconnect the phone"),
        ("org.bluez.Error.NotAvailable", "br-connection-profile-unavailable", "io", "no serial port"),
        ("org.bluez.Error.Failed", "br-connection-unknown", "io", "br-connection-unknown"),
    ],
)
def test_every_refusal_says_what_to_do(name: str, text: str, reason: str, words: str) -> None:
    error = explain_connect("place", ADDRESS, "hci0", answer_error(name, text))
    assert error.reason == reason
    assert words in str(error)
    assert str(error).startswith("place: ")
    assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("error", "reason", "words"),
    [
        (FileNotFoundError(2, "No such file"), "absent", "/run/dbus"),
        (ConnectionRefusedError(111, "refused"), "absent", "/run/dbus"),
        (PermissionError(13, "denied"), "permission", "BLEAK_DBUS_AUTH_UID"),
        (EOFError(), "io", "systemctl status dbus"),
    ],
)
def test_a_bus_out_of_reach_says_what_to_do(error: Exception, reason: str, words: str) -> None:
    explained = explain_connect("place", ADDRESS, "hci0", bus_error(error))
    assert explained.reason == reason
    assert words in str(explained)
    assert str(explained).startswith("place: ")


def test_an_adapter_is_chosen_that_is_on_and_knows_the_device() -> None:
    on = {"hci0": True, "hci1": True, "hci10": True}
    assert choose_adapter(tree({"hci10": True, "hci2": True}), ADDRESS, "", "place") == "hci2"
    assert choose_adapter(tree(on, ("hci1", False, [])), ADDRESS.lower(), "", "place") == "hci1"
    assert choose_adapter(tree(on, ("hci1", False, [])), ADDRESS, "hci10", "place") == "hci10"
    half_off = tree({"hci0": False, "hci1": True}, ("hci0", True, []))
    assert choose_adapter(half_off, ADDRESS, "", "place") == "hci1"
    with pytest.raises(SourceUnavailable, match="hci0 is off"):
        choose_adapter(half_off, ADDRESS, "hci0", "place")


def test_answers_of_the_bus_are_told_from_bluetoothds_own() -> None:
    freedesktop = "org.freedesktop.DBus.Error."
    assert answer_error(f"{freedesktop}Spawn.ServiceNotFound", "").trouble is Trouble.NO_BLUETOOTHD
    assert answer_error(f"{freedesktop}UnknownObject", "gone").trouble is Trouble.REFUSED
    error = answer_error("org.bluez.Error.NotReady", "Resource Not Ready")
    assert (error.trouble, error.short_name, error.text) == (
        Trouble.REFUSED,
        "NotReady",
        "Resource Not Ready",
    )
    assert "bluetoothd refused (NotReady: Resource Not Ready)" in str(error)


def test_objects_are_records_whatever_is_missing() -> None:
    objects = objects_of(
        {
            "/org/bluez/hci10": {"org.bluez.Adapter1": {}},
            "/org/bluez/hci2": {"org.bluez.Adapter1": {"Address": "00:1A", "Powered": True}},
            "/org/bluez/hci2/dev_x": {
                "org.bluez.Device1": {"Address": "aa:bb", "Alias": "E-test", "RSSI": -40}
            },
            "/org/bluez/hci2/dev_x/service1": {"org.bluez.GattService1": {}},
        }
    )
    assert [(each.name, each.powered, each.path) for each in objects.adapters] == [
        ("hci2", True, "/org/bluez/hci2"),
        ("hci10", False, "/org/bluez/hci10"),
    ]
    (device,) = objects.devices
    assert (device.address, device.name, device.adapter, device.rssi_dbm) == ("AA:BB", "E-test", "hci2", -40)
    assert [device.paired, device.trusted, device.connected] == [False] * 3
    assert device.services == frozenset()
    assert objects.device("Aa:Bb", {"hci2"}) == device
    assert objects.device("AA:BB", {"hci10"}) is None


@pytest.mark.parametrize("key", ["Name", "Alias"])
def test_a_name_that_a_stranger_chose_cannot_write_on_the_terminal(key: str) -> None:
    properties = {"Address": ADDRESS, key: "UM24C\x1b[2J\n\u202e\ud800" + "x" * 1000}
    (device,) = objects_of({"/org/bluez/hci0/dev_1": {"org.bluez.Device1": properties}}).devices
    assert device.name.startswith("UM24C\N{REPLACEMENT CHARACTER}[2J" + 3 * "\N{REPLACEMENT CHARACTER}" + "x")
    assert device.name.isprintable()
    assert len(device.name) == 248
