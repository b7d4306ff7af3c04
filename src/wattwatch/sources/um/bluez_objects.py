"""bluetoothd's objects and refusals as plain records: light, needs no D-Bus."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final

from wattwatch.errors import SourceUnavailable

BLUEZ: Final = "org.bluez"
ADAPTER: Final = "org.bluez.Adapter1"
DEVICE: Final = "org.bluez.Device1"
_DBUS_ERROR: Final = "org.freedesktop.DBus.Error."
_ABSENT: Final = ("ServiceUnknown", "NameHasNoOwner")  # and Spawn.*: it could not be started
_GONE: Final = ("NoReply", "Disconnected")

Objects = dict[str, dict[str, dict[str, Any]]]
"""Properties by path and interface, as bluetoothd has them, without the wrapping of D-Bus."""


class Trouble(StrEnum):
    """Why bluetoothd cannot be asked, or what it answered with."""

    NO_BUS = "no-bus"  # nothing listens at the system bus
    NO_BLUETOOTHD = "no-bluetoothd"
    DENIED = "denied"  # the bus's policy keeps us away
    REFUSED = "refused"  # bluetoothd has answered with an error


class BluezError(SourceUnavailable):
    """bluetoothd could not be asked or refused; `name` is the last word of its D-Bus error, or empty."""

    def __init__(self, message: str, trouble: Trouble, name: str = "", text: str = "") -> None:
        super().__init__(message, "permission" if trouble is Trouble.DENIED else "absent")
        self.trouble = trouble
        self.name = name
        self.text = text


def explain_refusal(name: str, text: str) -> BluezError:
    """The error for a D-Bus error; those that bluetoothd itself gave are for the caller to put in words."""
    if name.startswith(_DBUS_ERROR):
        short = name.removeprefix(_DBUS_ERROR)
        if short in _ABSENT or short.startswith("Spawn"):
            return BluezError(
                "bluetoothd does not run: sudo apt install bluez, then sudo systemctl enable --now bluetooth",
                Trouble.NO_BLUETOOTHD,
                short,
                text,
            )
        if short in _GONE:
            return BluezError(
                "bluetoothd went away meanwhile: sudo systemctl restart bluetooth, then try again",
                Trouble.NO_BLUETOOTHD,
                short,
                text,
            )
        if short == "AccessDenied":
            return BluezError(
                "the D-Bus policy keeps this user from bluetoothd: sudo usermod -aG bluetooth $USER, then "
                "log in again",
                Trouble.DENIED,
                short,
                text,
            )
    short = name.rpartition(".")[2]
    return BluezError(f"bluetoothd answered {short} ({text})", Trouble.REFUSED, short, text)


def adapter_paths(objects: Objects, adapter: str = "") -> list[str]:
    """The paths of the adapters, or of the one of that name."""
    paths = sorted(path for path, interfaces in objects.items() if ADAPTER in interfaces)
    return [path for path in paths if not adapter or path.rpartition("/")[2] == adapter]


def device_path(objects: Objects, address: str, adapter: str = "") -> str | None:
    """The path of a device that bluetoothd knows; None if it does not, or not by that adapter."""
    for path, interfaces in sorted(objects.items()):
        properties: Mapping[str, Any] = interfaces.get(DEVICE, {})
        on_adapter = not adapter or path.split("/")[3:4] == [adapter]
        if on_adapter and str(properties.get("Address", "")).upper() == address.upper():
            return path
    return None
