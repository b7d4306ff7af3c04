"""What bluetoothd and the system bus answer when they do not do it, in one line with the next step."""

from dataclasses import dataclass
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.link_errors import adapter_off, away, held, unpaired

_NO_BLUETOOTHD: Final = "sudo apt install bluez && sudo systemctl enable --now bluetooth"
_AWAY: Final = ("page-timeout", "host-down", "aborted-by-remote", "connection-timeout", "Host is down")
_UNPAIRED: Final = ("Authentication", "key-missing", "Permission denied")
_BUSY: Final = ("InProgress", "br-connection-busy", "AlreadyConnected", "already-connected")
_REFUSED: Final = ("refused", "canceled")


@dataclass(frozen=True)
class RefusedError(Exception):
    """An error message from the bus: its name and text."""

    name: str
    text: str

    def has(self, words: tuple[str, ...]) -> bool:
        """Whether one of these words is in it."""
        return any(word in f"{self.name} {self.text}" for word in words)

    @property
    def is_momentary(self) -> bool:
        """Whether bluetoothd is still busy with this device: it passes."""
        return self.has(_BUSY)


def explain_refusal(place: str, address: str, adapter: str, error: RefusedError) -> SourceUnavailable:
    """The error to raise when a call to bluetoothd failed."""
    if error.has(("ServiceUnknown", "NameHasNoOwner")):
        return SourceUnavailable(f"{place}: bluetoothd is not running: {_NO_BLUETOOTHD}", "absent")
    if error.has(("AccessDenied",)):
        return SourceUnavailable(
            f"{place}: the system bus lets this user not talk to bluetoothd: "
            "sudo usermod -aG bluetooth $USER, then log in again",
            "permission",
        )
    if error.has(("Error.NoReply", "Error.Disconnected")):
        return SourceUnavailable(
            f"{place}: bluetoothd ended or hangs: sudo systemctl restart bluetooth",
            "io",
        )
    return _explain_bluez(place, address, adapter, error)


def _explain_bluez(place: str, address: str, adapter: str, error: RefusedError) -> SourceUnavailable:
    if error.has(("NotPermitted",)):
        return SourceUnavailable(
            f"{place}: another program is registered for serial ports with bluetoothd: end it (another "
            'wattwatch?), or set transport = "rfcomm"',
            "busy",
        )
    if error.has(("NotReady", "adapter-not-powered")):
        return adapter_off(place, adapter)
    if error.has(_UNPAIRED):
        return unpaired(place, address)
    return _explain_meter(place, error)


def _explain_meter(place: str, error: RefusedError) -> SourceUnavailable:
    if error.has(_AWAY):
        return away(place)
    if error.has(_REFUSED):
        return held(place)
    if error.has(("NotAvailable", "profile-unavailable")):
        return SourceUnavailable(
            f"{place}: bluetoothd found no serial port on it: is it a UM meter? Pair it anew, or set "
            'transport = "rfcomm" and channel',
            "io",
        )
    return SourceUnavailable(
        f"{place}: bluetoothd refused ({error.name.rpartition('.')[2]}: {error.text}): switch the meter off "
        "and on; journalctl -u bluetooth says more",
        "io",
    )


def explain_bus(place: str, error: Exception) -> SourceUnavailable:
    """The error to raise when the system bus cannot be reached."""
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return SourceUnavailable(
            f"{place}: there is no system D-Bus here: sudo apt install dbus bluez; in a container, mount "
            "the host's /run/dbus",
            "absent",
        )
    if isinstance(error, PermissionError) or type(error).__name__ in {"AuthError", "AuthTimeoutError"}:
        return SourceUnavailable(
            f"{place}: the system D-Bus refuses this user: in a container it may be AppArmor, or a user "
            "namespace (set BLEAK_DBUS_AUTH_UID to the user's number on the host)",
            "permission",
        )
    return lost_bus(place, error)


def lost_bus(place: str, error: Exception | None = None) -> SourceUnavailable:
    """The error to raise when the bus went away in the middle."""
    detail = f" ({error})" if error is not None and str(error) else ""
    return SourceUnavailable(
        f"{place}: the connection to the system D-Bus was lost{detail}: systemctl status dbus bluetooth", "io"
    )
