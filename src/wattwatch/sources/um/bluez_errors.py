"""What bluetoothd and the system bus answer when they do not do it, in one line with the next step."""

from enum import StrEnum
from typing import Final

from wattwatch.errors import SourceUnavailable
from wattwatch.sources.um.link_errors import adapter_off, away, held, unpaired

_NO_BLUETOOTHD: Final = ("ServiceUnknown", "NameHasNoOwner", "Error.Spawn")
_ENDED: Final = ("Error.NoReply", "Error.Disconnected")
_AWAY: Final = ("page-timeout", "host-down", "aborted-by-remote", "connection-timeout", "Host is down")
_UNPAIRED: Final = ("Authentication", "key-missing", "Permission denied")
_BUSY: Final = ("InProgress", "br-connection-busy", "AlreadyConnected", "already-connected")
_REFUSED: Final = ("refused", "canceled")
_NO_SERIAL_PORT: Final = ("NotAvailable", "profile-unavailable", "connection-not-supported")


class Trouble(StrEnum):
    """Why bluetoothd cannot be asked, or what it answered with."""

    NO_BUS = "no-bus"  # the system bus cannot be reached, or is gone
    NO_BLUETOOTHD = "no-bluetoothd"
    DENIED = "denied"  # the bus's policy keeps us away from bluetoothd
    REFUSED = "refused"  # bluetoothd has answered with an error


class BluezError(SourceUnavailable):
    """bluetoothd could not be asked, or refused: one line that does not say yet which meter it was about.

    `name` and `text` are those of the D-Bus error message, empty if there was none.
    """

    def __init__(self, message: str, reason: str, trouble: Trouble, name: str = "", text: str = "") -> None:
        super().__init__(message, reason)
        self.trouble = trouble
        self.name = name
        self.text = text

    def has(self, words: tuple[str, ...]) -> bool:
        """Whether one of these words is in name or text."""
        return any(word in f"{self.name} {self.text}" for word in words)

    @property
    def short_name(self) -> str:
        """The last word of the name, such as AuthenticationFailed."""
        return self.name.rpartition(".")[2]

    @property
    def is_momentary(self) -> bool:
        """Whether bluetoothd is still busy with this device: it passes."""
        return self.has(_BUSY)


def bus_error(error: Exception) -> BluezError:
    """The error to raise when the system bus cannot be reached, or went away in the middle."""
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return BluezError(
            "there is no system D-Bus here: sudo apt install dbus bluez; in a container, mount the host's "
            "/run/dbus",
            "absent",
            Trouble.NO_BUS,
        )
    if isinstance(error, PermissionError) or type(error).__name__ in {"AuthError", "AuthTimeoutError"}:
        return BluezError(
            "the system D-Bus refuses this user: in a container it may be AppArmor, or a user namespace "
            "(set BLEAK_DBUS_AUTH_UID to the user's number on the host)",
            "permission",
            Trouble.NO_BUS,
        )
    detail = f" ({' '.join(str(error).split())})" if str(error) else ""
    return BluezError(
        f"the connection to the system D-Bus was lost{detail}: systemctl status dbus bluetooth",
        "io",
        Trouble.NO_BUS,
    )


def answer_error(name: str, text: str) -> BluezError:
    """The error to raise for an error message from the bus; one of bluetoothd's own is REFUSED."""
    refused = BluezError(
        f"bluetoothd refused ({name.rpartition('.')[2]}: {text}): journalctl -u bluetooth says more",
        "io",
        Trouble.REFUSED,
        name,
        text,
    )
    if refused.has(_NO_BLUETOOTHD):
        line = "bluetoothd is not running: sudo apt install bluez && sudo systemctl enable --now bluetooth"
        return BluezError(line, "absent", Trouble.NO_BLUETOOTHD, name, text)
    if refused.has(_ENDED):
        line = "bluetoothd ended or hangs: sudo systemctl restart bluetooth"
        return BluezError(line, "io", Trouble.NO_BLUETOOTHD, name, text)
    if refused.has(("AccessDenied",)):
        line = (
            "the system D-Bus does not let this user talk to bluetoothd: sudo usermod -aG bluetooth $USER, "
            "then log in again"
        )
        return BluezError(line, "permission", Trouble.DENIED, name, text)
    return refused


def explain_connect(place: str, address: str, adapter: str, error: BluezError) -> SourceUnavailable:
    """The error to raise when a connection by bluetoothd could not be made."""
    if error.trouble is not Trouble.REFUSED:
        return SourceUnavailable(f"{place}: {error}", error.reason)
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


def _explain_meter(place: str, error: BluezError) -> SourceUnavailable:
    if error.has(_AWAY):
        return away(place)
    if error.has(_REFUSED):
        return held(place)
    if error.has(_NO_SERIAL_PORT):
        return SourceUnavailable(
            f"{place}: bluetoothd found no serial port on it: is it a UM meter? Pair it anew, or set "
            'transport = "rfcomm" and channel',
            "io",
        )
    return SourceUnavailable(
        f"{place}: bluetoothd refused ({error.short_name}: {error.text}): switch the meter off and on; "
        "journalctl -u bluetooth says more",
        "io",
    )
