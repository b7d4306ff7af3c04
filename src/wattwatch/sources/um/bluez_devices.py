"""Which of bluetoothd's devices to connect to, read from its object tree; pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.errors import SourceUnsupported
from wattwatch.sources.um.link_errors import adapter_off, no_adapter, unpaired

SPP_UUID: Final = "00001101-0000-1000-8000-00805f9b34fb"
FFE0_UUID: Final = "0000ffe0-0000-1000-8000-00805f9b34fb"

ObjectTree = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Properties by path and interface, without D-Bus variants: the answer of GetManagedObjects."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that bluetoothd has an object for; one for each adapter that knows it."""

    path: str
    adapter: str
    paired: bool
    services: frozenset[str]  # UUIDs; empty while nothing is known


def known_devices(tree: ObjectTree, address: str) -> Iterator[KnownDevice]:
    """Every adapter's view of a device."""
    for path, interfaces in tree.items():
        device = interfaces.get("org.bluez.Device1", {})
        if str(device.get("Address", "")).upper() == address.upper():
            yield KnownDevice(
                path,
                str(device.get("Adapter", "")).rpartition("/")[2],
                bool(device.get("Paired")),
                frozenset(str(uuid).lower() for uuid in device.get("UUIDs", ())),
            )


def choose_device(tree: ObjectTree, address: str, adapter: str, place: str) -> KnownDevice:
    """The device to connect to: on the wanted adapter, else on one that is on, paired ones first.

    Raises SourceUnavailable with what to do, SourceUnsupported if the device has no serial port.
    """
    powered = _powered_adapters(tree)
    if adapter and adapter not in powered:
        raise no_adapter(place, adapter)
    usable = [name for name, is_on in powered.items() if is_on and adapter in {"", name}]
    if not usable:
        off = adapter or next(iter(powered), "")
        raise adapter_off(place, off) if off else no_adapter(place)
    devices = [device for device in known_devices(tree, address) if device.adapter in usable]
    if not devices:
        raise unpaired(place, address)
    device = max(devices, key=lambda device: device.paired)
    if _is_low_energy_only(device.services):
        raise SourceUnsupported(
            f'{place}: the device has no serial port but Bluetooth Low Energy: set transport = "ble"'
        )
    return device


def only_low_energy(tree: ObjectTree, address: str) -> bool:
    """Whether what is known of a device says that it speaks by FFE0 and has no serial port."""
    views = [device.services for device in known_devices(tree, address)]
    return _is_low_energy_only(frozenset[str]().union(*views))


def _is_low_energy_only(services: frozenset[str]) -> bool:
    return FFE0_UUID in services and SPP_UUID not in services


def _powered_adapters(tree: ObjectTree) -> dict[str, bool]:
    return {
        path.rpartition("/")[2]: bool(interfaces["org.bluez.Adapter1"].get("Powered"))
        for path, interfaces in sorted(tree.items())
        if "org.bluez.Adapter1" in interfaces
    }
