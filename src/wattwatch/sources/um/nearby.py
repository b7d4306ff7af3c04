"""Which of bluetoothd's devices could be meters: by their name, or by a service that meters have."""

import re
from dataclasses import dataclass
from typing import Any, Final

from wattwatch.sources.um.bluez_objects import ADAPTER, DEVICE, Objects, adapter_paths

SERIAL_PORT_UUID: Final = "00001101-0000-1000-8000-00805f9b34fb"
METER_GATT_UUID: Final = "0000ffe0-0000-1000-8000-00805f9b34fb"
# Names that meters of this protocol go by; UC96 is what some of the clones' modules say.
METER_NAMES: Final = re.compile(r"UM\d\dC|E-test (SPP|BLE)|UC96", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Adapter:
    """A Bluetooth adapter of this computer."""

    name: str
    address: str
    powered: bool


@dataclass(frozen=True, slots=True)
class Nearby:
    """A device that bluetoothd knows or that has answered the scan."""

    address: str
    name: str
    adapter: str
    paired: bool
    trusted: bool
    connected: bool
    rssi_dbm: int | None  # None: has not been heard in this scan
    links: tuple[str, ...]  # spp, ble: how it may be read
    named: bool  # by its name it is a meter; else only by a service that meters have, too

    @property
    def wants_pairing(self) -> bool:
        """Whether it cannot be read as it is: SPP needs pairing, Bluetooth Low Energy does not."""
        return "ble" not in self.links and not self.paired


@dataclass(frozen=True, slots=True)
class Scan:
    """What was found. `problem` says why an adapter could not scan, "" if all did."""

    adapters: tuple[Adapter, ...]
    meters: tuple[Nearby, ...]
    problem: str = ""


def adapters(objects: Objects) -> tuple[Adapter, ...]:
    """Every adapter of this computer."""
    return tuple(
        Adapter(
            path.rpartition("/")[2],
            str(objects[path][ADAPTER].get("Address", "")),
            bool(objects[path][ADAPTER].get("Powered", False)),
        )
        for path in adapter_paths(objects)
    )


def meters(objects: Objects, heard: dict[str, int]) -> tuple[Nearby, ...]:
    """Those that could be meters: first those that are by name, then the strongest."""
    found = [
        meter
        for path, interfaces in objects.items()
        if DEVICE in interfaces
        and (meter := nearby(path, interfaces[DEVICE], heard.get(path))) is not None
        and (meter.paired or meter.connected or meter.rssi_dbm is not None)
    ]
    return tuple(sorted(found, key=lambda meter: (not meter.named, -(meter.rssi_dbm or -999), meter.address)))


def nearby(path: str, device: dict[str, Any], rssi_dbm: int | None) -> Nearby | None:
    """The device as a meter that it could be; None if neither name nor services speak for it."""
    name = str(device.get("Name") or device.get("Alias") or "")
    uuids = {str(uuid).lower() for uuid in device.get("UUIDs", ())}
    named = METER_NAMES.match(name) is not None
    links = _links(name, uuids, named=named)
    if not links:
        return None
    return Nearby(
        address=str(device.get("Address", "")),
        name=name,
        adapter=path.split("/")[3],
        paired=bool(device.get("Paired", False)),
        trusted=bool(device.get("Trusted", False)),
        connected=bool(device.get("Connected", False)),
        rssi_dbm=rssi_dbm,
        links=links,
        named=named,
    )


def _links(name: str, uuids: set[str], *, named: bool) -> tuple[str, ...]:
    """How a device may be read. A meter whose services are not known yet has SPP, but for `E-test BLE`."""
    links = [link for link, uuid in (("spp", SERIAL_PORT_UUID), ("ble", METER_GATT_UUID)) if uuid in uuids]
    if named and not links:
        links = ["ble" if name.upper().endswith("BLE") else "spp"]
    return tuple(links)
