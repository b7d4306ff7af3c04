"""Which of bluetoothd's adapters and devices to use, and why none can be; pure."""

from wattwatch.errors import SourceUnsupported
from wattwatch.sources.um.bluez_objects import Device, Objects, is_low_energy_only
from wattwatch.sources.um.link_errors import adapter_off, no_adapter, unpaired


def usable_adapters(objects: Objects, adapter: str, place: str) -> tuple[str, ...]:
    """The names of the adapters that are on, or of the wanted one alone; SourceUnavailable if there is none.

    `place` names the meter in the error line.
    """
    wanted = [each for each in objects.adapters if adapter in {"", each.name}]
    if not wanted:
        raise no_adapter(place, adapter)
    usable = tuple(each.name for each in wanted if each.powered)
    if not usable:
        raise adapter_off(place, wanted[0].name)
    return usable


def choose_adapter(objects: Objects, address: str, adapter: str, place: str) -> str:
    """The adapter to reach a device with: one that is on and knows it, else the first that is on.

    Raises SourceUnavailable with what to do.
    """
    usable = usable_adapters(objects, adapter, place)
    device = objects.device(address, usable)
    return device.adapter if device is not None else usable[0]


def choose_device(objects: Objects, address: str, adapter: str, place: str) -> Device:
    """The device to connect to: on the wanted adapter, else on one that is on, paired ones first.

    Raises SourceUnavailable with what to do, SourceUnsupported if the device has no serial port.
    """
    device = objects.device(address, usable_adapters(objects, adapter, place))
    if device is None:
        raise unpaired(place, address)
    if is_low_energy_only(device.services):
        raise SourceUnsupported(
            f'{place}: the device has no serial port but Bluetooth Low Energy: set transport = "ble"'
        )
    return device


def only_low_energy(objects: Objects, address: str) -> bool:
    """Whether what all adapters know of a device says that it speaks by FFE0 and has no serial port."""
    views = [device.services for device in objects.devices if device.address == address.upper()]
    return is_low_energy_only(frozenset[str]().union(*views))
