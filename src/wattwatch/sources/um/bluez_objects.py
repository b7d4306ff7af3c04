"""bluetoothd's object tree as records: the one place that knows how it names things. Pure, needs no D-Bus."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.sources.um.hci import adapter_order

BLUEZ: Final = "org.bluez"
BLUEZ_PATH: Final = "/org/bluez"
ADAPTER: Final = f"{BLUEZ}.Adapter1"
DEVICE: Final = f"{BLUEZ}.Device1"
SPP_UUID: Final = "00001101-0000-1000-8000-00805f9b34fb"  # a serial port
FFE0_UUID: Final = "0000ffe0-0000-1000-8000-00805f9b34fb"  # what meters have in Bluetooth Low Energy
_LONGEST_NAME: Final = 248  # bytes, by the specification of Bluetooth
_ADAPTER_IN_PATH: Final = 3  # "", "org", "bluez", "hci0"

Tree = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Properties by path and interface, without D-Bus variants: the answer of GetManagedObjects."""


@dataclass(frozen=True, slots=True)
class Adapter:
    """A Bluetooth adapter of this computer."""

    name: str
    address: str
    powered: bool

    @property
    def path(self) -> str:
        """Where bluetoothd has it."""
        return f"{BLUEZ_PATH}/{self.name}"


@dataclass(frozen=True, slots=True)
class Device:
    """A device that bluetoothd has an object for; one for each adapter that knows it."""

    path: str
    adapter: str
    address: str
    name: str
    paired: bool
    trusted: bool
    connected: bool
    rssi_dbm: int | None  # None unless a scan hears it now
    services: frozenset[str]  # UUIDs; empty while nothing is known


@dataclass(frozen=True, slots=True)
class Objects:
    """What bluetoothd has: adapters by number, and devices."""

    adapters: tuple[Adapter, ...]
    devices: tuple[Device, ...]

    def device(self, address: str, adapters: Collection[str]) -> Device | None:
        """The device as one of these adapters knows it, paired ones first; None if none does."""
        views = [
            each for each in self.devices if each.adapter in adapters and each.address == address.upper()
        ]
        return max(views, key=lambda device: device.paired, default=None)


def objects_of(tree: Tree) -> Objects:
    """The records of a tree."""
    adapters = [
        _adapter(path, interfaces[ADAPTER]) for path, interfaces in tree.items() if ADAPTER in interfaces
    ]
    devices = [
        _device(path, interfaces[DEVICE]) for path, interfaces in sorted(tree.items()) if DEVICE in interfaces
    ]
    return Objects(
        tuple(sorted(adapters, key=lambda adapter: adapter_order(adapter.name))),
        tuple(sorted(devices, key=lambda device: adapter_order(device.adapter))),
    )


def first_on(adapters: Iterable[Adapter]) -> str:
    """The adapter that is used where none is named: the first that is on; "" if all are off."""
    return next((adapter.name for adapter in adapters if adapter.powered), "")


def is_low_energy_only(services: frozenset[str]) -> bool:
    """Whether the services are those of a meter without a serial port."""
    return FFE0_UUID in services and SPP_UUID not in services


def _printable(name: str) -> str:
    """A name as it may be shown: anybody in the room chooses one, and terminals obey control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name[:_LONGEST_NAME])


def _adapter(path: str, properties: Mapping[str, Any]) -> Adapter:
    return Adapter(
        path.rpartition("/")[2], str(properties.get("Address", "")), bool(properties.get("Powered"))
    )


def _device(path: str, properties: Mapping[str, Any]) -> Device:
    rssi_dbm = properties.get("RSSI")
    return Device(
        path=path,
        adapter=path.split("/")[_ADAPTER_IN_PATH],
        address=str(properties.get("Address", "")).upper(),
        name=_printable(str(properties.get("Name") or properties.get("Alias") or "")),
        paired=bool(properties.get("Paired")),
        trusted=bool(properties.get("Trusted")),
        connected=bool(properties.get("Connected")),
        rssi_dbm=None if rssi_dbm is None else int(rssi_dbm),
        services=frozenset(str(uuid).lower() for uuid in properties.get("UUIDs", ())),
    )
