"""Which of bluetoothd's devices could be meters: by their name, or by a service that meters have."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from wattwatch.sources.um.bluez_objects import FFE0_UUID, SPP_UUID, Adapter, Device

# Names that meters of this protocol go by; UC96 is what some of the clones' modules say.
METER_NAMES: Final = re.compile(r"UM\d\dC|E-test (SPP|BLE)|UC96", re.IGNORECASE)
_NOT_HEARD_DBM: Final = -999


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


def meters(devices: Iterable[Device], heard: Mapping[str, int]) -> tuple[Nearby, ...]:
    """Those that could be meters: first those that are by name, then the strongest.

    `heard` has the signal strengths (dBm) of a scan by path of the device.
    """
    found = [
        meter
        for device in devices
        if (meter := nearby(device, heard.get(device.path))) is not None
        and (meter.paired or meter.connected or meter.rssi_dbm is not None)
    ]
    return tuple(sorted(found, key=_order))


def nearby(device: Device, rssi_dbm: int | None) -> Nearby | None:
    """The device as a meter that it could be; None if neither name nor services speak for it."""
    named = METER_NAMES.match(device.name) is not None
    links = _links(device, named=named)
    if not links:
        return None
    return Nearby(
        address=device.address,
        name=device.name,
        adapter=device.adapter,
        paired=device.paired,
        trusted=device.trusted,
        connected=device.connected,
        rssi_dbm=rssi_dbm,
        links=links,
        named=named,
    )


def _order(meter: Nearby) -> tuple[bool, int, str]:
    return not meter.named, -(meter.rssi_dbm or _NOT_HEARD_DBM), meter.address


def _links(device: Device, *, named: bool) -> tuple[str, ...]:
    """How a device may be read. A meter whose services are not known yet has SPP, but for `E-test BLE`."""
    services = (("spp", SPP_UUID), ("ble", FFE0_UUID))
    links = tuple(link for link, uuid in services if uuid in device.services)
    if named and not links:
        return ("ble",) if device.name.upper().endswith("BLE") else ("spp",)
    return links
