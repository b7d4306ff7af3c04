"""Properties of bluetoothd's devices, which strangers in the room choose: what is chosen, shown and said."""

import json
from typing import Any

from laws import one_line
from wattwatch.errors import SourceError
from wattwatch.sources.um.bluez_devices import choose_device, only_low_energy
from wattwatch.sources.um.bluez_objects import objects_of
from wattwatch.sources.um.nearby import meters

_ADDRESS = "00:15:A6:01:AA:BB"
_TYPES: dict[str, type] = {
    "Address": str,
    "Name": str,
    "Alias": str,
    "Adapter": str,
    "Paired": bool,
    "Trusted": bool,
    "Connected": bool,
    "Powered": bool,
}


def check(data: bytes) -> None:
    """The input is JSON: a list of devices and adapters, each an object of properties."""
    try:
        objects = json.loads(data)
    except (ValueError, RecursionError):
        return
    if not isinstance(objects, list):
        return
    tree = objects_of(dict(map(_object, enumerate(objects))))
    for wanted in ("", "hci0"):
        try:
            choose_device(tree, _ADDRESS, wanted, "meter")
        except SourceError as error:
            one_line(error)
    only_low_energy(tree, _ADDRESS)
    for meter in meters(tree.devices, dict.fromkeys((device.path for device in tree.devices), -60)):
        assert meter.links
        assert meter.name.isprintable(), "a stranger writes on our terminal"


def _object(numbered: tuple[int, Any]) -> tuple[str, dict[str, dict[str, Any]]]:
    """An object as D-Bus would give it: the types of properties are fixed, their values are not."""
    number, properties = numbered
    if not isinstance(properties, dict):
        properties = {}
    typed = {name: properties[name] for name, kind in _TYPES.items() if type(properties.get(name)) is kind}
    uuids = properties.get("UUIDs")
    typed["UUIDs"] = [item for item in uuids if isinstance(item, str)] if isinstance(uuids, list) else []
    interface = "org.bluez.Adapter1" if "Powered" in typed else "org.bluez.Device1"
    path = f"/org/bluez/hci{number % 2}" + ("" if "Powered" in typed else f"/dev_{number}")
    return path, {interface: typed}
